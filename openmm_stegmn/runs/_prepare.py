"""From settings to a simulation that is ready to step. Nothing here writes a file."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import random
from dataclasses import dataclass

import numpy as np
import openmm
from openmm import app, unit

from ..models import load_model
from ..simulation import STEGMNPropagator
from ..systems import (
    MolecularSystem,
    SetupError,
    build_system,
    choose_platform,
    platform_properties,
)
from ._settings import RunSettings


@dataclass
class PreparedRun:
    """A simulation that has not begun.

    Attributes
    ----------
    settings : RunSettings
        With the seed drawn and paths made absolute.
    molecule : MolecularSystem
        As built, without what the propagator adds to a System.
    model : TrajectoryModel
    propagator : STEGMNPropagator
    simulation : openmm.app.Simulation
        Its context has no positions yet.
    """

    settings: RunSettings
    molecule: MolecularSystem
    model: object
    propagator: STEGMNPropagator
    simulation: app.Simulation

    @property
    def platform(self) -> str:
        return self.simulation.context.getPlatform().getName()

    def identity(self) -> dict:
        """What makes a continuation of this run the same run, apart from its settings."""
        return {
            "n_atoms": self.molecule.n_atoms,
            "system_sha256": system_sha256(self.molecule),
            "model_sha256": self.model.sha256,
            "platform": self.platform,
            "backend": self.propagator.backend,
            "openmm_version": openmm.__version__,
        }

    def equilibrate(self) -> None:
        """Minimise, run plain physical dynamics, and start the hybrid simulation from there.

        Raises
        ------
        SetupError
            If the energy or a position is not finite afterwards.
        """
        settings = self.settings
        integrator = langevin(settings)
        plain = app.Simulation(
            self.molecule.topology,
            copy.deepcopy(self.molecule.system),
            integrator,
            self.simulation.context.getPlatform(),
            platform_properties(self.simulation.context.getPlatform(), settings.precision),
        )
        try:
            plain.context.setPositions(self.molecule.positions)
            start = plain.context.getState(energy=True, forces=True)
            # The minimiser does not return from a start whose energy is not finite.
            if not _finite(start.getPotentialEnergy(), start.getForces(asNumpy=True)):
                raise _blew_up(self.molecule, "its energy is not finite, as of atoms on one spot")
            plain.minimizeEnergy()
            plain.context.setVelocitiesToTemperature(settings.temperature, settings.seed)
            plain.step(round(settings.equilibration * 1000 / settings.time_step))
            state = plain.context.getState(positions=True, velocities=True, energy=True)
            finite = all_finite(state) and _finite(state.getPotentialEnergy())
        except openmm.OpenMMException as error:
            raise _blew_up(self.molecule, str(error)) from error
        if not finite:
            raise _blew_up(self.molecule, "energy, positions or velocities are no longer finite")
        context = self.simulation.context
        context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
        context.setPositions(state.getPositions())
        context.setVelocities(state.getVelocities())


def prepare(settings: RunSettings) -> PreparedRun:
    """Read and check everything that a run needs.

    Parameters
    ----------
    settings : RunSettings

    Raises
    ------
    ValueError
        With one clear message, if the structure, force field, model, platform or schedule is
        missing or unreadable, or if they do not fit each other.
    """
    settings = settings.resolved()
    if settings.seed is None:
        settings = dataclasses.replace(settings, seed=random.SystemRandom().randrange(1, 2**31))
    molecule = build_system(settings.pdb, settings.forcefields, constraints=settings.constraints)
    if molecule.positions is None:
        raise SetupError(
            f"structure {molecule.pdb}: has no positions, which a run starts from; give a PDB "
            f"file, as MDAnalysis writes it: Universe({str(molecule.pdb)!r}, "
            f"'coordinates.dcd').atoms.write('start.pdb')"
        )
    platform = choose_platform(settings.platform, molecule.system)
    properties = platform_properties(platform, settings.precision)
    model = load_model(settings.model)
    system = copy.deepcopy(molecule.system)
    try:
        propagator = STEGMNPropagator(
            system,
            molecule.topology,
            model,
            integrator=langevin(settings),
            **settings.propagator_options(),
        )
    except RuntimeError as error:  # the back-end asked for is not to be had here
        raise SetupError(str(error)) from error
    # The first frame is made if its middle is before the end; see _engine._advance.
    if settings.length <= propagator.frame_interval / 2:
        raise SetupError(
            f"length {settings.length:g} ps: no frame would be made, as they are "
            f"{propagator.frame_interval:g} ps apart; ask for at least that"
        )
    try:
        simulation = app.Simulation(molecule.topology, system, propagator, platform, properties)
    except openmm.OpenMMException as error:
        raise SetupError(
            f"no simulation can be made on platform {platform.getName()} with back-end "
            f"{propagator.backend}: {' '.join(str(error).split())}"
        ) from error
    return PreparedRun(settings, molecule, model, propagator, simulation)


def system_sha256(molecule: MolecularSystem) -> str:
    """Hash of all forces, masses and constraints, and of the names of atoms and residues."""
    names = [
        f"{atom.residue.chain.index} {atom.residue.name} {atom.residue.index} {atom.name}"
        for atom in molecule.topology.atoms()
    ]
    text = openmm.XmlSerializer.serialize(molecule.system) + "\n".join(names)
    return hashlib.sha256(text.encode()).hexdigest()


def all_finite(state: openmm.State) -> bool:
    """Whether all positions and velocities of a State are finite numbers."""
    return _finite(state.getPositions(asNumpy=True), state.getVelocities(asNumpy=True))


def _finite(*quantities: unit.Quantity) -> bool:
    return all(np.isfinite(quantity._value).all() for quantity in quantities)


def langevin(settings: RunSettings) -> openmm.LangevinMiddleIntegrator:
    """The integrator of the physical steps of a run."""
    integrator = openmm.LangevinMiddleIntegrator(
        settings.temperature * unit.kelvin,
        settings.friction / unit.picosecond,
        settings.time_step * unit.femtosecond,
    )
    integrator.setRandomNumberSeed(settings.seed)
    return integrator


def _blew_up(molecule: MolecularSystem, found: str) -> SetupError:
    return SetupError(
        f"the structure {molecule.pdb} does not survive minimisation and thermalisation: {found}; "
        "look for overlapping atoms, or try a shorter time step"
    )
