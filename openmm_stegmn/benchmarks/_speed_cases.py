"""Molecules that speed is measured on: made up, so that no data are needed."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from openmm.app import Element
from torch import Tensor

from ..data import (
    MoleculeTrajectory,
    ProteinTrajectory,
    WindowSet,
    guess_bonds,
    md17_elements,
    md17_structure,
)
from ..models import ModelSpec, build_model
from ._md17_models import model_config
from ._protein_next import describe_protein
from ._speed_settings import BACKBONE_ATOMS

_SEED = 2026
# ps between frames, as in the accuracy benchmark md17
_INTERVAL = 0.005
# Å: what atoms swing by, and what of it no rule foretells
_SWING, _NOISE = 0.05, 0.01
_CHAIN = 213  # residues after which a new chain begins
_STEP, _LINES = 1.45, 5.57  # Å: atoms along a line, and between lines: about as dense as a protein


@dataclass(frozen=True)
class SpeedCase:
    """Windows of one molecule.

    Attributes
    ----------
    name : str
        ``"aspirin"``: its heavy atoms, from the packaged geometry. ``"protein"``: N, CA, C and O
        of residues, a chain of 213 after the other, folded to and fro about as densely as in a
        protein.
    n_atoms : int
    batch : int
        Windows at a time.
    history : int
        T.
    """

    name: str
    n_atoms: int
    batch: int
    history: int = 10

    @classmethod
    def aspirin(cls, batch: int, history: int = 10) -> "SpeedCase":
        """Heavy atoms of aspirin."""
        heavy = sum(element != "H" for element in md17_elements("aspirin"))
        return cls("aspirin", heavy, batch, history)

    @classmethod
    def protein(cls, residues: int, batch: int) -> "SpeedCase":
        """Backbones of so many residues."""
        return cls("protein", BACKBONE_ATOMS * residues, batch)

    def build(self, architecture: str):
        """An untrained model, the same each time; as the accuracy benchmarks set it up."""
        spec = ModelSpec(
            architecture=architecture, history=self.history, config=model_config(architecture),
            **{"frame_interval": _INTERVAL} | self._description(),
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            return build_model(spec)

    def windows(self, count: int | None = None) -> WindowSet:
        """As many windows as a batch has, or another number, of atoms that swing."""
        return WindowSet.from_trajectories(
            [self._trajectory(self.history + (count or self.batch)).frames], self.history
        )

    def _description(self):
        made = self._trajectory(1)
        return made.describe() if self.name == "aspirin" else describe_protein(made)

    def _trajectory(self, count):
        if self.name == "aspirin":
            return _aspirin(count)
        return _backbones(self.n_atoms // BACKBONE_ATOMS, count)


def _aspirin(count):
    places = np.loadtxt(md17_structure("aspirin"), skiprows=2, usecols=(1, 2, 3))
    elements = md17_elements("aspirin")
    frames = _swinging(torch.from_numpy(places).float(), count)
    masses = tuple(Element.getBySymbol(element).mass._value for element in elements)
    bonds = guess_bonds(elements, torch.from_numpy(places).float()[None])
    return MoleculeTrajectory(
        "aspirin", "made up", elements, masses, bonds, frames, torch.ones(count, dtype=torch.bool),
        1000 * _INTERVAL, 500.0, Path(), "",
    ).heavy_atoms()  # fmt: skip


def _backbones(residues, count):
    generator = torch.Generator().manual_seed(_SEED)
    on_line = _to_and_fro(3 * residues)
    on_line = on_line + 0.1 * torch.randn(on_line.shape, generator=generator)
    on_line = on_line.reshape(residues, 3, 3)
    aside = torch.tensor([0.0, 0.9, 0.84])
    places = torch.cat([on_line, on_line[:, 2:] + aside], 1).reshape(-1, 3)
    first = BACKBONE_ATOMS * np.arange(residues)
    within = [(first + a, first + b) for a, b in ((0, 1), (1, 2), (2, 3))]
    goes_on = first[1:][np.arange(1, residues) % _CHAIN != 0]
    pairs = np.concatenate([np.stack(pair, 1) for pair in (*within, (goes_on - 2, goes_on))])
    return ProteinTrajectory(
        _swinging(places, count), torch.zeros(len(places)), tuple(map(tuple, pairs.tolist())),
        ("N", "CA", "C", "O") * residues, ("ALA",) * len(places),
        tuple(np.repeat(np.arange(residues), BACKBONE_ATOMS).tolist()), _INTERVAL, "made up",
    )  # fmt: skip


def _to_and_fro(count) -> Tensor:
    """A line folded into a cube, ``(count, 3)``."""
    side = (count * _STEP * _LINES**2) ** (1 / 3)
    length, lines = max(1, round(side / _STEP)), max(1, round(side / _LINES))
    number = torch.arange(count)
    line = number // length
    sheet, row, along = line // lines, line % lines, number % length
    row = torch.where(sheet % 2 == 1, lines - 1 - row, row)
    along = torch.where(line % 2 == 1, length - 1 - along, along)
    return torch.stack([_STEP * along, _LINES * row, _LINES * sheet], 1).float()


def _swinging(places, count) -> Tensor:
    """Frames about some places: harmonic, at a few frequencies, and a little at random."""
    generator = torch.Generator().manual_seed(_SEED)
    frames = places + _NOISE * torch.randn((count, *places.shape), generator=generator)
    times = torch.arange(count)[:, None, None]
    for period in (3.7, 5.3, 8.9):  # frames
        size = _SWING * torch.randn(places.shape, generator=generator)
        phase = 2 * math.pi * torch.rand(places.shape, generator=generator)
        frames += size * torch.cos(2 * math.pi * times / period + phase)
    return frames
