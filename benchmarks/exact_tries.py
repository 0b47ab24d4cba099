"""What more trials in an exact jump give, and what they cost.

    python benchmarks/exact_tries.py --output exact_tries.json
    python benchmarks/exact_tries.py --platform CUDA --tries 1 4 16 32 64 100

Alanine dipeptide, legs of 0.5 ps, one thread. `moved` is the share of jumps after
which the molecule is elsewhere; `a jump` and `a leg` are wall times, everything paid.
"""

import argparse
import json
import time
from pathlib import Path

import openmm
import torch
from openmm import app

from openmm_stegmn import STEGMNPropagator, load_model
from openmm_stegmn.systems import build_system, choose_platform


def main():
    """Run the command line."""
    options = parse()
    torch.set_num_threads(1)
    records = []
    print("| trials | of trials accepted | of jumps moved | a jump (ms) | a leg (ms) |")
    print("| --- | --- | --- | --- | --- |")
    for tries in options.tries:
        record = measure(tries, options)
        records.append(record)
        options.output.write_text(json.dumps(records, indent=1) + "\n")
        print(
            f"| {tries} | {record['accepted']:.1%} | {record['moved']:.1%} | "
            f"{1000 * record['seconds_a_jump']:.1f} | {1000 * record['seconds_a_leg']:.1f} |",
            flush=True,
        )


def measure(tries, options):
    """Make some jumps."""
    molecule, model = build_system(), load_model("alanine-dipeptide-exact")
    propagator = STEGMNPropagator(
        molecule.system, molecule.topology, model,
        openmm.LangevinMiddleIntegrator(model.temperature, 1.0, 0.002), guard="metropolis",
        md_frames=1, tries=tries, seed=options.seed,
    )  # fmt: skip
    simulation = app.Simulation(
        molecule.topology, molecule.system, propagator,
        choose_platform(options.platform, molecule.system),
    )  # fmt: skip
    simulation.context.setPositions(molecule.positions)
    simulation.minimizeEnergy()
    simulation.context.setVelocitiesToTemperature(model.temperature, options.seed)
    # from the second jump on: the first compiles
    simulation.step(20 * (propagator.steps_per_frame + 1))
    before, jumps, moved = propagator.statistics, 0, 0
    clock = time.perf_counter()
    legs, jumping = propagator.wall_seconds_legs, propagator.wall_seconds_jumps
    while jumps < options.jumps:
        steps = propagator.steps_to_next_frame()
        accepted = propagator.statistics.accepted
        simulation.step(steps)
        if steps == 1:
            jumps += 1
            moved += propagator.statistics.accepted > accepted
    after = propagator.statistics
    attempted = after.attempted - before.attempted
    return {
        "benchmark": "exact_tries", "tries": tries, "jumps": jumps, "moved": moved / jumps,
        "accepted": (after.accepted - before.accepted) / attempted,
        "seconds_a_jump": (propagator.wall_seconds_jumps - jumping) / jumps,
        "seconds_a_leg": (propagator.wall_seconds_legs - legs) / jumps,
        "seconds": time.perf_counter() - clock, "backend": propagator.backend,
        "platform": simulation.context.getPlatform().getName(),
    }  # fmt: skip


def parse():
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--jumps", type=int, default=1000)
    parser.add_argument("--platform", default="Reference")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("exact_tries.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
