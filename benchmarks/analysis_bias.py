"""Free energies of hybrid runs of alanine dipeptide, as they are and corrected from the legs alone.

    python benchmarks/analysis_bias.py                          # on a CPU, some 20 minutes
    python benchmarks/analysis_bias.py --lengths 5000 20000 80000 --seeds 3 --reference-ns 200 \
        --sampling sampling --platform CUDA --output analysis_bias.json

Each kind of run is compared with a long reference of plain dynamics (the files of
``openmm-stegmn benchmark sampling``, made where they are not there): root mean square difference of
the free energy over (φ, ψ), in bins of 15° that hold 0.1 % or more of the reference, of all frames
as they are and of the Markov model of the legs; shares of the basins, times to leave them, and what
the report says first. ``bad`` is a model that was made bad: the density of the packaged one with
the weights of all components in αR raised, so that jumps push the molecule there. Runs that
``--work`` holds are not made again.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import MDAnalysis
import numpy as np
import torch
from _runs import run_plain

from openmm_stegmn import load_model, save_model
from openmm_stegmn.analysis import (
    analyze_trajectory,
    angle_histogram,
    basins_of,
    free_energy_error,
    summary_sentences,
    write_report,
)
from openmm_stegmn.benchmarks import reference_angles
from openmm_stegmn.mechanics import dihedral
from openmm_stegmn.runs import RunFolder, RunSettings, hybrid_run
from openmm_stegmn.systems import packaged_structure

MOLECULE = "alanine-dipeptide"
KINDS = {
    "deterministic": {},
    "dynamics": {"model": "alanine-dipeptide-exact", "guard": "energy", "jump_time": 5.0},
    "exact": {"model": "alanine-dipeptide-exact", "guard": "metropolis"},
    "bad": {"model": "bad.safetensors", "guard": "energy", "jump_time": 5.0},
}
BASINS = ("beta", "alpha_R", "phi_positive")


def main():
    options = parse()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    options.work.mkdir(parents=True, exist_ok=True)
    record = json.loads(options.output.read_text()) if options.output.exists() else {}
    replicas = reference_angles(
        options.sampling, MOLECULE, options.reference_ns, options.replicas, options.processes
    )
    record["reference"] = about_reference(replicas, options)
    print(json.dumps(record["reference"]), flush=True)
    for kind in options.kinds:
        for length in options.lengths:
            for seed in range(1, options.seeds + 1):
                name = f"{kind}-{length:g}-{seed}"
                if name in record and record[name]["md_frames"] == options.md_frames:
                    continue
                record[name] = measure(kind, length, seed, name, replicas, options)
                options.output.write_text(json.dumps(record, indent=1) + "\n")
                print(f"{name}: {json.dumps(record[name])}", flush=True)
    options.output.write_text(json.dumps(record, indent=1) + "\n")
    print("\n" + table(record, options))


def about_reference(replicas, options):
    """Shares of the basins, and how far halves of the reference are from each other."""
    half = max(len(replicas) // 2, 1)
    parts = replicas if len(replicas) > 1 else np.array_split(replicas[0], 2)
    halves = [angle_histogram(*np.concatenate(p).T) for p in (parts[:half], parts[half:])]
    shares = np.array([share(each) for each in parts])
    return {
        "nanoseconds": options.reference_ns,
        "shares": dict(zip(BASINS, share(np.concatenate(replicas)), strict=True)),
        "share_errors": dict(
            zip(BASINS, shares.std(0, ddof=1) / np.sqrt(len(shares)), strict=True)
        ),
        # the mean of both has half the difference of the halves
        "free_energy_error_kT": free_energy_error(*halves)[0] / 2,
    }


def share(angles):
    """Shares of the basins."""
    return np.bincount(basins_of(angles), minlength=3) / len(angles)


def measure(kind, length, seed, name, replicas, options):
    """Run, or read the run that is there, and compare with the reference."""
    folder = RunFolder(options.work / name)
    if not folder.read_summary().get("completed"):
        values = dict(KINDS[kind])
        if kind == "bad":
            values["model"] = str(bad_model(options.work / values["model"], options.bonus))
        settings = RunSettings(
            **values, length=length, seed=seed, platform=options.platform, energies=True,
            equilibration=50.0, md_frames=options.md_frames,
        )  # fmt: skip
        hybrid_run(settings, folder.path, overwrite=True)
    plain = plain_run(options)
    atoms, other = (
        MDAnalysis.Universe(str(where / "topology.pdb"), str(where / file)).atoms
        for where, file in ((folder.path, "hybrid.h5md"), (plain, "plain.dcd"))
    )
    started = time.perf_counter()
    molecule, _ = folder.rebuild_molecule()
    analysis = analyze_trajectory(
        atoms, reference=other, system=molecule.system, temperature=300.0, lag=options.lag
    )
    write_report(analysis, folder.path / "analysis.html", title=name)
    (found,) = analysis.free_energies
    reference = angle_histogram(*np.concatenate(replicas).T)
    corrected = found.corrected
    errors = {"raw": free_energy_error(found.raw.population, reference)}
    errors["corrected"] = free_energy_error(corrected.population, reference)
    visited = (reference >= 1e-3 * reference.sum()) & np.isfinite(corrected.energy)
    widths = (corrected.high - corrected.low)[visited]
    # free energies have no zero: the mean difference is none
    truth = -np.log(reference[visited])
    truth += (corrected.energy[visited] - truth).mean()
    held = (corrected.low[visited] <= truth) & (truth <= corrected.high[visited])
    return {
        "md_frames": options.md_frames,
        "frames": len(analysis.frames),
        "acceptance": analysis.jumps.results.accepted / max(analysis.jumps.results.attempted, 1),
        "rms_kT": {side: value for side, (value, _) in errors.items()},
        "bins_unvisited": {side: value for side, (_, value) in errors.items()},
        "corrected_error_kT": float(np.sqrt(np.mean((widths[np.isfinite(widths)] / 3.92) ** 2))),
        "bins_in_interval": float(held.mean()),
        "unknown_share": None if analysis.markov is None else analysis.markov.results.unknown_share,
        "lag_ps": None if analysis.markov is None else analysis.markov.results.lag,
        "basins": {
            basin: {side: finite(row[side]) for side in ("raw", "corrected", "leaving")}
            for basin, row in zip(BASINS, found.basins, strict=True)
        },
        "first_sentence": summary_sentences(analysis)[0],
        "seconds": time.perf_counter() - started,
    }  # fmt: skip


def finite(bounds):
    """JSON has no NaN."""
    return None if bounds is None or not np.isfinite(bounds).all() else list(bounds)


def plain_run(options):
    """Plain dynamics as a trajectory, for the report."""
    folder = options.work / f"plain-{options.plain:g}"
    if not (folder / "done").exists():
        settings = RunSettings(
            platform=options.platform, length=options.plain, seed=99, equilibration=50.0
        )
        run_plain(settings, folder, every=1.0, label="plain")
        (folder / "done").touch()
    return folder


def bad_model(path, bonus):
    """The packaged density with the weights of all components in αR raised by e to the bonus."""
    if path.exists():
        return path
    model = load_model("alanine-dipeptide-exact")
    angles = component_angles(model)
    chosen = torch.from_numpy(basins_of(angles.numpy()) == 1)
    if not 0 < chosen.sum() < len(chosen):
        raise SystemExit(f"{int(chosen.sum())} of {len(chosen)} components are in αR")
    with torch.no_grad():
        model.of_all[-1].bias[chosen] += bonus
    save_model(model, path)
    return path


def component_angles(model):
    """φ and ψ of the centres of the model's components, rad, ``(n_components, 2)``."""
    atoms = MDAnalysis.Universe(str(packaged_structure(MOLECULE))).atoms
    frame = torch.from_numpy(atoms.positions.astype(np.float64))
    body = model.context.body
    own, found = body.torsions(frame), []
    for names in (("C", "N", "CA", "C"), ("N", "CA", "C", "N")):
        residues = (1, 2, 2, 2) if names[0] == "C" else (2, 2, 2, 3)
        four = [
            atoms.select_atoms(f"resid {residue} and name {name}")[0].index
            for residue, name in zip(residues, names, strict=True)
        ]
        axis = set(four[1:3])
        bond = next(
            n for n, other in enumerate(body.torsion_atoms.tolist()) if set(other[1:3]) == axis
        )
        offset = dihedral(*frame[four]) - own[bond]
        centre = torch.atan2(model.centres[bond, :, 1], model.centres[bond, :, 0])
        found.append(torch.remainder(centre + offset + torch.pi, 2 * torch.pi) - torch.pi)
    return torch.stack(found, 1).detach()


