"""What a jump costs beside the steps it covers: alanine dipeptide, packaged model.

    python benchmarks/jump_cost.py --output jump_cost.json

Medians over jumps and legs of one hybrid run for each back-end and number of threads, after a
warm-up in which TorchScript compiles. Wall times include the bridge, both energies, the polish and
the recording of frames.
"""

import argparse
import json
import statistics

import torch
from openmm import LangevinMiddleIntegrator, app, unit

from openmm_stegmn import STEGMNPropagator, load_model
from openmm_stegmn.systems import build_system, choose_platform

WARM_UP = 10


def main():
    """Time each case and print a line for it."""
    options = parse()
    records = []
    print("platform, back-end, threads: ms a jump, ms for the steps it covers")
    for backend in options.backends:
        for threads in options.threads:
            torch.set_num_threads(threads)
            records.append(measure(backend, options) | {"threads": threads})
            record = records[-1]
            print(
                f"{record['platform']}, {backend}, {threads}: {record['ms_per_jump']:.1f}, "
                f"{record['ms_per_covered_steps']:.1f}",
                flush=True,
            )
            with open(options.output, "w") as file:
                json.dump(records, file, indent=1)


def measure(backend, options):
    """Median wall time of a jump and of the physical frame that it stands for."""
    molecule = build_system()
    platform = choose_platform(options.platform, molecule.system)
    propagator = STEGMNPropagator(
        molecule.system,
        molecule.topology,
        load_model("alanine-dipeptide"),
        LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 2 * unit.femtoseconds),
        md_frames=1,
        backend=backend,
        seed=options.seed,
    )
    simulation = app.Simulation(molecule.topology, molecule.system, propagator, platform)
    simulation.context.setPositions(molecule.positions)
    simulation.minimizeEnergy()
    jumps, legs = [], []
    while len(jumps) < options.jumps + WARM_UP:
        tried = propagator.statistics.attempted
        before = propagator.wall_seconds_legs, propagator.wall_seconds_jumps
        simulation.step(propagator.steps_to_next_frame())
        if propagator.statistics.attempted > tried:
            jumps.append(propagator.wall_seconds_jumps - before[1])
        else:
            legs.append(propagator.wall_seconds_legs - before[0])
    return {
        "benchmark": "jump_cost",
        "platform": platform.getName(),
        "backend": backend,
        "jumps": options.jumps,
        "ms_per_jump": 1000 * statistics.median(jumps[WARM_UP:]),
        "ms_per_covered_steps": 1000 * statistics.median(legs[WARM_UP:]),
    }


def parse():
    """Options; the defaults give the figures in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", default=["torch", "python"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--platform", default="Reference")
    parser.add_argument("--jumps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--output", default="jump_cost.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
