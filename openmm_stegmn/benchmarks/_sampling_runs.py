"""Runs of the benchmark ``sampling``: plain dynamics and exact jumps for the same wall time."""

import copy
import dataclasses
import time
from dataclasses import dataclass

import numpy as np
import torch
from openmm import app, unit

from ..mechanics import dihedral
from ..models import rotor_folds
from ..runs import RunSettings, langevin, prepare
from ..units import to_angstrom
from ._backbone import Backbone

PLAIN, ALL_BONDS = "plain MD", "exact jumps"


class TorsionReader:
    """Torsions of frames: of the rotatable bonds, and last φ and ψ of each residue.

    Parameters
    ----------
    model : TrajectoryModel
        Of a peptide.
    """

    def __init__(self, model):
        spec, self._body = model.spec, model.context.body
        backbone = Backbone.of(spec)
        #: Names of the residues that have φ and ψ.
        self.residues = backbone.residues
        axes = [frozenset(atoms[1:3]) for atoms in self._body.torsion_atoms.tolist()]
        #: Columns of χ1, where a side chain has one.
        self.chi = [axes.index(frozenset(bond)) for bond in backbone.chi if set(bond) in axes]
        pairs = [pair for both in zip(backbone.phi, backbone.psi, strict=True) for pair in both]
        self._backbone = torch.tensor(pairs)
        #: Symmetry of each torsion, as a methyl's of three.
        self.folds = np.array([*rotor_folds(model.context).tolist(), *[1] * len(pairs)])

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """``(n_frames, n_bonds + 2 n_residues)``, rad, of frames ``(n_frames, n_atoms, 3)``."""
        parts = []
        for part in torch.from_numpy(frames).split(10_000):
            backbone = dihedral(*(part[:, column] for column in self._backbone.unbind(1)))
            parts.append(torch.cat([self._body.torsions(part), backbone], 1).numpy())
        return np.concatenate(parts)

    def backbone(self, torsions: np.ndarray):
        """φ and ψ, ``(n_frames, n_residues)`` each, of what a call gave."""
        both = torsions[:, -2 * len(self.residues) :]
        return both[:, 0::2], both[:, 1::2]


@dataclass(frozen=True)
class SampledRun:
    """What a run visited in its wall time."""

    torsions: np.ndarray
    """Of all frames, which count alike, as of :class:`TorsionReader`."""
    wall_seconds: float
    """Of everything but preparation and equilibration."""
    physical_time: float
    """ps."""
    statistics: dict
    """Of the jumps; empty for plain dynamics."""


def sample(settings: RunSettings, kind: str, seconds: float, reader: TorsionReader) -> SampledRun:
    """Run for a wall time.

    Parameters
    ----------
    settings : RunSettings
        Of the hybrid run; plain dynamics has its structure, integrator, platform and frame
        interval, and another stream of noise.
    kind : str
        :data:`PLAIN`, or anything else for exact jumps.
    seconds : float
    reader : TorsionReader
    """
    run = prepare(settings)
    run.equilibrate()
    propagator, simulation = run.propagator, run.simulation
    if kind == PLAIN:
        simulation = _plain(run, settings)
        steps = propagator.steps_per_frame
    context, frames = simulation.context, []
    simulation.step(1)  # whatever is compiled at the first step
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        simulation.step(steps if kind == PLAIN else propagator.steps_to_next_frame())
        if kind == PLAIN or propagator.at_frame():
            positions = context.getState(positions=True).getPositions(asNumpy=True)
            frames.append(to_angstrom(positions.value_in_unit(unit.nanometer)))
    wall = time.perf_counter() - start
    physical = context.getTime().value_in_unit(unit.picosecond)
    statistics = {} if kind == PLAIN else propagator.statistics.as_dict()
    return SampledRun(reader(np.array(frames)), wall, physical, statistics)


def _plain(run, settings):
    """Plain dynamics from where the hybrid run would begin."""
    simulation = app.Simulation(
        run.molecule.topology,
        copy.deepcopy(run.molecule.system),
        langevin(dataclasses.replace(settings, seed=settings.seed + 1)),
        run.simulation.context.getPlatform(),
    )
    state = run.simulation.context.getState(positions=True, velocities=True)
    simulation.context.setPositions(state.getPositions())
    simulation.context.setVelocities(state.getVelocities())
    return simulation
