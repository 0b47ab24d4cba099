"""Writes what a propagator makes."""

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
from openmm import unit

from ..units import to_angstrom
from ._constraints import system_constraints
from ._guard import JUMP_KINDS
from ._h5md import H5MDFile, is_read_here
from ._member import PHYSICS_GROUPS
from ._stepping import HybridStepping


class HybridReporter:
    """Write every frame of a hybrid simulation to H5MD, with its origin, true time and velocities.

    ``MDAnalysis.Universe(topology, path)`` reads the file, positions in Å, velocities in Å/ps, and
    for every frame ``ts.data["origin"]`` (0 physical leg, 1 accepted jump, 2 the first physical
    frame after a rejected jump), ``"accepted"`` (1, 0, or -1 where no jump was tried),
    ``"energy_change"`` (kJ/mol, NaN where no jump was tried, infinite for a jump that was not
    finite), ``"constraint_error"`` (relative, of the positions themselves), ``"jump_kind"`` (of
    the run, its place in `JUMP_KINDS`) and ``"step"``. The frame at the first step is written too.
    A rejected jump makes no frame, an exact one always does (origin 1, accepted 0 or 1). Each
    frame is flushed: what a killed run leaves behind can be read.

    Within a process HDF5 shares what it has read of a file. Where this process has the growing file
    open, such as by a Universe, all Universes made of it show the frames that it had when the first
    was made, until all are closed (``universe.trajectory.close()``); other processes see all. A
    file that is replaced is another one: what was open stays with the old.

    OpenMM's own DCD and XTC reporters work as well, but stamp times as step times step size, which
    jumps make wrong.

    Parameters
    ----------
    path : str or Path
    propagator : STEGMNPropagator
        The integrator of the simulation that reports here.
    append : bool
        Go on with an existing file (after `loadCheckpoint` or `loadState`): frames later than the
        simulation's step are dropped. If there is no file yet, a new one is begun.
    overwrite : bool
        Replace an existing file, at the first frame.
    energies : bool
        Write the potential and the kinetic energy of each frame too, as ``"potential_energy"`` and
        ``"kinetic_energy"`` (kJ/mol, the latter of the velocities as the integrator holds them).
        They cost one evaluation of the energy a frame. A file that is gone on with has them or not
        as it was begun.

    Raises
    ------
    FileExistsError
        If the file exists and neither `append` nor `overwrite` is given.
    IsADirectoryError
        If `path` is a folder.
    ValueError
        If `propagator` is none. When the first frame is due: if the simulation is another's, or the
        file to go on with is of another system or was made with other settings.
    BlockingIOError
        When the first frame is due: if another reporter has the file open.

    Warns
    -----
    UserWarning
        When the first frame is due: if this process reads the file that is gone on with.
    """

    def __init__(self, path, propagator, *, append=False, overwrite=False, energies=False):
        if append and overwrite:
            raise ValueError("append and overwrite exclude each other.")
        if not isinstance(propagator, HybridStepping):
            raise ValueError(
                f"propagator must be a STEGMNPropagator, found {type(propagator).__name__}: pass "
                "the one that the simulation was made with; for plain MD use a reporter of OpenMM "
                "or MDAnalysis."
            )
        self._path = Path(path)
        if self._path.is_dir():
            raise IsADirectoryError(
                f"{self._path} is a folder: expected the name of a file, such as "
                f"{self._path / 'hybrid.h5md'}."
            )
        if self._path.exists() and not (append or overwrite):
            raise FileExistsError(
                f"{self._path} exists: pass append=True to go on with it, or overwrite=True to "
                "replace it."
            )
        if not self._path.parent.is_dir():
            raise FileNotFoundError(
                f"The folder {self._path.parent} for {self._path.name} does not exist."
            )
        self._propagator, self._energies = propagator, energies
        self._mode = "r+" if append and self._path.exists() else "w" if overwrite else "w-"
        self._file, self._closed = None, False
        self._frames_seen = 0

    def describeNextReport(self, simulation):
        """Tell the Simulation when the next frame may be there; write the one at the first step."""
        self._require_open()
        if simulation.integrator is not self._propagator:
            raise ValueError(
                f"The reporter of {self._path} is for another propagator than the simulation's "
                f"integrator ({type(simulation.integrator).__name__}): make it with that, or the "
                "Simulation with the propagator."
            )
        self._propagator.start()
        if self._file is None:
            self._open(simulation)
        elif self._frames_seen != self._propagator.statistics.frames:
            # Ctrl-C came between a frame and its report.
            self.report(simulation, simulation.context.getState(positions=True, velocities=True))
        steps = self._propagator.steps_to_next_frame()
        return {"steps": steps, "periodic": False, "include": ["positions", "velocities"]}

    def report(self, simulation, state):
        """Write the frame, unless a rejected jump made none."""
        self._require_open()
        frames = self._propagator.statistics.frames
        if frames == self._frames_seen or not self._propagator.at_frame():
            return
        self._frames_seen = frames
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        velocities = state.getVelocities(asNumpy=True).value_in_unit(
            unit.nanometer / unit.picosecond
        )
        box = state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.nanometer)
        last = self._propagator.last_frame
        energies = _energies(simulation.context) if self._file.has_energies else {}
        self._file.append(
            step=simulation.context.getStepCount(),
            time=_time(state),
            position=to_angstrom(positions),
            velocity=to_angstrom(velocities),
            box=to_angstrom(box),
            origin=last.origin,
            accepted=last.accepted,
            energy_change=last.energy_change,
            constraint_error=self._propagator.constraint_error(positions),
            jump_kind=JUMP_KINDS.index(self._propagator.jump_kind),
            **energies,
        )

    def close(self):
        """Close the file. A report after this is an error."""
        self._closed = True
        if self._file is not None:
            self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _require_open(self):
        if self._closed:
            raise ValueError(
                f"The reporter of {self._path} is closed: take it out of simulation.reporters, or "
                "put a new one with append=True in its place."
            )

    def _open(self, simulation):
        settings = self._propagator.describe()
        settings["system_sha256"] = system_sha256(simulation)
        state = simulation.context.getState(positions=True, velocities=True)
        if self._mode == "r+":
            file = self._open_existing(settings)
            file.truncate(simulation.context.getStepCount())
            # A rejected jump takes a step but no time, so the frame before it has an earlier step;
            # an exact jump takes no time, but makes a frame at each step.
            timed = self._propagator.jump_time > 0
            if file.last_step >= simulation.context.getStepCount() or (
                timed and file.last_time >= _time(state)
            ):
                # The frame of this moment is there already; what comes next is new.
                self._frames_seen = self._propagator.statistics.frames
        else:
            file = H5MDFile(self._path, self._mode)
            periodic = simulation.system.usesPeriodicBoundaryConditions()
            n_atoms = simulation.system.getNumParticles()
            try:
                file.create(n_atoms, periodic, settings, self._energies)
            except BaseException:
                file.discard()
                raise
        self._file = file
        self.report(simulation, state)

    def _open_existing(self, settings):
        file = None
        try:
            file = H5MDFile(self._path, "r+")
            found = file.settings()
        except BlockingIOError:
            raise
        except (OSError, KeyError) as error:
            if file is not None:
                file.close()
            raise ValueError(
                f"{self._path} is not a hybrid trajectory that can be gone on with: {error}"
            ) from error
        differing = [
            name for name, value in settings.items() if name != "seed" and found.get(name) != value
        ]
        if not differing:
            if is_read_here(self._path):
                warnings.warn(
                    f"{self._path} is open for reading in this process, where HDF5 then shows the "
                    "frames of before alone, also to whoever opens it anew: close all Universes of "
                    "it (universe.trajectory.close()) to see those that are added now.",
                    stacklevel=2,
                )
            return file
        file.close()
        if "system_sha256" in differing:
            raise ValueError(
                f"{self._path} is the trajectory of another system: choose another file."
            )
        differences = ", ".join(
            f"{name} {found.get(name)!r} (now {settings[name]!r})" for name in differing
        )
        raise ValueError(
            f"{self._path} was made with other settings, {differences}: choose another file."
        )


def system_sha256(simulation):
    """Hash of what makes a simulation's molecular system: atoms, masses and constraint lengths."""
    system, topology = simulation.system, simulation.topology
    atoms = [[atom.residue.name, atom.name] for atom in topology.atoms()]
    masses = [
        system.getParticleMass(index).value_in_unit(unit.dalton)
        for index in range(system.getNumParticles())
    ]
    pairs, lengths = system_constraints(system)
    text = json.dumps(
        [atoms, np.round(masses, 3).tolist(), pairs.tolist(), np.round(lengths, 5).tolist()]
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _energies(context):
    """What is written of the energies, without the bridge of the jumps."""
    state = context.getState(energy=True, groups=PHYSICS_GROUPS)
    energies = {"potential_energy": state.getPotentialEnergy()}
    energies["kinetic_energy"] = state.getKineticEnergy()
    in_kj = unit.kilojoule_per_mole
    return {name: energy.value_in_unit(in_kj) for name, energy in energies.items()}


def _time(state):
    # OpenMM sums time steps, which leaves noise in the last digits (8.999999999999675 ps).
    return round(state.getTime().value_in_unit(unit.picosecond), 6)
