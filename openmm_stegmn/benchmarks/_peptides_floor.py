"""The noise floor: how far the next frame is from any prediction, for it is not decided yet."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..mechanics import superpose


@dataclass(frozen=True)
class NoiseFloor:
    r"""Errors of the best prediction that positions *and* velocities of all atoms allow.

    Repeats from one state with fresh noise spread about their mean, which no prediction from that
    state is nearer to on average. With M repeats from each state,

    .. math:: \mathrm{MSE} = \left\langle \frac{1}{M-1} \sum_m (x_m - \bar{x})^2 \right\rangle

    over atoms, x, y, z and states, each frame superposed (mass-weighted) on the state, as in
    :func:`~openmm_stegmn.training.evaluate`. For torsions the mean is the angle with the least mean
    square distance on the circle.

    A model sees past frames but no velocities, and the solvent's friction makes its own noise of
    what it does not see: its own floor lies above this one, by more the longer the frames are
    apart that it would have to tell velocities from.
    """

    torsion_rmse: float
    """Degrees, root of the mean over bonds and states."""
    torsion_rmse_error: float
    """Standard error, over states; so are the others."""
    mse: float
    """Å², all atoms."""
    mse_error: float
    mse_heavy: float
    mse_heavy_error: float
    mae: float
    """Mean distance of an atom from the mean of its repeats, Å. That mean is where the square is
    least: where the distance is least, it is a little less."""
    n_states: int
    n_repeats: int

    @classmethod
    def estimate(cls, repeats: Tensor, starts: Tensor, context, heavy: Tensor) -> "NoiseFloor":
        """Estimate from repeats.

        Parameters
        ----------
        repeats : Tensor, ``(n_states, n_repeats, n_atoms, 3)``
            Å.
        starts : Tensor, ``(n_states, n_atoms, 3)``
        context : MoleculeContext
            With masses and rotatable bonds.
        heavy : Tensor, ``(n_atoms,)``
            Which atoms are no hydrogen.
        """
        n_repeats = repeats.shape[1]
        repeats, starts = repeats.double(), starts.double()
        angles = context.body.torsions(repeats).transpose(1, 2)
        unbiased = n_repeats / (n_repeats - 1)
        torsion, torsion_error = _mean(
            unbiased * circular_variance(angles).mean(-1) * torch.rad2deg(torch.tensor(1.0)) ** 2
        )
        frames = superpose(repeats, starts[:, None], context.masses)
        deviation = frames - frames.mean(1, keepdim=True)
        square = unbiased * deviation.square().mean((1, 3))
        distance = unbiased**0.5 * torch.linalg.vector_norm(deviation, dim=-1).mean((1, 2))
        mse, mse_error = _mean(square.mean(1))
        mse_heavy, mse_heavy_error = _mean(square[:, heavy].mean(1))
        rmse = torsion**0.5
        return cls(
            rmse, torsion_error / (2 * rmse) if rmse else 0.0, mse, mse_error, mse_heavy,
            mse_heavy_error, distance.mean().item(), len(repeats), n_repeats,
        )  # fmt: skip


def circular_variance(angles: Tensor) -> Tensor:
    """Mean square distance on the circle from the angle where that is least.

    Exact: the angles are cut open at each gap in turn, and the spread on the line is least for the
    best cut.

    Parameters
    ----------
    angles : Tensor, ``(..., n)``
        rad.

    Returns
    -------
    Tensor, ``(...)``
        rad².
    """
    n, turn = angles.shape[-1], 2 * torch.pi
    angles = torch.remainder(angles, turn).sort(-1).values
    # The first k angles, moved by a turn, come after the others; k = 0 to n − 1.
    moved = torch.ones(n, n, dtype=angles.dtype, device=angles.device).tril(-1)
    return (angles.unsqueeze(-2) + turn * moved).var(-1, correction=0).min(-1).values


def _mean(values):
    """Mean over states and its standard error."""
    return values.mean().item(), (values.std() / len(values) ** 0.5).item()
