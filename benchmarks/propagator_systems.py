"""The propagator on many systems, physical members, platforms and back-ends, beside plain dynamics.

    python benchmarks/propagator_systems.py --output propagator_systems.json

Jumps are by a linear model of torsions, `torsion-linear-ar` with a window of four frames five steps
apart, fitted for each system on the plain dynamics that it starts from. Such jumps are not drawn
from the Boltzmann distribution and may heat or cool what they move. So every run is made again with
`persistence`, whose jumps stay where they are: there temperature and density must be those of plain
dynamics, or the propagator is wrong. Schedule: ten physical frames, one jump. Guard "energy" and
velocities "maxwell", the defaults. Temperatures are read every frame, and so is the density. For
members that conserve energy, the change of the total energy from just after a jump to the end of
its leg is compared with that of plain dynamics over as many steps. A record that is in the output
is not made again; `--table` prints the records alone.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import openmm
import torch
from _ensemble import block_mean
from _matrix_systems import SYSTEMS, TEMPERATURE, build, write
from _members import MEMBERS, split_forces
from openmm import app, unit

from openmm_stegmn.data import WindowBlocks, WindowSet
from openmm_stegmn.models import build_model
from openmm_stegmn.simulation import STEGMNPropagator
from openmm_stegmn.systems import choose_platform, platform_properties
from openmm_stegmn.units import GAS_CONSTANT, to_angstrom

STEPS_PER_FRAME, MD_FRAMES, HISTORY, FRICTION, SEED = 5, 10, 4, 1.0, 2026
PHYSICS = set(range(31))
#: Every member is run on these, the others with LangevinMiddle.
ALL_MEMBERS = ("vacuum, HBonds", "water, cube")
#: More atoms than this are left out on Reference.
REFERENCE_MOST = 100
MODELS = ("persistence", "torsion-linear-ar")
NPT = "water, 1 bar, 4 fs"
DALTON_PER_NM3 = 1.66053906660e-3  # g/mL


@dataclass
class Readings:
    """Temperature, density and total energy along a run."""

    system: openmm.System
    temperatures: list = field(default_factory=list)
    densities: list = field(default_factory=list)

    def __post_init__(self):
        count = self.system.getNumParticles()
        masses = [self.system.getParticleMass(n)._value for n in range(count)]
        remover = any(isinstance(f, openmm.CMMotionRemover) for f in self.system.getForces())
        moving = sum(mass > 0 for mass in masses)
        self.mass = sum(masses)
        self.freedom = 3 * moving - self.system.getNumConstraints() - 3 * remover

    def read(self, context):
        """Note temperature and density; return the total energy, kJ/mol."""
        state = context.getState(energy=True, groups=PHYSICS)
        kinetic = state.getKineticEnergy()._value
        self.temperatures.append(2 * kinetic / (self.freedom * GAS_CONSTANT))
        self.densities.append(DALTON_PER_NM3 * self.mass / state.getPeriodicBoxVolume()._value)
        return kinetic + state.getPotentialEnergy()._value


@cache
def prepared(name, length, folder=None):
    """State after relaxation, and models fitted to the frames that led there, by name.

    Parameters
    ----------
    name : str
        Of `SYSTEMS`.
    length : int
        Frames of plain dynamics to relax, and as many to fit on.
    folder : Path, optional
        That the system is read from.
    """
    case = build(name, folder)
    context = _plain(case, openmm.LangevinMiddleIntegrator(TEMPERATURE, 5.0, case.step))
    context.setPositions(case.positions)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=100)
    context.setVelocitiesToTemperature(TEMPERATURE, SEED)
    context.getIntegrator().step(length * STEPS_PER_FRAME)
    frames = []
    for _ in range(length):
        context.getIntegrator().step(STEPS_PER_FRAME)
        positions = context.getState(positions=True).getPositions(asNumpy=True)._value
        frames.append(to_angstrom(torch.from_numpy(positions[: case.n_jumping])).float())
    windows = WindowSet.from_trajectories([torch.stack(frames)], HISTORY)
    values = {"history": HISTORY, "frame_interval": STEPS_PER_FRAME * case.step}
    models = {}
    for architecture in MODELS:
        model = build_model(case.spec(architecture=architecture, **values))
        if architecture != "persistence":
            model.fit(WindowBlocks.of_set(windows))
        models[architecture] = model.eval().requires_grad_(False)
    return context.getState(positions=True, velocities=True), models


def run_plain(name, member, platform, legs, relax, folder=None):
    """Plain dynamics from the same start.

    Members that conserve energy are begun, for each leg, from another state of dynamics with a
    thermostat, as a draw of velocities does for them in a hybrid run.
    """
    case, (start, _) = build(name, folder), prepared(name, relax, folder)
    system, conserving = _system(case), MEMBERS[member].conserves_energy
    context = _context(system, _integrator(member, case), platform)
    _begin(context, start)
    # friction for states that have little to do with each other
    thermostat = openmm.LangevinMiddleIntegrator(TEMPERATURE, 10.0, case.step)
    thermostat.setRandomNumberSeed(SEED)
    source = _context(system, thermostat, platform)
    _begin(source, start)
    readings, changes = Readings(system), []
    for _ in range(legs):
        if conserving:
            thermostat.step(MD_FRAMES * STEPS_PER_FRAME)
            _begin(context, source.getState(positions=True, velocities=True))
            if not isinstance(context.getIntegrator(), openmm.VerletIntegrator):
                _half_step_on(context)
        before = context.getState(energy=True)
        before = (before.getKineticEnergy() + before.getPotentialEnergy())._value
        for _ in range(MD_FRAMES):
            context.getIntegrator().step(STEPS_PER_FRAME)
            energy = readings.read(context)
        changes.append(energy - before)
    return _outcome(readings, changes, member)


def _half_step_on(context):
    """Take velocities of a leapfrog integrator to the time of the positions."""
    state = context.getState(velocities=True, forces=True)
    velocities, forces = (
        found.value_in_unit_system(unit.md_unit_system)
        for found in (state.getVelocities(asNumpy=True), state.getForces(asNumpy=True))
    )
    masses = np.array([
        context.getSystem().getParticleMass(n)._value for n in range(len(velocities))
    ])  # fmt: skip
    step = context.getIntegrator().getStepSize()._value
    moving = masses > 0
    velocities = np.array(velocities)
    velocities[moving] += 0.5 * step * forces[moving] / masses[moving, None]
    context.setVelocities(velocities)
    context.applyVelocityConstraints(1e-7)


def run_hybrid(name, member, platform, backend, model, jumps, relax, folder=None):
    """Jumps and legs, and what is measured along them."""
    case, (start, models) = build(name, folder), prepared(name, relax, folder)
    system = _system(case)
    bare = openmm.XmlSerializer.clone(system)
    propagator = STEGMNPropagator(
        system, case.topology, models[model], _integrator(member, case), md_frames=MD_FRAMES,
        backend=backend, seed=SEED, temperature=TEMPERATURE, atoms=range(case.n_jumping),
    )  # fmt: skip
    made = app.Simulation(case.topology, system, propagator, *_platform(platform))
    _begin(made.context, start)
    readings, changes, before, accepted = Readings(bare), [], None, 0
    energy = None
    while propagator.statistics.attempted < jumps:
        jumping = propagator.steps_to_next_frame() == 1
        if jumping and before is not None:
            changes.append(energy - before)
        made.step(propagator.steps_to_next_frame())
        energy = readings.read(made.context)
        if jumping:
            kept = propagator.statistics.accepted > accepted
            accepted = propagator.statistics.accepted
            before = energy if kept else None
    statistics = propagator.statistics
    positions = made.context.getState(positions=True).getPositions(asNumpy=True)._value
    if not np.isfinite(positions).all():
        raise RuntimeError(f"{name}, {member}: positions are no longer finite")
    return _outcome(readings, changes, member) | {
        "backend": propagator.backend,
        "platform": platform,
        "statistics": statistics.as_dict(),
        "ms_per_step": 1000 * propagator.wall_seconds_legs / statistics.physical_steps,
        "ms_per_jump": 1000 * propagator.wall_seconds_jumps / jumps,
    }


def _outcome(readings, changes, member):
    out = {"temperature": None, "density": None, "energy_change": None}
    if MEMBERS[member].has_velocities:
        out["temperature"] = block_mean(readings.temperatures)
    if np.ptp(readings.densities) > 0:
        out["density"] = block_mean(readings.densities)
    if MEMBERS[member].conserves_energy and changes:
        rms, mean = np.sqrt(np.mean(np.square(changes))), np.mean(changes)
        out["energy_change"] = {"rms": rms, "mean": mean, "legs": len(changes)}
    return out


def _system(case):
    system = openmm.XmlSerializer.clone(case.system)
    split_forces(system)
    return system


def _integrator(member, case):
    integrator = MEMBERS[member].make(TEMPERATURE, FRICTION, case.step)
    if hasattr(integrator, "setRandomNumberSeed"):
        integrator.setRandomNumberSeed(SEED)
    return integrator


def _plain(case, integrator):
    integrator.setRandomNumberSeed(SEED)
    small = case.system.getNumParticles() <= REFERENCE_MOST
    fast = "Reference" if small else choose_platform("auto", case.system).getName()
    return _context(openmm.XmlSerializer.clone(case.system), integrator, fast)


def _context(system, integrator, platform):
    return openmm.Context(system, integrator, *_platform(platform))


def _platform(name):
    """Arguments of a Context for a platform, by a name such as "CUDA, mixed"."""
    name, _, precision = name.partition(", ")
    platform = openmm.Platform.getPlatformByName(name)
    return platform, platform_properties(platform, precision or "single", threads=1)


def _begin(context, start):
    context.setPeriodicBoxVectors(*start.getPeriodicBoxVectors())
    context.setPositions(start.getPositions())
    context.setVelocities(start.getVelocities())


def rows(options):
    """System, member, platform and back-end of every record."""
    for name in options.systems:
        atoms = build(name, options.folder).system.getNumParticles()
        for member in options.members:
            if member != "LangevinMiddle" and name not in ALL_MEMBERS:
                continue
            for platform in options.platform:
                if platform == "Reference" and atoms > REFERENCE_MOST:
                    continue
                for backend in options.backend:
                    yield name, member, platform, backend


def jumps_for(name, options):
    """Jumps that are affordable: fewer for large systems."""
    atoms = build(name, options.folder).system.getNumParticles()
    if name == NPT:
        return options.jumps
    scale = 1 if atoms < 100 else 10 if atoms < 2000 else 40 if atoms < 2500 else 100
    return max(4, options.jumps // scale)


def record(name, member, platform, backend, options):
    """One row: two hybrid runs, and plain dynamics."""
    case, jumps = build(name, options.folder), jumps_for(name, options)
    relax = 400 if case.system.getNumParticles() < 2000 else 60
    if name == NPT:
        relax = 1000
    started = time.perf_counter()
    control, hybrid = (
        run_hybrid(name, member, platform, backend, model, jumps, relax, options.folder)
        for model in MODELS
    )
    plain = run_plain(name, member, platform, jumps, relax, options.folder)
    return {
        "system": name,
        "member": member,
        "atoms": case.system.getNumParticles(),
        "jumping": case.n_jumping,
        "time_step": case.step,
        **hybrid,
        "persistence": control,
        "plain": plain,
        "wall_seconds": time.perf_counter() - started,
    }


def table(records):
    """Markdown of all records."""
    lines = [
        "| system | atoms (jumping) | member | platform | back-end | steps | jumps | kept (%) | "
        "worst constraint error | ΔU a jump (kJ/mol) | T (K): plain | persistence | jumps | "
        "density (g/mL): plain | persistence | jumps | energy change of a leg, rms (kJ/mol): plain "
        "| persistence | jumps |",
        "| " + " | ".join(["---"] * 19) + " |",
    ]
    for r in records:
        s = r["statistics"]
        runs = [r["plain"], r["persistence"], r]
        energies = [run["energy_change"] for run in runs]
        temperatures = [run["temperature"] for run in runs]
        cells = [
            r["system"], f"{r['atoms']} ({r['jumping']})", r["member"], r["platform"],
            r["backend"], s["physical_steps"], s["attempted"],
            f"{100 * s['accepted'] / s['attempted']:.0f}", f"{s['worst_constraint_error']:.0e}",
            f"{s['mean_energy_change']:.2f}",
            *(_plus_minus(value, 1) for value in temperatures),
            *(_plus_minus(run["density"], 4) for run in runs),
            *("-" if value is None else f"{value['rms']:.3f}" for value in energies),
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _plus_minus(measured, digits):
    if measured is None:
        return "-"
    return f"{measured['mean']:.{digits}f} ± {measured['error']:.{digits}f}"


def main():
    """Make the records that are missing, and print the table."""
    options = parse()
    torch.set_num_threads(1)
    if options.prepare:
        for name in options.systems:
            write(name, options.folder)
        return
    path = Path(options.output)
    records = json.loads(path.read_text()) if path.exists() else []
    done = {(r["system"], r["member"], r["platform"], r["backend"]) for r in records}
    wanted = [] if options.table else [row for row in rows(options) if row not in done]
    spawned = get_context("spawn")
    pool = ProcessPoolExecutor(options.processes, spawned, torch.set_num_threads, (1,))
    with pool:
        made = [pool.submit(record, *row, options) for row in wanted]
        for finished in as_completed(made):
            records.append(finished.result())
            path.write_text(json.dumps(records, indent=1))
            print(_line(records[-1]), flush=True)
    asked = {"system": options.systems, "member": options.members, "platform": options.platform}
    asked["backend"] = options.backend
    print(table([r for r in records if all(r[name] in asked[name] for name in asked)]))


def _line(made):
    row = (made[name] for name in ("system", "member", "platform", "backend"))
    return f"{', '.join(row)}: {made['wall_seconds']:.0f} s, {made['statistics']['accepted']} kept"


def parse():
    """Options; the defaults give the figures in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", default=SYSTEMS, choices=SYSTEMS)
    parser.add_argument("--members", nargs="+", default=list(MEMBERS), choices=list(MEMBERS))
    parser.add_argument(
        "--platform", nargs="+", default=["Reference", "CPU"], help='also as "CUDA, mixed"'
    )
    parser.add_argument("--processes", type=int, default=1, help="records made at the same time")
    parser.add_argument("--folder", type=Path, help="of systems that --prepare has written")
    parser.add_argument("--prepare", action="store_true", help="write the systems, run none")
    parser.add_argument("--backend", nargs="+", default=["torch", "python"])
    parser.add_argument("--jumps", type=int, default=400, help="of a small system")
    parser.add_argument("--output", default="propagator_systems.json")
    parser.add_argument("--table", action="store_true", help="print the records, make none")
    return parser.parse_args()


if __name__ == "__main__":
    main()
