"""Least squares over past values: linear autoregression."""

import torch
from torch import Tensor, nn

# Relative to the mean square of the features, each scaled to unit size.
_RIDGES = tuple(10.0**power for power in range(-9, 1))
# Of fewer windows than weights larger ones too, up to where next to nothing is predicted: a large
# molecule has many weights, and what is noise in each adds up along its chain.
_LARGE_RIDGES = (*_RIDGES, *(10.0**power for power in range(1, 6)))


class LagRegression(nn.Module):
    r"""Increment of each coordinate from its past values relative to the last.

    Shared: :math:`Δq_b = \sum_t θ_t a_{b,t}`, one θ for all. Coupled:
    :math:`Δq_b = \sum_{c,t} θ_{b,c,t} a_{c,t}`, c being all coordinates or some for each b. The
    weights are buffers, set by :meth:`fit`.

    Parameters
    ----------
    n_coordinates, history : int
    coupled : bool
    ridge : float or None
        Relative to the mean square of the features. None: of coupled weights, for each coordinate
        the one that does best on held-out windows, see :func:`held_out_solution`.
    partners : Tensor, ``(n_coordinates, k)``, optional
        The coordinates that each is coupled to. By default all.
    """

    def __init__(
        self, n_coordinates: int, history: int, *, coupled: bool, ridge: float | None = 1e-8,
        partners: Tensor | None = None,
    ):  # fmt: skip
        super().__init__()
        self.coupled, self.ridge = coupled, ridge
        self.register_buffer("partners", partners, persistent=False)
        lags = history - 1
        coupled_to = n_coordinates if partners is None else partners.shape[1]
        shape = (n_coordinates, lags * coupled_to) if coupled else (lags,)
        self.register_buffer("weights", torch.zeros(shape))

    def forward(self, past: Tensor) -> Tensor:
        """``(..., T - 1, n_coordinates)`` to ``(..., n_coordinates)``."""
        if self.partners is not None:
            return (self._of_partners(past) * self.weights).sum(-1)
        if self.coupled:
            return past.flatten(-2) @ self.weights.transpose(0, 1)
        return torch.einsum("t,...tb->...b", self.weights, past)

    def _of_partners(self, past, coordinate=slice(None)):
        """Features ``(..., n_coordinates, (T - 1) k)``."""
        return past[..., self.partners[coordinate]].movedim(-3, -2).flatten(-2)

    def fit(self, past: Tensor, step: Tensor) -> None:
        """Least squares of ``step (n, n_coordinates)`` on ``past (n, T - 1, n_coordinates)``."""
        if self.partners is not None:
            for number in range(len(self.partners)):
                own = slice(number, number + 1)
                features = self._of_partners(past, own).squeeze(1)
                self.weights[own] = self._coupled(features, step[:, own]).T.to(self.weights)
        elif self.coupled:
            self.weights.copy_(self._coupled(past.flatten(1), step).T)
        else:
            equations = SharedRegression(past.shape[1])
            equations.add(past.transpose(1, 2).reshape(-1, past.shape[1]), step.reshape(-1))
            self.weights.copy_(equations.solution())

    def _coupled(self, features, step):
        features, step = features.double(), step.double()
        if self.ridge is None:
            return held_out_regression(features, step)
        return ridge_regression(features, step, self.ridge)


class SharedRegression:
    """Least squares of ``(n,)`` on ``(n, k)``, in float64, from rows that come in blocks.

    From the normal equations: millions of rows need not be there at once, and CUDA has no other
    solution for them.

    Parameters
    ----------
    n_features : int
        k.
    """

    def __init__(self, n_features: int):
        self.gram = torch.zeros(n_features, n_features, dtype=torch.float64)
        self.moment = torch.zeros(n_features, dtype=torch.float64)
        #: Largest absolute value of a feature.
        self.largest = 0.0

    def add(self, features: Tensor, target: Tensor) -> None:
        """Count rows ``(n, k)`` and what they should give, ``(n,)``."""
        self.largest = max(self.largest, features.abs().max().item())
        features, target = features.double(), target.double()
        self.gram += (features.T @ features).cpu()
        self.moment += (features.T @ target).cpu()

    def solution(self) -> Tensor:
        """Weights ``(k,)``, on the CPU."""
        return torch.linalg.lstsq(self.gram, self.moment[:, None]).solution[:, 0]


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


