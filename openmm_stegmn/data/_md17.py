"""Trajectories of single molecules, and windows of them for training, validation and test."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ._windows import WindowSet

_BLOCKS = 60
# Fifths of the blocks that each set gets.
_DEALT = {"training": 3, "validation": 1, "test": 1}


@dataclass(frozen=True)
class MoleculeTrajectory:
    """A molecule and its frames, evenly spaced in time."""

    name: str
    label: str
    """What made it: ``"MD17"``, ``"rMD17"`` or ``"GFN2-xTB"``."""
    elements: tuple
    masses: tuple
    """Da."""
    bonds: tuple
    frames: Tensor
    """``(n_frames, n_atoms, 3)``, Å, float32; NaN where the file lacks a frame."""
    present: Tensor
    """``(n_frames,)``, whether the file has the frame."""
    time_step: float
    """Between frames, fs."""
    temperature: float
    """K."""
    path: Path
    sha256: str
    """Of the file."""

    @property
    def heavy(self) -> Tensor:
        """Which atoms are not hydrogen, ``(n_atoms,)``."""
        return torch.tensor([element != "H" for element in self.elements])

    def heavy_atoms(self) -> "MoleculeTrajectory":
        """The same without hydrogens."""
        keep = self.heavy.nonzero().flatten().tolist()
        new = {atom: number for number, atom in enumerate(keep)}
        return replace(
            self,
            elements=tuple(self.elements[atom] for atom in keep),
            masses=tuple(self.masses[atom] for atom in keep),
            bonds=tuple((new[i], new[j]) for i, j in self.bonds if i in new and j in new),
            frames=self.frames[:, keep],
        )

    def describe(self) -> dict:
        """Describe the molecule, as keyword arguments of :class:`~openmm_stegmn.models.ModelSpec`.

        Atoms are named by element and number (``C1``, ``C2``, ``O1``); nothing is constrained.
        """
        seen, names = Counter(), []
        for element in self.elements:
            seen[element] += 1
            names.append(f"{element}{seen[element]}")
        n_atoms = len(names)
        return {
            "atom_names": tuple(names),
            "elements": self.elements,
            "residue_names": (self.name,) * n_atoms,
            "residue_ids": (0,) * n_atoms,
            "masses": self.masses,
            "bonds": self.bonds,
            "temperature": self.temperature,
        }


def guess_bonds(elements, frames: Tensor, samples: int = 20) -> tuple:
    """Bonds of a molecule from its geometry: what MDAnalysis guesses in most of some frames.

    The frames are evenly spaced. One alone may have a bond stretched or two atoms in a collision.

    Parameters
    ----------
    elements : sequence of str
    frames : Tensor, ``(n_frames, n_atoms, 3)``
        Å.
    samples : int
        Frames to look at.
    """
    import MDAnalysis as mda  # half a second, which runs do without
    from MDAnalysis.guesser.default_guesser import DefaultGuesser

    universe = mda.Universe.empty(len(elements))
    universe.add_TopologyAttr("types", list(elements))
    guesser = DefaultGuesser(universe)
    chosen = np.unique(np.linspace(0, len(frames) - 1, samples).round().astype(int))
    counts = Counter(
        tuple(sorted(map(int, pair)))
        for frame in chosen
        for pair in guesser.guess_bonds(universe.atoms, frames[frame].numpy())
    )
    return tuple(sorted(pair for pair, count in counts.items() if 2 * count > len(chosen)))


def split_windows(
    trajectory: MoleculeTrajectory, *, training: int, validation: int, test: int,
    history: int = 10, stride: int = 10, seed: int = 0, blocks: int = _BLOCKS,
) -> dict[str, WindowSet]:  # fmt: skip
    """Draw windows for training, validation and test that have no frame in common.

    The trajectory is cut into 60 blocks of equal length, which are dealt at random, 36 to training
    and 12 each to validation and test. A window and its target lie within one block; as many as
    asked for are drawn without replacement. The published code draws starts from the whole
    trajectory, so that windows of its test set overlap windows of its training set; these do not.

    A larger training set of the same seed contains the smaller one, and validation and test are the
    same for both.

    Parameters
    ----------
    trajectory : MoleculeTrajectory
    training, validation, test : int
        Numbers of windows.
    history : int
        Frames in a window, T.
    stride : int
        Time steps between two frames of a window.
    seed : int
        Of the blocks and of the draw.
    blocks : int
        Another number of blocks, a multiple of 5: long windows need long blocks.

    Returns
    -------
    dict of str to WindowSet
        ``"training"``, ``"validation"`` and ``"test"``.

    Raises
    ------
    ValueError
        If there are fewer windows than asked for.
    """
    starts = _starts_by_block(trajectory.present, history, stride, blocks)
    random = np.random.default_rng(seed)
    order, sets, begin = random.permutation(blocks), {}, 0
    wanted = {"training": training, "validation": validation, "test": test}
    for name, count in wanted.items():
        dealt = _DEALT[name] * blocks // 5
        pool = torch.cat([starts[block] for block in sorted(order[begin : begin + dealt])])
        begin += dealt
        if len(pool) < count:
            where = f"{dealt} of {blocks} blocks"
            raise ValueError(_too_few(trajectory, name, count, len(pool), history, stride, where))
        drawn = pool[torch.from_numpy(random.permutation(len(pool))[:count])]
        sets[name] = WindowSet(trajectory.frames, drawn, history, stride)
    return sets


def frames_needed(
    *, training: int, validation: int, test: int, history: int = 10, stride: int = 10,
    blocks: int = _BLOCKS,
) -> int:  # fmt: skip
    """Frames without a gap that :func:`split_windows` needs."""
    wanted = {"training": training, "validation": validation, "test": test}
    dealt = {name: fifths * blocks // 5 for name, fifths in _DEALT.items()}
    starts = max(math.ceil(count / dealt[name]) for name, count in wanted.items())
    return blocks * (starts + history * stride)


def _starts_by_block(present, history, stride, blocks):
    """First frames of all windows whose frames and target are in the file and in one block."""
    length, reach = len(present) // blocks, history * stride
    if length <= reach:
        return [torch.empty(0, dtype=torch.long)] * blocks
    # (blocks, starts, history + 1): the frames of each window
    whole = present[: blocks * length].reshape(blocks, length).unfold(1, reach + 1, 1)
    complete = whole[..., ::stride].all(-1)
    return [number * length + block.nonzero().flatten() for number, block in enumerate(complete)]


def _too_few(trajectory, name, wanted, found, history, stride, where):
    n_frames = int(trajectory.present.sum())
    message = (
        f"{trajectory.name} ({trajectory.label}, {trajectory.path.name}): found {found} windows of "
        f"{history + 1} frames {stride} steps apart for {name}, needed {wanted}"
    )
    if not trajectory.present.all():
        return message + (
            f"; rMD17 holds {n_frames:,} of the {len(trajectory.present):,} original frames, out "
            f"of order, and most windows lack one: use the original MD17 file, or --generate "
            f"trajectories with GFN2-xTB"
        )
    return message + f" in {where} of {n_frames:,} frames"
