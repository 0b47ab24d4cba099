"""Below which interval a jump costs more than it covers, and what schedules make of a day.

    python benchmarks/break_even.py --platform CUDA --output break_even.json
    python benchmarks/break_even.py --platform CUDA --folder systems      # no openmmtools there

Alanine dipeptide has its packaged model; the others have `stegmn` as it is before training, fitted
by least squares to plain dynamics of its own: what a jump costs does not depend on its weights, how
many are kept does. Plain dynamics and hybrid cycles take turns in one process, each waited for. The
cost of a jump is what a cycle takes beyond as many steps of plain dynamics just before: bridge,
energies, corrector steps, recorded frames and rejected jumps are all in it. It is told best where
legs are short.
Nominal speed counts the time that the clock has advanced by, with what jumps were kept, and, as the
most there could be, with all of them. `propagator_systems.py --prepare --folder systems` writes
the systems for a machine without openmmtools.
"""

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
import torch
from _matrix_systems import TEMPERATURE, build
from openmm import app

from openmm_stegmn.atomic_files import write_atomically
from openmm_stegmn.benchmarks import BenchmarkTable
from openmm_stegmn.data import WindowBlocks, WindowSet
from openmm_stegmn.models import build_model, load_model
from openmm_stegmn.simulation import BACKENDS, STEGMNPropagator
from openmm_stegmn.systems import SetupError, build_system, choose_platform, platform_properties
from openmm_stegmn.units import to_angstrom

ALANINE = "alanine dipeptide"
SYSTEMS = (ALANINE, "T4 lysozyme, implicit", "DHFR in water")
FRICTION, STEP, SEED, WARM_UP = 1.0, 0.002, 2026, 2
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Start:
    """A relaxed system, and a model of what of it jumps."""

    topology: app.Topology
    system: openmm.System
    state: openmm.State
    model: torch.nn.Module
    step: float
    jumping: int


def main():
    """Measure what the output lacks, and print the table."""
    options = parse()
    torch.set_num_threads(options.threads)
    records = json.loads(options.output.read_text()) if options.output.exists() else []
    done = {(record["system"], record["platform"], record["schedule"]) for record in records}
    for name in options.systems:
        wanted = [
            each for each in options.schedules if (name, options.platform, each) not in done
        ]  # fmt: skip
        if not wanted:
            continue
        start = prepare(name, options)
        for schedule in wanted:
            records.append(measure(name, start, schedule, options))
            write_atomically(options.output, (json.dumps(records, indent=1) + "\n").encode())
            print(line(records[-1]), flush=True)
    print(table(records).markdown())


def prepare(name, options):
    """Relax a system, and make its model: the packaged one, or one fitted to what follows."""
    if name == ALANINE:
        made = build_system()
        topology, system, positions = made.topology, made.system, made.positions
        model, step, jumping = load_model("alanine-dipeptide"), STEP, len(positions)
    else:
        case = build(name, options.folder)
        topology, system, positions = case.topology, case.system, case.positions
        model, step, jumping = None, case.step, case.n_jumping
    context = context_of(openmm.XmlSerializer.clone(system), integrator(step, 5.0), options)
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=options.minimisation)
    context.setVelocitiesToTemperature(TEMPERATURE, SEED)
    context.getIntegrator().step(options.relaxation)
    if model is None:
        frames = []
        for _ in range(options.history + options.frames):
            context.getIntegrator().step(options.steps)
            places = context.getState(positions=True).getPositions(asNumpy=True)._value
            frames.append(to_angstrom(torch.from_numpy(places[:jumping])).float())
        model = fitted(case, torch.stack(frames), options)
    state = context.getState(positions=True, velocities=True)
    return Start(topology, system, state, model, step, jumping)