def ridge_regression(features: Tensor, target: Tensor, ridge: float) -> Tensor:
    """Ridge regression of ``(n, m)`` on ``(n, k)``, float64; returns ``(k, m)``.

    See :func:`ridge_solution`. Of fewer rows than features the products of rows with each other are
    solved for, which give the same weights.
    """
    if len(features) >= features.shape[1]:
        return ridge_solution(features.T @ features, features.T @ target, ridge)
    penalty = ridge * features.square().sum(0).mean()
    kernel = features @ features.T
    kernel.diagonal().add_(penalty.clamp_min(torch.finfo(torch.float64).tiny))
    return features.T @ torch.cholesky_solve(target, torch.linalg.cholesky(kernel))


def held_out_regression(features: Tensor, target: Tensor) -> Tensor:
    """Ridge regression with the ridge that predicts the last fifth of the rows best.

    Parameters
    ----------
    features, target : Tensor, ``(n, k)`` and ``(n, m)``
        Float64.

    Returns
    -------
    Tensor, ``(k, m)``
        See :func:`held_out_solution`. Of fewer rows than features none of the k × k products of
        features is formed.
    """
    kept = held_out_from(len(features))
    rows = (features[:kept], target[:kept]), (features[kept:], target[kept:])
    if len(features) >= features.shape[1]:
        return held_out_solution(*((f.T @ f, f.T @ t) for f, t in rows))
    (fitted, known), (held, asked) = rows
    weights = (_scaled_regression(fitted, known, ridge) for ridge in _LARGE_RIDGES)
    errors = torch.stack([(held @ each - asked).square().sum(0) for each in weights])
    return _best_of(
        errors, _LARGE_RIDGES, lambda ridge: _scaled_regression(features, target, ridge)
    )


def _scaled_regression(features, target, ridge):
    scale = features.square().sum(0).sqrt()
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return ridge_regression(features / scale, target, ridge) / scale[:, None]


def _best_of(errors, ridges, solve):
    """For each target, the weights with the ridge of the least error."""
    best = errors.argmin(0)
    weights = None
    for number in best.unique().tolist():
        solution = solve(ridges[number])
        weights = solution if weights is None else torch.where(best == number, solution, weights)
    return weights


def held_out_from(n_windows: int) -> int:
    """Number of the first window that is held out to choose a ridge: the last fifth is."""
    return n_windows - n_windows // 5


def held_out_solution(fitted, held) -> Tensor:
    """Ridge regression with the ridge that predicts held-out windows best, for each target.

    Parameters
    ----------
    fitted, held : tuple of Tensor
        Gram matrix ``(k, k)`` and moments ``(k,)`` or ``(k, m)`` of windows to fit, and of others,
        float64.

    Returns
    -------
    Tensor
        Weights of all windows together, in the shape of the moments.
    """
    both = [a + b for a, b in zip(fitted, held, strict=True)]
    errors = torch.stack([_error(_solve(*fitted, ridge), *held) for ridge in _RIDGES])
    return _best_of(errors, _RIDGES, lambda ridge: _solve(*both, ridge))


def _solve(gram, moment, ridge):
    # A feature that is always zero (an atom relative to itself) has no scale: leave it out.
    scale = gram.diagonal().sqrt()
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    scaled = gram / scale[:, None] / scale
    scale = scale.reshape((-1,) + (1,) * (moment.dim() - 1))
    return ridge_solution(scaled, moment / scale, ridge) / scale


def _error(weights, gram, moment):
    """Sums of squares on other windows, up to what no weights change."""
    return (weights * (gram @ weights - 2 * moment)).sum(0)
