"""Linear models: what a network has to beat, in positions and in torsions."""

import torch
from torch import Tensor

from ..data import WindowBlocks
from ..mechanics import superpose, wrap_angle
from ._interface import TrajectoryModel, unmoved
from ._registry import register
from ._spec import ModelSpec
from .layers import LagRegression, SharedRegression, relative_torsions, ridge_solution


@register("persistence")
class Persistence(TrajectoryModel):
    """The next frame is the last frame."""

    kinematics = "articulated"
    closed_form = True

    def jump(self, window: Tensor, base: Tensor):
        """Return ``base`` itself."""
        return base, unmoved(base)


@register("linear", mode="extrapolate")
@register("linear-ar", mode="shared")
@register("linear-ar-full", mode="full")
class CartesianRegression(TrajectoryModel):
    r"""Linear prediction of each atom's position, relative to its last position.

    ==============  ==========================================================================
    name            displacement of atom i from its last position
    ==============  ==========================================================================
    linear          :math:`x_{i,T-1} - x_{i,T-2}`
    linear-ar       :math:`\sum_t θ_t (x_{i,t} - x_{i,T-1})`, one θ for all atoms
    linear-ar-full  :math:`\sum_{j,t} θ_{i,j,t} (x_{j,t} - x_{i,T-1})`, all atoms, by ridge
    ==============  ==========================================================================

    The same weights serve x, y and z, so all are rotation equivariant; in ``linear-ar-full`` each
    atom's displacement is a combination of vectors, so that it is translation equivariant too.

    Parameters
    ----------
    spec : ModelSpec
    mode : {"extrapolate", "shared", "full"}
    ridge : float
        Relative to the mean square of the features.
    superposed : bool
        Whether the frames of a window (and the target, in fitting) are superposed on its last frame
        first, mass-weighted, so that whole-molecule diffusion does not drown what happens inside.
    """

    closed_form = True

    def __init__(self, spec: ModelSpec, *, mode: str, ridge: float = 1e-8, superposed: bool = True):
        super().__init__(spec)
        _need_two_frames(spec)
        self.mode, self.ridge, self.superposed = mode, ridge, superposed
        if mode == "full":
            n, lags = spec.n_atoms, spec.history
            self.register_buffer("weights", torch.zeros(n, lags * n))
        else:
            self.register_buffer("weights", _extrapolation(spec.history))

    def jump(self, window: Tensor, base: Tensor):
        """Add the predicted displacement to ``base``; nothing is constrained."""
        if self.superposed:
            window = superpose(window, window[..., -1:, :, :], self.context.masses.to(window))
        if self.mode == "full":
            n, lags = self.spec.n_atoms, self.spec.history
            rows = window.reshape(window.shape[:-3] + (lags * n, 3))
            # Σ θ (x_j,t − x_i,T−1) without forming the N × TN differences
            displacement = (
                self.weights @ rows - self.weights.sum(1)[:, None] * window[..., -1, :, :]
            )
        else:
            past = window[..., :-1, :, :] - window[..., -1:, :, :]
            displacement = torch.einsum("t,...tni->...ni", self.weights, past)
        return base + displacement.to(base.dtype), unmoved(base)

    def fit(self, windows: WindowBlocks) -> None:
        """Least squares over all windows."""
        if self.mode == "shared":
            equations = SharedRegression(self.spec.history - 1)
            for window, target in self._aligned(windows):
                past = window[:, :-1] - window[:, -1:]
                features = past.permute(0, 2, 3, 1).reshape(-1, self.spec.history - 1)
                equations.add(features, (target - window[:, -1]).reshape(-1))
            self.weights.copy_(equations.solution())
        elif self.mode == "full":
            self._fit_full(windows)

    def _fit_full(self, windows):
        # Features of atom i are y − y_i, with y the 3 × TN coordinates and y_i its last ones, so
        # that one Gram matrix of y gives those of all atoms.
        n, lags, device = self.spec.n_atoms, self.spec.history, self.weights.device
        gram = torch.zeros(lags * n, lags * n, dtype=torch.float64, device=device)
        moment = torch.zeros(lags * n, n, dtype=torch.float64, device=device)
        for window, target in self._aligned(windows):
            last = window[:, -1]
            centred = window - last.mean(1)[:, None, None]
            y = centred.reshape(-1, lags * n, 3).transpose(1, 2).reshape(-1, lags * n).double()
            gram += y.T @ y
            moment += y.T @ (target - last).transpose(1, 2).reshape(-1, n).double()
        for atom in range(n):
            own = (lags - 1) * n + atom
            cross = gram[own]
            moved = gram - cross[:, None] - cross[None] + cross[own]
            self.weights[atom] = ridge_solution(
                moved, moment[:, atom] - moment[own, atom], self.ridge
            ).to(self.weights)

    def _aligned(self, windows):
        return windows.superposed(self.context.masses) if self.superposed else windows


@register("torsion-linear", mode="extrapolate")
@register("torsion-linear-ar", mode="shared")
@register("torsion-linear-ar-full", mode="full")
class TorsionRegression(TrajectoryModel):
    """The same three in torsions: increments from past torsions relative to the last."""

    kinematics = "articulated"
    closed_form = True

    def __init__(self, spec: ModelSpec, *, mode: str, ridge: float = 1e-8):
        super().__init__(spec)
        _need_two_frames(spec)
        self.mode = mode
        self.regression = LagRegression(
            self.context.body.n_bonds, spec.history, coupled=mode == "full", ridge=ridge
        )
        if mode == "extrapolate":
            self.regression.weights.copy_(_extrapolation(spec.history))

    def jump(self, window: Tensor, base: Tensor):
        """Turn the fragments of ``base`` by the predicted angles."""
        body = self.context.body
        angles = self.regression(relative_torsions(body, window))
        return body.move(base, angles.to(base.dtype))

    def fit(self, windows: WindowBlocks) -> None:
        """Least squares over all windows."""
        if self.mode != "extrapolate":
            body, past, angles = self.context.body, [], []
            for window, target in windows:
                past.append(relative_torsions(body, window))
                angles.append(wrap_angle(body.torsions(target) - body.torsions(window[:, -1])))
            self.regression.fit(torch.cat(past), torch.cat(angles))


def _extrapolation(history):
    """x' = x_{T−1} + (x_{T−1} − x_{T−2}): weight −1 on the frame before the last."""
    weights = torch.zeros(history - 1)
    weights[-1] = -1
    return weights


def _need_two_frames(spec):
    if spec.history < 2:
        raise ValueError(
            f"{spec.architecture} extrapolates from past frames and needs history >= 2, "
            f"got {spec.history}"
        )
