"""The graph that messages pass over: a table of each atom's nearest neighbours."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._nearest import nearest_atoms

# Bonds up to which atoms are neighbours wherever they are, and how much nearer they count then.
_BONDED, _NEARER = 2, 1e-3


class Neighbours(NamedTuple):
    """Neighbours of the atoms: of all frames, or of each of B."""

    table: Tensor
    """``(N, K)`` or ``(B, N, K)``, numbers of the neighbours."""
    kinds: Tensor
    """The same shape: kinds of these pairs."""
    hops: Tensor
    """The same shape: bonds between them."""


class NeighbourGraph(nn.Module):
    """The nearest neighbours of each atom of a molecule, and what the pairs are in its topology.

    A fixed number of neighbours keeps all shapes static and sums in a fixed order, so that results
    repeat bit for bit, on GPUs too. Molecules of at most ``most + 1`` atoms get the complete graph,
    which is the same for every frame.

    Parameters
    ----------
    near : NearPairs
        Of the molecule.
    most : int
        K, or the number of other atoms if that is less.
    bonded_first : bool
        Whether atoms at most two bonds apart come before all others.
    """

    def __init__(self, near, most: int, *, bonded_first: bool = False):
        super().__init__()
        self.most, self.complete = most, near.n_atoms <= most + 1
        if self.complete:
            atoms, table = _first_and(complete_table(near.n_atoms))
            fixed = {
                "table": table, "kinds": near.kinds_between(atoms, table),
                "hops": near.hops_between(atoms, table),
            }  # fmt: skip
            for name, value in fixed.items():
                self.register_buffer(f"_{name}", value, persistent=False)
        elif bonded_first:
            self.register_buffer("_bonded", near.within(_BONDED), persistent=False)
        self.bonded_first = bonded_first and not self.complete

    def forward(self, near, frame: Tensor) -> Neighbours:
        """Neighbours in frames ``(B, N, 3)``."""
        if self.complete:
            return Neighbours(self._table, self._kinds, self._hops)
        table = nearest_atoms(frame, self.most)
        if self.bonded_first:
            table = self._with_bonded(near, frame.detach(), table)
        place = near.find(*_first_and(table))
        return Neighbours(table, near.kinds[place], near.hops[place])

    def _with_bonded(self, near, frame, table):
        # As many of the nearest as are asked for hold all that can be among them, but for bonded
        # ones: these are candidates by themselves.
        atoms, table = _first_and(table)
        bonded = self._bonded.expand(len(frame), -1, -1)
        found = near.hops_between(atoms, table) <= _BONDED
        bonded_distances = _NEARER * self._distances(frame, bonded)
        distances = torch.cat(
            [
                bonded_distances.masked_fill(bonded == atoms, torch.inf),
                self._distances(frame, table).masked_fill(found, torch.inf),
            ],
            -1,
        )
        chosen = distances.topk(self.most, largest=False).indices
        return torch.cat([bonded, table], -1).gather(-1, chosen)

    def _distances(self, frame, table):
        other = gather_atoms(frame.unsqueeze(1), table).squeeze(1)
        return torch.linalg.vector_norm(other - frame.unsqueeze(2), dim=-1)


def _first_and(table):
    """Numbers of the atoms whose neighbours a table ``(..., N, K)`` has, and the table."""
    return torch.arange(table.shape[-2], device=table.device)[:, None], table


def complete_table(n_atoms: int, device=None) -> Tensor:
    """All others of each atom, ``(N, N - 1)``."""
    atoms = torch.arange(n_atoms, device=device)
    table = torch.arange(n_atoms - 1, device=device).expand(n_atoms, -1)
    return table + (table >= atoms[:, None]).long()


def neighbour_table(frame: Tensor, most: int) -> Tensor:
    """Indices of the nearest neighbours of each atom, ``(..., N, K)``.

    Parameters
    ----------
    frame : Tensor, ``(..., N, 3)``
    most : int
        K, or the number of other atoms if that is less.
    """
    n = frame.shape[-2]
    if n - 1 <= most:
        return complete_table(n, frame.device).expand(frame.shape[:-2] + (n, n - 1))
    return nearest_atoms(frame.reshape(-1, n, 3), most).reshape(frame.shape[:-1] + (most,))


def gather_atoms(values: Tensor, table: Tensor) -> Tensor:
    """Pick neighbours: ``(B, T, N, F)`` and ``(N, K)`` or ``(B, N, K)`` to ``(B, T, N, K, F)``."""
    if table.dim() == 2:
        return values.index_select(2, table.flatten()).unflatten(2, table.shape)
    batch, frames, _, width = values.shape
    n, k = table.shape[-2:]
    index = table.reshape(batch, 1, n * k, 1).expand(batch, frames, n * k, width)
    return values.gather(2, index).reshape(batch, frames, n, k, width)


def radial_basis(distance: Tensor, count: int, cutoff: float) -> Tensor:
    """Gaussians of a distance (Å), evenly spaced from 0 to ``cutoff``, as a last dimension."""
    centres = torch.linspace(0.0, cutoff, count, dtype=distance.dtype, device=distance.device)
    width = cutoff / (count - 1)
    return torch.exp((distance.unsqueeze(-1) - centres).square() * (-0.5 / width**2))
