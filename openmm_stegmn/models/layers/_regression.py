"""Least squares over past values: linear autoregression."""

import torch
from torch import Tensor, nn


class LagRegression(nn.Module):
    r"""Increment of each coordinate from its past values relative to the last.

    Shared: :math:`Δq_b = \sum_t θ_t a_{b,t}`, one θ for all. Coupled:
    :math:`Δq_b = \sum_{c,t} θ_{b,c,t} a_{c,t}`. The weights are buffers, set by :meth:`fit`.

    Parameters
    ----------
    n_coordinates, history : int
    coupled : bool
    ridge : float
        Relative to the mean square of the features.
    """

    def __init__(self, n_coordinates: int, history: int, *, coupled: bool, ridge: float = 1e-8):
        super().__init__()
        self.coupled, self.ridge = coupled, ridge
        lags = history - 1
        shape = (n_coordinates, lags * n_coordinates) if coupled else (lags,)
        self.register_buffer("weights", torch.zeros(shape))

    def forward(self, past: Tensor) -> Tensor:
        """``(..., T - 1, n_coordinates)`` to ``(..., n_coordinates)``."""
        if self.coupled:
            return past.flatten(-2) @ self.weights.transpose(0, 1)
        return torch.einsum("t,...tb->...b", self.weights, past)

    def fit(self, past: Tensor, step: Tensor) -> None:
        """Least squares of ``step (n, n_coordinates)`` on ``past (n, T - 1, n_coordinates)``."""
        if self.coupled:
            features = past.flatten(1).double()
            weights = ridge_solution(features.T @ features, features.T @ step.double(), self.ridge)
            self.weights.copy_(weights.T)
        else:
            features = past.transpose(1, 2).reshape(-1, past.shape[1])
            self.weights.copy_(shared_regression(features, step.reshape(-1)))


def shared_regression(features: Tensor, target: Tensor) -> Tensor:
    """Least squares of ``(n,)`` on ``(n, k)``, in float64; returns ``(k,)``."""
    solution = torch.linalg.lstsq(features.double(), target.double().unsqueeze(-1)).solution
    return solution.squeeze(-1).to(features)


def ridge_solution(gram: Tensor, moment: Tensor, ridge: float) -> Tensor:
    """Ridge regression from Gram matrix ``(k, k)`` and moments ``(k,)`` or ``(k, m)``, float64.

    The penalty is relative to the mean square of the features. It also takes care of a feature that
    is identically zero, as the last frame's own is for the coordinate that all are measured from.
    """
    penalty = ridge * gram.diagonal().mean().clamp_min(torch.finfo(torch.float64).tiny)
    eye = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    factor = torch.linalg.cholesky(gram + penalty * eye)
    columns = moment if moment.dim() == 2 else moment[:, None]
    return torch.cholesky_solve(columns, factor).reshape(moment.shape)
