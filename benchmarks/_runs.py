"""Hybrid and plain simulations of alanine dipeptide with a thermometer, for the benchmarks."""

import time
from dataclasses import dataclass, field

import numpy as np
import openmm
from _ensemble import block_mean
from openmm import app, unit

from openmm_stegmn.runs import prepare
from openmm_stegmn.simulation import HybridReporter
from openmm_stegmn.units import GAS_CONSTANT

#: Every force group but the last, in which the propagator's bridge sits.
PHYSICS = set(range(31))


@dataclass
class Thermometer:
    """Temperatures from the kinetic energy of OpenMM States.

    The degrees of freedom are 3 N, less one a constraint, less 3 as the centre of mass is kept at
    rest. `LangevinMiddleIntegrator` holds velocities half a step before the positions and OpenMM
    takes the kinetic energy from them as they are.

    Attributes
    ----------
    system : openmm.System
    temperatures : list of float
        K.
    since_jump : list of float
        Time since the last accepted jump, ps; 0 at the jump itself, NaN before the first.
    """

    system: openmm.System
    temperatures: list = field(default_factory=list)
    since_jump: list = field(default_factory=list)

    def __post_init__(self):
        particles, constraints = self.system.getNumParticles(), self.system.getNumConstraints()
        self.degrees_of_freedom = 3 * particles - constraints - 3

    def read(self, context, since_jump=np.nan):
        """Record the temperature now."""
        kinetic = context.getState(energy=True, groups=PHYSICS).getKineticEnergy()._value
        self.temperatures.append(2 * kinetic / (self.degrees_of_freedom * GAS_CONSTANT))
        self.since_jump.append(since_jump)

    def summary(self, early=1.0, edges=(0.0, 0.15, 0.35, 0.55, 1.05, 2.05, 5.05, 10.05)):
        """Mean and standard error (K) of the physical legs, soon after jumps, at jumps, by time.

        Parameters
        ----------
        early : float
            What "soon after a jump" is, ps.
        edges : sequence of float
            Of the bins of the profile in time since the jump, ps.
        """
        temperatures, since = np.array(self.temperatures), np.array(self.since_jump)
        legs = since != 0
        out = {"degrees_of_freedom": self.degrees_of_freedom}
        out["legs"] = block_mean(temperatures[legs])
        if np.isfinite(since).any():
            soon = legs & (since <= early + 1e-6)
            out |= {"soon_after_jump": block_mean(temperatures[soon]), "soon_ps": early}
            out["at_jump"] = block_mean(temperatures[since == 0])
            out["profile"] = [
                {"from_ps": low, "to_ps": high, **block_mean(temperatures[inside])}
                for low, high in zip(edges[:-1], edges[1:], strict=True)
                if (inside := (since > low) & (since <= high)).sum() >= 40
            ]
        return out


def run_hybrid(settings, folder, every=0.1, label=""):
    """Run a hybrid simulation to ``settings.length``, reading its temperature along the way.

    Parameters
    ----------
    settings : RunSettings
    folder : Path
        Gets ``topology.pdb`` and ``hybrid.h5md``.
    every : float
        Physical time between readings of the temperature, ps.
    label : str
        For the progress that is printed.

    Returns
    -------
    dict
        Statistics of the jumps, temperatures, speed.
    """
    run = prepare(settings)
    run.equilibrate()
    propagator, simulation = run.propagator, run.simulation
    context, portion = simulation.context, round(every * 1000 / settings.time_step)
    folder.mkdir(parents=True, exist_ok=True)
    write_topology(simulation, folder / "topology.pdb")
    thermometer, jumped_at, accepted = Thermometer(run.molecule.system), np.nan, 0
    progress = Progress(label, settings.length)
    with HybridReporter(folder / "hybrid.h5md", propagator, overwrite=True) as reporter:
        simulation.reporters.append(reporter)
        while (now := context.getTime()._value) < settings.length - every / 2:
            steps = propagator.steps_to_next_frame()
            simulation.step(min(steps, portion))
            if steps == 1:  # a jump
                if propagator.statistics.accepted > accepted:
                    accepted, jumped_at = propagator.statistics.accepted, context.getTime()._value
                    thermometer.read(context, 0.0)
            else:
                thermometer.read(context, context.getTime()._value - jumped_at)
            progress.show(now, propagator.statistics)
    statistics, wall = propagator.statistics, propagator.wall_seconds_legs
    total = statistics.physical_time + statistics.jumped_time
    jumping = propagator.wall_seconds_jumps
    return {
        "platform": run.platform,
        "backend": propagator.backend,
        "seed": run.settings.seed,
        "propagator": repr(propagator),
        "statistics": statistics.as_dict(),
        "acceptance": statistics.acceptance,
        "temperature": thermometer.summary(),
        "wall_seconds_legs": wall,
        "wall_seconds_jumps": jumping,
        "ms_per_jump": 1000 * jumping / max(statistics.attempted, 1),
        "ns_per_day": 86.4 * total / (wall + jumping),
        "wall_seconds_with_readings": progress.seconds,
    }


def run_plain(settings, folder, every=0.1, label=""):
    """Run plain molecular dynamics from the same start, with frames as far apart as the model's.

    Same force field, thermostat, time step and equilibration as `run_hybrid`; writes
    ``topology.pdb`` and ``plain.dcd``.
    """
    run = prepare(settings)
    run.equilibrate()
    state = run.simulation.context.getState(positions=True, velocities=True)
    integrator = openmm.LangevinMiddleIntegrator(
        settings.temperature, settings.friction, settings.time_step * unit.femtosecond
    )
    integrator.setRandomNumberSeed(settings.seed)
    simulation = app.Simulation(
        run.molecule.topology,
        run.molecule.system,
        integrator,
        run.simulation.context.getPlatform(),
    )
    simulation.context.setPositions(state.getPositions())
    simulation.context.setVelocities(state.getVelocities())
    folder.mkdir(parents=True, exist_ok=True)
    write_topology(simulation, folder / "topology.pdb")
    reporter = app.DCDReporter(str(folder / "plain.dcd"), run.propagator.steps_per_frame)
    simulation.reporters.append(reporter)
    thermometer, progress = Thermometer(run.molecule.system), Progress(label, settings.length)
    portion = round(every * 1000 / settings.time_step)
    while (now := simulation.context.getTime()._value) < settings.length - every / 2:
        simulation.step(portion)
        thermometer.read(simulation.context)
        progress.show(now)
    del reporter, simulation.reporters[:]  # closes the file
    return {
        "platform": run.platform,
        "seed": settings.seed,
        "temperature": thermometer.summary(),
        "wall_seconds_with_readings": progress.seconds,
    }


def write_topology(simulation, path):
    """Write the PDB file that MDAnalysis reads beside the trajectory."""
    state = simulation.context.getState(positions=True)
    with open(path, "w") as file:
        app.PDBFile.writeFile(simulation.topology, state.getPositions(), file, keepIds=True)


class Progress:
    """Prints how far a run is, about every 20 s."""

    def __init__(self, label, length):
        self._label, self._length = label, length
        self._started = self._shown = time.perf_counter()

    @property
    def seconds(self):
        """Wall time so far."""
        return time.perf_counter() - self._started

    def show(self, now, statistics=None):
        """Print the time reached (ps) and the jumps, if it is time to."""
        if time.perf_counter() - self._shown > 20:
            self._shown = time.perf_counter()
            jumps = "" if statistics is None else f", {statistics.attempted} jumps"
            text = f"{self._label}: {now:.0f} of {self._length:.0f} ps{jumps}, {self.seconds:.0f} s"
            print(text, flush=True)
