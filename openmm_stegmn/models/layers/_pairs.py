"""What the atoms of a pair did relative to each other over a window: invariants and vectors."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ._graph import Neighbours, gather_atoms, radial_basis


@dataclass(frozen=True)
class PairHistory:
    """Geometry of the pairs (i, j) of a neighbour table, with time as channels."""

    features: Tensor
    """``(B, N, K, 3 (T - 1) + 1 + radial)``, invariant, standardised for each kind of pair."""
    kinds: Tensor
    """``(N, K)`` or ``(B, N, K)``, kind of each pair."""
    own: Tensor
    """``(B, N, T - 1, 3)``, past positions of i relative to its last, in units of their size."""
    vectors: Tensor
    """``(B, N, K, T, 3)``, unit vector from i to j in the last frame, then as ``own``, of j."""


class PairInvariants(nn.Module):
    r"""Invariants of pairs over a window.

    For each pair of atoms, with :math:`d_i(t) = x_i(t) - x_i(T-1)` and :math:`\hat r_{ij}` the
    direction from i to j in the last frame: how its length changed,
    :math:`|x_{ij}(t)| - |x_{ij}(T-1)|`, how each end moved along it, :math:`\hat r_{ij} · d_i(t)`
    and :math:`\hat r_{ij} · d_j(t)`, and the last length. Bonds, angles (lengths over two bonds)
    and dihedrals (over three) are all among them. Differences are taken before anything else, so
    that single precision is enough.

    Parameters
    ----------
    n_atoms, n_kinds : int
        Number of atoms, and of kinds of pairs; pairs of one kind share their scale.
    history, radial : int
        T; number of radial basis functions of the last length.
    cutoff : float
        Range of the radial basis, Å.
    """

    def __init__(self, n_atoms: int, n_kinds: int, history: int, radial: int, cutoff: float):
        super().__init__()
        self.radial, self.cutoff = radial, cutoff
        self.width = 3 * (history - 1) + 1
        self.register_buffer("mean", torch.zeros(n_kinds, self.width))
        self.register_buffer("deviation", torch.ones(n_kinds, self.width))
        self.register_buffer("size", torch.ones(history - 1, n_atoms, 1))

    @torch.no_grad()
    def calibrate(self, x: Tensor, neighbours: Neighbours) -> None:
        """Set the scales from windows ``(B, T, N, 3)``."""
        features, past = self._measure(x, neighbours.table)[:2]
        size = past.square().mean((0, 3)).sqrt().T.unsqueeze(-1)
        self.size.copy_(size.clamp_min(1e-6))
        kinds = neighbours.kinds.expand(features.shape[:-1]).flatten()
        features = features.flatten(0, 2).double()
        zero = torch.zeros(self.mean.shape, dtype=torch.float64, device=x.device)
        count = zero[:, 0].index_add(0, kinds, torch.ones_like(features[:, 0])).clamp_min(1)
        mean = zero.index_add(0, kinds, features) / count[:, None]
        square = zero.index_add(0, kinds, (features - mean[kinds]).square()) / count[:, None]
        self.mean.copy_(mean)
        self.deviation.copy_(square.sqrt().clamp_min(1e-6))

    def forward(self, x: Tensor, neighbours: Neighbours) -> PairHistory:
        """Measure windows ``(B, T, N, 3)``."""
        table, kinds = neighbours.table, neighbours.kinds
        features, past, direction, length, other = self._measure(x, table)
        features = (features - self.mean[kinds]) / self.deviation[kinds]
        basis = radial_basis(length, self.radial, self.cutoff)
        # Three times each: rows to divide by are faster than one number for three.
        size = self.size.transpose(0, 1).expand(-1, -1, 3)
        theirs = other.flatten(-2) / size[table].flatten(-2)
        vectors = torch.cat([direction, theirs], -1).unflatten(-1, (-1, 3))
        return PairHistory(torch.cat([features, basis], -1), kinds, past / size, vectors)

    def _measure(self, x, table):
        x = x.transpose(1, 2)
        past = x[:, :, :-1] - x[:, :, -1:]
        # Rows of all times: what is gathered lies together.
        rows = torch.cat([x, past], 2).flatten(2).unsqueeze(1)
        theirs = gather_atoms(rows, table).squeeze(1).unflatten(-1, (-1, 3))
        separation = theirs[..., : x.shape[2], :] - x.unsqueeze(2)
        other = theirs[..., x.shape[2] :, :]
        distance = torch.sqrt((separation * separation).sum(-1) + 1e-12)
        length = distance[..., -1]
        direction = separation[..., -1, :] / length.unsqueeze(-1)
        features = torch.cat(
            [
                distance[..., :-1] - distance[..., -1:],
                direction @ past.transpose(-1, -2),
                (other * direction.unsqueeze(-2)).sum(-1),
                length.unsqueeze(-1),
            ],
            -1,
        )
        return features, past, direction, length, other
