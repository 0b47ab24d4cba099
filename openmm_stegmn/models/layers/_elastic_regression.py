"""Least squares in positions and in the distances between atoms."""

import torch
from torch import Tensor, nn

from ._graph import gather_atoms
from ._regression import held_out_from, held_out_solution

# Windows of one block of the normal equations: bounds memory.
_BLOCK = 2_000
#: Of up to so many atoms each depends on the past of all. Weights grow with the square of this.
ALL_POSITIONS = 2_048


class ElasticRegression(nn.Module):
    r"""Displacement of each atom from the past of all positions and of its own distances.

    .. math:: Δx_i = \sum_{j,t} θ_{ijt}\, (x_j(t) - x_j(T-1)) + \sum_j θ_{ij}\,
              (x_j(T-1) - x_i(T-1)) + \sum_j \hat r_{ij} \Big( \sum_t κ_{ijt}\,
              (r_{ij}(t) - r_{ij}(T-1)) + κ_{ij} (r_{ij}(T-1) - \bar r_{ij}) + κ'_{ij} \Big)

    The first two sums are the full autoregression of positions (the same combinations as
    ``linear-ar-full``, in differences, which single precision keeps). It is isotropic: a weight
    times a vector. A bond is not: it pulls along itself only. The third sum is the autoregression
    in the lengths of the arms from an atom to its neighbours, along these arms, with springs to
    their mean lengths. All terms are equivariant to rotation, reflection and translation.

    Of more than ``ALL_POSITIONS`` atoms the first two sums are over the atom itself and its
    neighbours.

    Parameters
    ----------
    neighbours : Tensor, ``(N, K)``
        Atoms that each atom has arms to.
    history : int
        T.
    """

    def __init__(self, neighbours: Tensor, history: int):
        super().__init__()
        n, k = neighbours.shape
        self.register_buffer("neighbours", neighbours, persistent=False)
        self.local = n > ALL_POSITIONS
        if self.local:
            partners = torch.cat([torch.arange(n)[:, None], neighbours], 1)
            self.register_buffer("partners", partners, persistent=False)
        width = k + 1 if self.local else n
        self.register_buffer("position_weights", torch.zeros(history, n, width))
        self.register_buffer("arm_weights", torch.zeros(history + 1, n, k))
        self.register_buffer("mean_length", torch.zeros(n, k))

    def forward(self, x: Tensor) -> Tensor:
        """Windows ``(B, T, N, 3)`` to displacements ``(B, N, 3)``, Å."""
        moved = self._of_near_positions(x) if self.local else self._of_all_positions(x)
        direction, lengths = self._arms(x)
        pull = (self.arm_weights.permute(1, 2, 0).unsqueeze(-1) * lengths).sum(2, keepdim=True)
        return moved + (pull * direction).sum(1).permute(2, 0, 1)

    def _of_all_positions(self, x):
        past, last = x[:, :-1] - x[:, -1:], x[:, -1]
        moved = torch.einsum("tij,btjx->bix", self.position_weights[:-1], past)
        frame = self.position_weights[-1]
        return moved + frame @ last - frame.sum(1)[:, None] * last

    def _of_near_positions(self, x):
        x = x.transpose(1, 2)
        rows = torch.cat([x[:, :, :-1] - x[:, :, -1:], x[:, :, -1:]], 2).flatten(2)
        near = gather_atoms(rows.unsqueeze(1), self.partners).squeeze(1).unflatten(-1, (-1, 3))
        weights = self.position_weights.permute(1, 2, 0)
        moved = torch.einsum("ijt,bijtx->bix", weights, near)
        return moved - weights[..., -1].sum(1)[:, None] * x[:, :, -1]

    def _arms(self, x, atoms=slice(None)):
        """Directions ``(n, K, 3, B)`` of some atoms' arms, and scalars ``(n, K, T + 1, B)``."""
        # An atom's rows hold all windows: what is picked lies together, and so does what is summed.
        rows = x.permute(2, 3, 1, 0).contiguous()
        separation = rows[self.neighbours[atoms]] - rows[atoms].unsqueeze(1)
        length = torch.sqrt((separation * separation).sum(2) + 1e-12)
        last = length[:, :, -1:]
        mean = self.mean_length[atoms].to(x.dtype)[..., None, None]
        features = [length[:, :, :-1] - last, last - mean, torch.ones_like(last)]
        return separation[..., -1, :] / last, torch.cat(features, 2)

    @torch.no_grad()
    def fit(self, windows: Tensor, targets: Tensor) -> None:
        """Least squares over windows ``(n, T, N, 3)`` and targets ``(n, N, 3)``.

        The ridge of each atom is the one that predicts held-out windows best, see
        :func:`held_out_solution`.
        """
        kept = held_out_from(len(windows))
        self.mean_length.copy_(
            sum(self._lengths(block[:, -1]).sum(0) for block in windows.split(_BLOCK))
            / len(windows)
        )
        for atom in range(windows.shape[2]):
            fitted = self._normal_equations(atom, windows[:kept], targets[:kept])
            held = self._normal_equations(atom, windows[kept:], targets[kept:])
            self._set(atom, held_out_solution(fitted, held))

    def _lengths(self, frame):
        return torch.linalg.vector_norm(frame[:, self.neighbours] - frame.unsqueeze(2), dim=-1)

    def _normal_equations(self, atom, windows, targets):
        gram, moment = 0, 0
        for x, y in zip(windows.split(_BLOCK), targets.split(_BLOCK), strict=True):
            x = x.double()
            features = self._features(atom, x).flatten(1, 2)
            step = (y[:, atom].double() - x[:, -1, atom]).T.flatten()
            gram, moment = gram + features @ features.T, moment + features @ step
        return gram, moment

    def _features(self, atom, x):
        """``(n_features, 3, B)``: positions by time and atom, arms by feature and neighbour."""
        past, last = x[:, :-1] - x[:, -1:], x[:, -1:]
        positions = torch.cat([past, last - last[:, :, atom : atom + 1]], 1)
        if self.local:
            positions = positions[:, :, self.partners[atom]]
        positions = positions.flatten(1, 2)
        direction, lengths = self._arms(x, slice(atom, atom + 1))
        arms = lengths[0].transpose(0, 1).unsqueeze(2) * direction
        return torch.cat([positions.permute(1, 2, 0), arms.flatten(0, 1)])

    def _set(self, atom, weights):
        n_positions = self.position_weights[:, atom].numel()
        self.position_weights[:, atom] = weights[:n_positions].view_as(
            self.position_weights[:, atom]
        )
        self.arm_weights[:, atom] = weights[n_positions:].view_as(self.arm_weights[:, atom])
