"""Sticks and isolated atoms: which bonds are sticks, and tables for gathering over them."""

import torch
from torch import Tensor, nn

from ...mechanics import KinematicForest, rotation_matrix


class Sticks(nn.Module):
    """A kinematic forest of sticks and isolated atoms only, gathered with tables of fixed shape.

    What moves them is that of the forest in few operations: a stick turns about its centre of mass.

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

        # An isolated atom is its own centre, also without a mass.
        share = forest.masses[self.members]
        isolated = (self.group == len(ends))[:, None]
        share = torch.where(isolated, 0.5, share / share.sum(1, keepdim=True))
        share = share.unsqueeze(-1)
        # Not picked and converted in each call
        for name, values in (("members", share), ("ends", share[stick])):
            self.register_buffer(f"_{name}_double", values, persistent=False)
            self.register_buffer(f"_{name}_single", values.float(), persistent=False)
        moves = forest._moves[forest.root]
        self.all_move = bool(moves.all())
        self.register_buffer("_moves", moves.double())

    def _apply(self, fn, recurse=True):
        # `model.float()` must not round masses: follow to devices only.
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)

    def pick(self, values: Tensor, table: Tensor) -> Tensor:
        """Rows of ``(..., n, F)`` that a table of numbers names."""
        return values.index_select(-2, table.flatten()).unflatten(-2, table.shape)

    def _share_of(self, name, x):
        if x.dtype == torch.float32:
            return getattr(self, f"_{name}_single")
        return getattr(self, f"_{name}_double").to(x.dtype)

    def centres(self, x: Tensor) -> Tensor:
        """Centres of mass, ``(..., n_components, 3)``."""
        return (self.pick(x, self.members) * self._share_of("members", x)).sum(-2)

    def arms(self, x: Tensor) -> Tensor:
        """The ends of each stick relative to its centre of mass, ``(..., n_groups, 2, 3)``."""
        ends = self.pick(x, self.ends)
        return ends - (ends * self._share_of("ends", x)).sum(-2, keepdim=True)

    def velocities(self, x: Tensor, v: Tensor):
        """As those of :class:`~openmm_stegmn.mechanics.KinematicForest`."""
        arms, change = self.arms(x), self.arms(v)
        share = self._share_of("ends", x)
        moment = (share * torch.linalg.cross(arms, change)).sum(-2)
        inertia = (share * arms.square()).sum((-2, -1))
        return self.centres(v), moment / inertia.unsqueeze(-1)

    def accelerations(self, arms: Tensor, force: Tensor):
        """As those of :class:`~openmm_stegmn.mechanics.KinematicForest`, of :meth:`arms`."""
        torque = torch.linalg.cross(arms, self.pick(force, self.ends)).sum(-2)
        beta = torque / arms.square().sum((-2, -1)).unsqueeze(-1)
        return self.pool(force), beta

    def step(self, x: Tensor, translation: Tensor, rotation: Tensor) -> Tensor:
        """Move the centres, and turn about them what belongs to each.

        Parameters
        ----------
        x : Tensor, ``(..., n_atoms, 3)``
        translation : Tensor, ``(..., n_components, 3)``
        rotation : Tensor, ``(..., n_components, 3, 3)``

        Returns
        -------
        Tensor, ``(..., n_atoms, 3)``
        """
        of, centres = self.forest.component, self.centres(x)
        arms = (x - centres.index_select(-2, of)).unsqueeze(-1)
        if not self.all_move:
            translation = self._moves.to(x.dtype) * translation
        moved = centres + translation
        turned = rotation.index_select(-3, of) @ arms
        return turned.squeeze(-1) + moved.index_select(-2, of)

    def pool(self, features: Tensor) -> Tensor:
        """Mean over each component's atoms, ``(..., n_atoms, F)`` to ``(..., n_components, F)``."""
        return self.pick(features, self.members).mean(-2)

    def spread(self, values: Tensor) -> Tensor:
        """``(..., n_groups, F)`` to ``(..., n_components, F)``, zero for isolated atoms."""
        nothing = values.new_zeros(values.shape[:-2] + (1, values.shape[-1]))
        return torch.cat([values, nothing], -2).index_select(-2, self.group)

    def rotations(self, turn: Tensor) -> Tensor:
        """Rotation matrix of each component, from axis times angle of the sticks.

        ``(..., n_groups, 3)`` to ``(..., n_components, 3, 3)``.
        """
        return rotation_matrix(self.spread(turn))


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
