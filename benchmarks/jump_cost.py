"""What a jump costs beside the steps it covers, and what of it is the network's and the bridge's.

    python benchmarks/jump_cost.py --output jump_cost.json

Medians over jumps, legs and recorded frames of hybrid runs, after a warm-up in which TorchScript
compiles and graphs are captured; before and after each a GPU is waited for. A frame that is
recorded is shown to the bridge: the cost of that is the frame's, not the jump's. Alanine dipeptide
has its packaged model, the others an untrained network of the same window. Each system is also run
with `persistence`, which leaves the frame as it is: that jump costs what is not the network's. What
of it is physics is told by the time of one evaluation of the energy, of which an accepted jump
takes four: two, and two of forces for the velocities drawn after it.
"""

import argparse
import json
import statistics
import time
from itertools import product
from pathlib import Path

import torch
from _matrix_systems import TEMPERATURE, Case, build
from openmm import LangevinMiddleIntegrator, app, unit

from openmm_stegmn import STEGMNPropagator, load_model
from openmm_stegmn.models import build_model
from openmm_stegmn.systems import build_system, choose_platform, platform_properties

PACKAGED = "alanine dipeptide"
SYSTEMS = (PACKAGED, "T4 lysozyme, implicit", "DHFR in water")
STILL = "persistence"
STEP, HISTORY = 0.002, 10
PHYSICS = set(range(31))
EVALUATIONS = 4
COLUMNS = (
    "jump", "network", "bridge and rest", "physics of a jump", "recorded frame", "step",
    "jump in steps",
)  # fmt: skip


def main():
    """Time each case and print a line for it."""
    options = parse()
    records = []
    print("| system | platform | back-end | threads | " + " (ms) | ".join(COLUMNS) + " |")
    print("| --- | --- | --- | ---" + " | ---:" * len(COLUMNS) + " |")
    for system, backend, threads in product(options.systems, options.backends, options.threads):
        torch.set_num_threads(threads)
        runs = [measure(system, kind, backend, options) for kind in (STILL, options.model)]
        records += [run | {"threads": threads} for run in runs]
        print(line(*records[-2:]), flush=True)
        Path(options.output).write_text(json.dumps(records, indent=1))


def line(still, run):
    """A row of the table, from a record without a network and one with it."""
    jump, bare = run["ms_per_jump"], still["ms_per_jump"]
    physics = EVALUATIONS * still["ms_per_evaluation"]
    values = (
        jump, jump - bare, bare - physics, physics, run["ms_per_recorded_frame"],
        run["ms_per_step"], jump / run["ms_per_step"],
    )  # fmt: skip
    name = f"{run['system']} ({run['atoms']} atoms, {run['jumping']} jump)"
    backend = run["backend"] + (", fused" if run["fused"] else "")
    where = (name, run["platform"], backend, str(run["threads"]))
    return "| " + " | ".join([*where, *(f"{value:.3g}" for value in values)]) + " |"


def model_of(system, kind, folder):
    """A system and a model for it."""
    if system != PACKAGED:
        case = build(system, folder)
    else:
        made = build_system()
        case = Case(made.topology, made.system, made.positions, made.n_atoms, STEP)
        packaged = load_model("alanine-dipeptide")
        if kind != STILL:
            return case, packaged
        spec = case.spec(
            architecture=kind, history=packaged.history, frame_interval=packaged.frame_interval
        )
        return case, build_model(spec)
    torch.manual_seed(0)
    return case, build_model(
        case.spec(architecture=kind, history=HISTORY, frame_interval=5 * case.step)
    )


def measure(system, kind, backend, options):
    """Medians of one run."""
    case, model = model_of(system, kind, options.folder)
    platform = choose_platform(options.platform, case.system)
    propagator = STEGMNPropagator(
        case.system,
        case.topology,
        model,
        LangevinMiddleIntegrator(TEMPERATURE, 1 / unit.picosecond, case.step),
        md_frames=1,
        backend=backend,
        fused=options.fused,
        atoms=range(case.n_jumping),
        seed=options.seed,
    )
    properties = platform_properties(platform, options.precision)
    simulation = app.Simulation(case.topology, case.system, propagator, platform, properties)
    simulation.context.setPositions(case.positions)
    if system == PACKAGED:  # the others are relaxed
        simulation.minimizeEnergy()
    simulation.context.setVelocitiesToTemperature(TEMPERATURE, options.seed)
    times = {"jump": [], "one step": [], "last step": [], "steps": []}
    while len(times["jump"]) < options.jumps + options.warm_up:
        left, tried = propagator.steps_to_next_frame(), propagator.statistics.attempted
        if left > 2:
            wall = seconds(simulation, lambda count=left - 2: simulation.step(count))
            times["steps"].append(wall / (left - 2))
            times["one step"].append(seconds(simulation, lambda: simulation.step(1)))
        last = seconds(simulation, lambda: simulation.step(1))
        jumped = propagator.statistics.attempted > tried
        times["jump" if jumped else "last step"].append(last)
    times["nothing"] = [seconds(simulation, lambda: None) for _ in range(options.jumps)]
    times["evaluation"] = [
        seconds(simulation, lambda: evaluate(simulation)) for _ in range(options.jumps)
    ]
    ms = {name: 1000 * statistics.median(walls[-options.jumps :]) for name, walls in times.items()}
    return {
        "benchmark": "jump_cost",
        "system": system,
        "atoms": case.system.getNumParticles(),
        "jumping": case.n_jumping,
        "model": model.spec.architecture,
        "parameters": sum(p.numel() for p in model.parameters()),
        "platform": platform.getName(),
        "backend": propagator.backend,
        "fused": options.fused,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "jumps": options.jumps,
        "accepted": propagator.statistics.acceptance,
        "ms_per_jump": ms["jump"] - ms["nothing"],
        "ms_per_recorded_frame": ms["last step"] - ms["one step"],
        "ms_per_step": ms["steps"],
        "ms_per_evaluation": ms["evaluation"] - ms["nothing"],
    }


def seconds(simulation, work):
    """Wall time of some work on an idle GPU, until it is done."""
    simulation.context.getState(positions=True)
    started = time.perf_counter()
    work()
    simulation.context.getState(velocities=True)
    return time.perf_counter() - started


def evaluate(simulation):
    """Energy of physics, anew."""
    simulation.context.setParameter("stegmn_phase", 0.0)
    simulation.context.getState(energy=True, groups=PHYSICS)


def parse():
    """Options; the defaults give the figures in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", default=[PACKAGED], choices=SYSTEMS)
    parser.add_argument("--model", default="stegmn", help="untrained, where there is no packaged")
    parser.add_argument("--backends", nargs="+", default=["torch", "python"])
    parser.add_argument("--fused", action="store_true", help="kernels, of back-end python")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--platform", default="Reference")
    parser.add_argument("--precision", default="mixed", help="on a GPU")
    parser.add_argument("--jumps", type=int, default=200)
    parser.add_argument("--warm-up", type=int, default=10, help="further jumps")
    parser.add_argument("--folder", type=Path, help="of systems, see propagator_systems.py")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--output", default="jump_cost.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
