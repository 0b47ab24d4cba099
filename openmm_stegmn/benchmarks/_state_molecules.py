"""Molecules and proteins for the benchmarks of state networks."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from openmm.app import Element

from ..data import (
    MoleculeTrajectory,
    ProteinTrajectory,
    frames_needed,
    read_protein,
    split_windows,
)
from ..mechanics import disjoint_bonds, superpose
from ._state_sources import PARTS, StateSource, differences, windows_of
from ._surroundings import MoleculeSurroundings, ProteinSurroundings, most_neighbours

# Blocks that a trajectory is dealt in: a window of 3,000 steps must fit in each.
_BLOCKS = 5
# Frames of the published trajectory of adenylate kinase, and of its parts; the last of all has no
# velocity and is in none.
_PUBLISHED, _FRAMES = 4186, {"training": 2481, "validation": 827, "test": 878}


def superposed_molecule(trajectory: MoleculeTrajectory) -> MoleculeTrajectory:
    """The same with every frame superposed on the first, mass-weighted; its label says so.

    Over 3,000 steps a molecule that is free at 500 K flies and turns by Ångströms, as those do that
    :func:`~openmm_stegmn.data.generate_trajectories` makes, and next to that what happens inside
    counts for nothing. Molecules of MD17 stay where they are but for benzene.
    """
    masses = torch.tensor(trajectory.masses, dtype=torch.float64)
    frames = superpose(trajectory.frames.double(), trajectory.frames[:1].double(), masses)
    return replace(trajectory, frames=frames.float(), label=f"{trajectory.label}, superposed")


@dataclass(frozen=True)
class MoleculeSource(StateSource):
    """A small molecule, 3,000 steps ahead; velocities are differences of frames.

    No window of one part has a frame in common with one of another, which is not so in the
    published code: see :func:`~openmm_stegmn.data.split_windows`.
    """

    trajectory: MoleculeTrajectory
    task: str = "s2s"
    training: int = 500
    validation: int = 2000
    test: int = 2000

    reach = 3000

    @staticmethod
    def steps_needed(training: int, validation: int = 2000, test: int = 2000) -> int:
        """Steps of a trajectory that so many windows need."""
        counts = {"training": training, "validation": validation, "test": test}
        return frames_needed(**counts, history=1, stride=MoleculeSource.reach, blocks=_BLOCKS)

    @property
    def benchmark(self):
        return f"md17-{self.task}"

    @property
    def label(self):
        return self.trajectory.label

    @property
    def molecule(self):
        return self.trajectory.name

    @property
    def identity(self):
        counts = {f"{part}_windows": getattr(self, part) for part in PARTS}
        atoms = "heavy" if self.trajectory.heavy.all() else "all"
        return counts | {"data_sha256": self.trajectory.sha256, "atoms": atoms}

    @property
    def constraints(self):
        return tuple(disjoint_bonds(self.trajectory.bonds))

    def windows(self, seed, past, ahead):
        trajectory = self.trajectory
        if not trajectory.present.all():
            raise ValueError(
                f"{trajectory.path}: velocities need the frame after each, and "
                f"{trajectory.label} lacks frames: use the original MD17 file, or --generate "
                f"trajectories with GFN2-xTB"
            )
        counts = {part: getattr(self, part) for part in PARTS}
        drawn = split_windows(
            trajectory, **counts, history=1, stride=self.reach - past[0], seed=seed, blocks=_BLOCKS
        )
        numbers = [Element.getBySymbol(e).atomic_number for e in trajectory.elements]
        surroundings = MoleculeSurroundings(torch.tensor(numbers), trajectory.bonds)
        frames = trajectory.frames
        velocities = differences(frames)
        return {
            part: windows_of(
                frames, velocities, drawn[part].starts - past[0], past, ahead, surroundings
            )
            for part in PARTS
        }  # fmt: skip


@dataclass(frozen=True)
class ProteinSource(StateSource):
    """A protein, as adenylate kinase in the literature; velocities are differences of frames.

    The trajectory is cut into three parts by time, in the published shares: 2,481, 827 and 878 of
    4,187 frames. States are in their part; of those at the end of training and validation, what
    follows is in the next part, as published. What is tested on was not trained on.
    """

    topology: Path
    trajectories: tuple
    selection: str = "backbone"
    superpose_on: str | None = None
    radius: float = 10.0
    """Å, of the graph."""
    reach: int = 15
    """Frames."""

    benchmark = "adk"

    @property
    def label(self):
        return f"{self.topology.stem}, {self.protein.interval:g} ps"

    @property
    def molecule(self):
        return self.selection

    @property
    def identity(self):
        return {
            "reach": self.reach, "radius": self.radius, "selection": self.selection,
            "superpose_on": self.superpose_on, "data_sha256": self.protein.sha256,
        }  # fmt: skip

    @property
    def constraints(self):
        return tuple(disjoint_bonds(self.protein.bonds))

    @property
    def training(self) -> int:
        """Windows for training, of a single state."""
        return len(self.starts(0)["training"])

    def starts(self, first: int) -> dict[str, torch.Tensor]:
        """Frames that states are from, by part; none is before ``first``.

        Raises
        ------
        ValueError
            If the trajectory is too short.
        """
        frames = len(self.protein.frames)
        known = frames - 1
        begin, parts = 0, {}
        for part, share in _FRAMES.items():
            end = known if part == "test" else begin + round(share * known / _PUBLISHED)
            last = min(end, frames - self.reach)
            parts[part] = torch.arange(max(begin, first), max(last, begin, first))
            begin = end
        if empty := [part for part in PARTS if not len(parts[part])]:
            raise ValueError(
                f"{self.protein.source} has {frames} frames: too few for {empty[0]} windows that "
                f"look {self.reach} frames ahead"
            )
        return parts

    def windows(self, seed, past, ahead):
        protein = self.protein
        most = most_neighbours(protein.frames, self.radius)
        surroundings = ProteinSurroundings(protein.charges, self.radius, most)
        velocities = differences(protein.frames)
        return {
            part: windows_of(protein.frames, velocities, starts, past, ahead, surroundings)
            for part, starts in self.starts(-past[0]).items()
        }

    def steps_ahead(self, frames, discretisation="uniform"):
        if discretisation == "last" or self.reach < frames:
            return super().steps_ahead(frames, discretisation)
        # as published: of 15 frames and P = 4 the 3rd, 7th, 11th and 15th
        return tuple((self.reach + 1) * n // frames - 1 for n in range(1, frames + 1))

    @property
    def protein(self) -> ProteinTrajectory:
        """The atoms, read once."""
        return _read(self.topology, self.trajectories, self.selection, self.superpose_on)


def forget_protein() -> None:
    """Let go of the protein that was read: it may be another next time."""
    _read.cache_clear()


@lru_cache(maxsize=1)
def _read(topology, trajectories, selection, superpose_on):
    return read_protein(topology, trajectories, selection, superpose_on=superpose_on)
