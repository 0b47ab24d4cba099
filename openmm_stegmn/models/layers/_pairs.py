"""What the atoms of a pair did relative to each other over a window: invariants and vectors."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ._graph import gather_atoms, radial_basis


@dataclass(frozen=True)
class PairHistory:
    """Geometry of the pairs (i, j) of a neighbour table, with time as channels."""

    features: Tensor
    """``(B, N, K, 3 (T - 1) + 1 + radial)``, invariant, standardised for each kind of pair."""
    kinds: Tensor
    """``(B, N, K)``, kind of each pair."""
    direction: Tensor
    """``(B, N, K, 3)``, unit vector from i to j in the last frame."""
    own: Tensor
    """``(B, T - 1, N, 3)``, past positions of i relative to its last, in units of their size."""
    other: Tensor
    """``(B, T - 1, N, K, 3)``, the same of j."""


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
    pair_kinds : Tensor, ``(N, N)``
        Kind of each pair of atoms; pairs of one kind share their scale.
    history, radial : int
        T; number of radial basis functions of the last length.
    cutoff : float
        Range of the radial basis, Å.
    """

    def __init__(self, pair_kinds: Tensor, history: int, radial: int, cutoff: float):
        super().__init__()
        n_atoms, n_kinds = len(pair_kinds), int(pair_kinds.max()) + 1
        self.radial, self.cutoff = radial, cutoff
        self.width = 3 * (history - 1) + 1
        self.register_buffer("pair_kinds", pair_kinds, persistent=False)
        self.register_buffer("mean", torch.zeros(n_kinds, self.width))
        self.register_buffer("deviation", torch.ones(n_kinds, self.width))
        self.register_buffer("size", torch.ones(history - 1, n_atoms, 1))

    @torch.no_grad()
    def calibrate(self, x: Tensor, table: Tensor) -> None:
        """Set the scales from windows ``(B, T, N, 3)`` and their neighbours ``(B, N, K)``."""
        features, kinds, past = self._measure(x, table)[:3]
        size = past.square().mean((0, 3)).sqrt().unsqueeze(-1)
        self.size.copy_(size.clamp_min(1e-6))
        features, kinds = features.flatten(0, 2).double(), kinds.flatten()
        zero = torch.zeros(self.mean.shape, dtype=torch.float64, device=x.device)
        count = zero[:, 0].index_add(0, kinds, torch.ones_like(features[:, 0])).clamp_min(1)
        mean = zero.index_add(0, kinds, features) / count[:, None]
        square = zero.index_add(0, kinds, (features - mean[kinds]).square()) / count[:, None]
        self.mean.copy_(mean)
        self.deviation.copy_(square.sqrt().clamp_min(1e-6))

    def forward(self, x: Tensor, table: Tensor) -> PairHistory:
        """Measure windows ``(B, T, N, 3)`` over neighbours ``(B, N, K)``."""
        features, kinds, past, direction, length, other = self._measure(x, table)
        features = (features - self.mean[kinds]) / self.deviation[kinds]
        basis = radial_basis(length, self.radial, self.cutoff)
        size = self.size.squeeze(-1)[:, table].movedim(0, 1).unsqueeze(-1)
        return PairHistory(
            torch.cat([features, basis], -1), kinds, direction, past / self.size, other / size
        )

    def _measure(self, x, table):
        past = x[:, :-1] - x[:, -1:]
        separation = gather_atoms(x, table) - x.unsqueeze(-2)
        distance = torch.sqrt((separation * separation).sum(-1) + 1e-12)
        length = distance[:, -1]
        direction = separation[:, -1] / length.unsqueeze(-1)
        other = gather_atoms(past, table)
        along = direction.unsqueeze(1)
        features = torch.cat(
            [
                distance[:, :-1] - distance[:, -1:],
                (past.unsqueeze(-2) * along).sum(-1),
                (other * along).sum(-1),
                length.unsqueeze(1),
            ],
            1,
        ).movedim(1, -1)
        atoms = torch.arange(x.shape[2], device=x.device)[:, None]
        return features, self.pair_kinds[atoms, table], past, direction, length, other
