"""Sticks and isolated atoms: which bonds are sticks, and tables for gathering over them."""

import torch
from torch import Tensor, nn

from ...mechanics import KinematicForest, rotation_matrix


class Sticks(nn.Module):
    """A kinematic forest of sticks and isolated atoms only, gathered with tables of fixed shape.

    ===========  ======================  ====================================================
    buffer       shape                   meaning
    ===========  ======================  ====================================================
    ``ends``     ``(n_groups, 2)``       atoms of each stick
    ``stick``    ``(n_groups,)``         component of each stick
    ``members``  ``(n_components, 2)``   the ends of a stick; an isolated atom twice
    ``group``    ``(n_components,)``     group of a stick; ``n_groups`` for an isolated atom
    ``forest``                           :class:`~openmm_stegmn.mechanics.KinematicForest`
    ===========  ======================  ====================================================

    Parameters
    ----------
    n_atoms : int
    pairs : sequence of (int, int)
        The sticks.
    masses : sequence of float
        Da.

    Raises
    ------
    ValueError
        If an atom does not exist or is in two sticks.
    """

    def __init__(self, n_atoms: int, pairs, masses):
        super().__init__()
        _check_disjoint(n_atoms, pairs)
        self.forest = forest = KinematicForest.from_constraints(n_atoms, pairs, masses)
        stick = forest.component[forest.arms[:, 1]]
        groups = forest.group[forest.arms[:, 1]]
        ends = torch.empty_like(forest.arms).index_copy(0, groups, forest.arms)
        stick = torch.empty_like(stick).index_copy(0, groups, stick)
        self.register_buffer("ends", ends)
        self.register_buffer("stick", stick)
        alone = forest.root[:, None].expand(-1, 2)
        self.register_buffer("members", alone.index_copy(0, stick, ends))
        no_group = torch.full_like(forest.root, len(ends))
        self.register_buffer("group", no_group.index_copy(0, stick, torch.arange(len(ends))))

    def pool(self, features: Tensor) -> Tensor:
        """Mean over each component's atoms, ``(..., n_atoms, F)`` to ``(..., n_components, F)``."""
        return features[..., self.members, :].mean(-2)

    def spread(self, values: Tensor) -> Tensor:
        """``(..., n_groups, F)`` to ``(..., n_components, F)``, zero for isolated atoms."""
        nothing = values.new_zeros(values.shape[:-2] + (1, values.shape[-1]))
        return torch.cat([values, nothing], -2)[..., self.group, :]

    def rotations(self, turn: Tensor) -> Tensor:
        """Rotation of each atom's object, ``(..., n_groups, 3)`` to ``(..., n_atoms, 3, 3)``."""
        return rotation_matrix(self.spread(turn))[..., self.forest.component, :, :]


def _check_disjoint(n_atoms, pairs):
    taken = {}
    for pair in pairs:
        if len(pair) != 2 or pair[0] == pair[1] or not all(0 <= a < n_atoms for a in pair):
            raise ValueError(f"stick {tuple(pair)} is no pair of atoms 0..{n_atoms - 1}")
        for atom in pair:
            if atom in taken:
                raise ValueError(
                    f"sticks {taken[atom]} and {tuple(pair)} share atom {atom}: "
                    f"sticks must be disjoint"
                )
            taken[atom] = tuple(pair)
