"""Acceptance of exact moves of the packaged model, by the time they are drawn for.

    python benchmarks/exact_acceptance.py --output exact_acceptance.json

Moves of alanine dipeptide from frames of plain dynamics of another seed; energies and densities of
both directions are counted. `psi` and `phi` are the mean of the chance to be accepted times 1 − cos
of how far the bond turns: how much a trial moves it.
"""

import argparse
import json
from pathlib import Path

import torch

from openmm_stegmn import load_model
from openmm_stegmn.data import simulate_replicas
from openmm_stegmn.models import log_lag
from openmm_stegmn.systems import build_system
from openmm_stegmn.training import measure_acceptance


def main():
    """Run the command line."""
    options = parse()
    torch.set_num_threads(1)
    molecule, model = build_system(), load_model(options.model)
    names = list(zip(model.spec.residue_names, model.spec.atom_names, strict=True))
    axes = [set(atoms[1:3]) for atoms in model.context.body.torsion_atoms.tolist()]
    phi, psi = (
        axes.index({names.index(("ALA", "CA")), names.index(("ALA", other))})
        for other in ("N", "C")
    )
    (frames,) = simulate_replicas(
        molecule.system, molecule.positions, [options.seed], options.frames, frame_interval=1.0
    )
    records = []
    print("| drawn for | accepted | φ | ψ | ΔU proposed, median (kJ/mol) |")
    print("| --- | --- | --- | --- | --- |")
    for lag in model.lags:
        model.lag.copy_(log_lag(lag))
        found = measure_acceptance(model, molecule.system, frames, model.temperature)
        time = None if lag is None else lag * model.frame_interval
        records.append(found.as_dict() | {"benchmark": "exact_acceptance", "time_ps": time})
        what = "equilibrium" if time is None else f"{time:g} ps"
        print(
            f"| {what} | {found.acceptance:.1%} | {found.turned[phi]:.3f} | "
            f"{found.turned[psi]:.3f} | {found.energy_median:+.1f} |",
            flush=True,
        )
    options.output.write_text(json.dumps(records, indent=1) + "\n")


def parse():
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="alanine-dipeptide-exact")
    parser.add_argument("--frames", type=int, default=500, help="1 ps apart, 4 moves from each")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path, default=Path("exact_acceptance.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