def fitted(case, frames, options):
    """`stegmn` as it is before training."""
    spec = case.spec(
        architecture="stegmn", history=options.history, frame_interval=options.steps * case.step
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = build_model(spec)
    windows = WindowSet.from_trajectories([frames], options.history)
    with torch.no_grad():
        model.fit(WindowBlocks.of_set(windows))
    return model.eval().requires_grad_(False)


def measure(name, start, schedule, options):
    """Plain dynamics and hybrid cycles by turns, of one schedule; a record."""
    md_frames, jumps = map(int, schedule.split(":"))
    plain = context_of(
        openmm.XmlSerializer.clone(start.system), integrator(start.step), options
    )  # fmt: skip
    begin(plain, start)
    system = openmm.XmlSerializer.clone(start.system)
    propagator = STEGMNPropagator(
        system, start.topology, start.model, integrator(start.step), md_frames=md_frames,
        jumps=jumps, backend=options.backend, seed=SEED,
    )  # fmt: skip
    simulation = app.Simulation(start.topology, system, propagator, *platform(options.platform))
    begin(simulation.context, start)
    steps = md_frames * propagator.steps_per_frame
    times, cycles, costs, begun = [], [], [], time.perf_counter()
    while len(cycles) < WARM_UP + options.cycles:
        # As many steps at a time as in a cycle: waiting for the device takes time, too.
        times.append(timed(plain, lambda: plain.getIntegrator().step(steps)) / steps)
        cycles.append(cycle(simulation, propagator, jumps))
        made = cycles[-1]
        costs.append((made["seconds"] - made["steps"] * times[-1]) / made["attempted"])
        late = time.perf_counter() - begun > options.seconds
        if late and len(cycles) > WARM_UP + 1:
            break
    times, cycles, costs = times[WARM_UP:], cycles[WARM_UP:], costs[WARM_UP:]
    a_step, cost = statistics.median(times), statistics.median(costs)
    sums = {key: sum(made[key] for made in cycles) for key in cycles[0]}
    covered = propagator.jump_time
    most = sums["steps"] * start.step + sums["attempted"] * covered
    kept = sums["accepted"] / sums["attempted"]
    a_day = SECONDS_A_DAY / 1000  # ps a second to ns a day
    return {
        "benchmark": "break_even", "system": name, "platform": options.platform,
        "schedule": schedule, "backend": propagator.backend, "atoms": system.getNumParticles(),
        "jumping": start.jumping, "history": start.model.history, "time_step_ps": start.step,
        "frame_interval_ps": propagator.frame_interval, "jump_time_ps": covered,
        "cycles": len(cycles), "ms_per_step": 1000 * a_step,
        "quartiles_ms_per_step": quartiles(times), "ms_per_jump": 1000 * cost,
        "quartiles_ms_per_jump": quartiles(costs), "steps_per_jump": cost / a_step,
        "break_even_ps": cost / a_step * start.step,
        "break_even_with_rejected_ps": cost / a_step * start.step / kept if kept else None,
        "kept": kept, "plain_ns_per_day": a_day * start.step / a_step,
        "hybrid_ns_per_day": a_day * sums["advanced"] / sums["seconds"],
        "hybrid_if_all_kept_ns_per_day": a_day * most / sums["seconds"],
    }  # fmt: skip


def cycle(simulation, propagator, jumps):
    """Time one leg and its jumps; what came of them."""
    context, before = simulation.context, propagator.statistics
    clock = context.getTime()._value

    def run():
        while propagator.statistics.attempted < before.attempted + jumps:
            simulation.step(propagator.steps_to_next_frame())

    seconds, after = timed(context, run), propagator.statistics
    return {
        "seconds": seconds, "steps": after.physical_steps - before.physical_steps,
        "attempted": after.attempted - before.attempted,
        "accepted": after.accepted - before.accepted,
        "advanced": context.getTime()._value - clock,
    }  # fmt: skip


def timed(context, work):
    """Seconds of some work, the device waited for."""
    context.getState(positions=True)
    start = time.perf_counter()
    work()
    context.getState(positions=True)
    return time.perf_counter() - start


def quartiles(seconds):
    """First and third, ms."""
    return [1000 * float(value) for value in np.quantile(seconds, (0.25, 0.75))]


def integrator(step, friction=FRICTION):
    """Langevin dynamics."""
    made = openmm.LangevinMiddleIntegrator(TEMPERATURE, friction, step)
    made.setRandomNumberSeed(SEED)
    return made


def context_of(system, integrator, options):
    """On the platform asked for."""
    return openmm.Context(system, integrator, *platform(options.platform))


def platform(name):
    """Arguments of a Context for a platform, by a name such as "CUDA, mixed"."""
    name, _, precision = name.partition(", ")
    found = openmm.Platform.getPlatformByName(name)
    return found, platform_properties(found, precision or "single")


def begin(context, start):
    """Set positions, box and velocities."""
    context.setPeriodicBoxVectors(*start.state.getPeriodicBoxVectors())
    context.setPositions(start.state.getPositions())
    context.setVelocities(start.state.getVelocities())


def line(made):
    """A record in short."""
    return (
        f"{made['system']}, {made['schedule']}: a jump {made['ms_per_jump']:.2f} ms, "
        f"{made['steps_per_jump']:.0f} steps, {100 * made['kept']:.0f} % kept"
    )


def table(records):
    """Of all records."""
    head = [
        "system", "atoms (jumping)", "platform, back-end", "schedule", "a step (µs)",
        "a jump (ms)", "quartiles", "in steps", "breaks even at (ps)", "with those rejected",
        "interval (ps)", "kept (%)", "plain MD (ns/day)", "hybrid, nominal (ns/day)",
        "if all were kept",
    ]  # fmt: skip
    rows = []
    for made in records:
        rejected = made["break_even_with_rejected_ps"]
        lower, upper = made["quartiles_ms_per_jump"]
        rows.append([
            made["system"], f"{made['atoms']:,} ({made['jumping']:,})",
            f"{made['platform']}, {made['backend']}", made["schedule"],
            f"{1000 * made['ms_per_step']:.0f}", f"{made['ms_per_jump']:.3g}",
            f"{lower:.3g}–{upper:.3g}", f"{made['steps_per_jump']:.3g}",
            f"{made['break_even_ps']:.3g}", "never" if rejected is None else f"{rejected:.3g}",
            f"{made['jump_time_ps']:.3g}", f"{100 * made['kept']:.0f}",
            *(f"{made[name]:.3g}" for name in (
                "plain_ns_per_day", "hybrid_ns_per_day", "hybrid_if_all_kept_ns_per_day",
            )),
        ])  # fmt: skip
    title = "A jump pays if it covers more than the time at which it breaks even"
    return BenchmarkTable(title, head, rows)


def schedule(text):
    """Frames and jumps, as "10:1"."""
    numbers = text.split(":")
    if len(numbers) != 2 or not all(number.isdecimal() and int(number) for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is no schedule such as 10:1, frames to jumps")
    return text


def at_least(least):
    """A whole number that is no smaller."""

    def number(text):
        if not text.lstrip("-").isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of {least} or more")
        return int(text)

    return number


def positive(text):
    """A number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return value


def parse():
    """Options; the defaults are for a GPU."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", default=SYSTEMS, choices=SYSTEMS)
    parser.add_argument("--schedules", nargs="+", type=schedule, default=["10:1", "2:1", "1:1"])
    parser.add_argument("--platform", default="CUDA, mixed", help='also as "CPU" or "Reference"')
    parser.add_argument("--backend", default="auto", choices=("auto", *BACKENDS))
    parser.add_argument("--folder", type=Path, help="of systems, see propagator_systems.py")
    parser.add_argument(
        "--steps", type=at_least(1), default=500, help="in a frame, where no model is packaged"
    )
    parser.add_argument("--history", type=at_least(2), default=10, help="T, of such a model")
    parser.add_argument("--frames", type=at_least(1), default=30, help="that it is fitted to")
    parser.add_argument("--minimisation", type=at_least(1), default=100, help="iterations")
    parser.add_argument("--relaxation", type=at_least(0), default=2000, help="steps")
    parser.add_argument("--cycles", type=at_least(2), default=20, help="timed, of each schedule")
    parser.add_argument("--seconds", type=positive, default=20.0, help="after which no more cycles")
    parser.add_argument("--threads", type=at_least(1), default=1, help="of the network on a CPU")
    parser.add_argument("--output", type=Path, default=Path("break_even.json"))
    options = parser.parse_args()
    if options.folder is not None and not options.folder.is_dir():
        parser.error(f"--folder {options.folder}: no such folder")
    try:
        choose_platform(options.platform.partition(", ")[0])
    except SetupError as error:
        parser.error(str(error))
    return options


if __name__ == "__main__":
    main()