def table(record, options):
    """Markdown: means over seeds, and the spread between them."""
    reference = record["reference"]
    shares = ", ".join(
        f"{basin} {100 * value:.1f} ± {100 * reference['share_errors'][basin]:.1f} %"
        for basin, value in reference["shares"].items()
    )
    lines = [
        f"Reference: {reference['nanoseconds']:g} ns, own error "
        f"{reference['free_energy_error_kT']:.2f} kT; {shares}.",
        "",
        "| run | length (ps) | raw (kT) | corrected (kT) | its own error (kT) | bins in its 95 % | "
        "αR raw (%) | αR corrected (%) | not known (%) |",
        "|" + " --- |" * 9,
    ]
    for kind in options.kinds:
        for length in options.lengths:
            own = [
                record[f"{kind}-{length:g}-{seed}"] for seed in range(1, options.seeds + 1)
                if f"{kind}-{length:g}-{seed}" in record
            ]  # fmt: skip
            if own:
                lines.append(row(kind, length, own))
    sentences = [
        f"- {kind}: {record[name]['first_sentence']}"
        for kind in options.kinds
        if (name := f"{kind}-{options.lengths[-1]:g}-1") in record
    ]
    return "\n".join([*lines, "", *sentences])


def row(kind, length, own):
    """One line of the table."""

    def cell(values, form="{:.2f}"):
        values = np.array([value for value in values if value is not None], float)
        if not len(values):
            return "-"
        text = form.format(values.mean())
        return text if len(values) < 2 else f"{text} ± {form.format(values.std(ddof=1))}"

    cells = [
        kind, f"{length:g}",
        cell(each["rms_kT"]["raw"] for each in own),
        cell(each["rms_kT"]["corrected"] for each in own),
        cell(each["corrected_error_kT"] for each in own),
        cell((100 * each["bins_in_interval"] for each in own), "{:.0f}"),
        cell((100 * each["basins"]["alpha_R"]["raw"][0] for each in own), "{:.1f}"),
        cell((100 * (each["basins"]["alpha_R"]["corrected"] or [np.nan])[0] for each in own),
             "{:.1f}"),
        cell((None if each["unknown_share"] is None else 100 * each["unknown_share"]
              for each in own), "{:.1f}"),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def parse():
    """Options; the defaults are small."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--lengths", nargs="+", type=float, default=[500.0, 2000.0], help="ps")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--md-frames", type=int, default=10, help="physical frames in a leg")
    parser.add_argument("--lag", type=float, help="of the Markov model, ps")
    parser.add_argument("--bonus", type=float, default=2.5, help="of αR in the bad model, kT")
    parser.add_argument("--reference-ns", type=float, default=10.0)
    parser.add_argument("--replicas", type=int, default=2, help="of the reference")
    parser.add_argument("--sampling", type=Path, default=Path("sampling"), help="its folder")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--plain", type=float, default=3000.0, help="ps of MD for the report")
    parser.add_argument("--platform", default="Reference")
    parser.add_argument("--work", type=Path, default=Path("analysis-bias"))
    parser.add_argument("--output", type=Path, default=Path("analysis_bias.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
