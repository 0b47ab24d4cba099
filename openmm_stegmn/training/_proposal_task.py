"""What training a density minimises: the mean of minus its logarithm."""

import math

import torch

from ..mechanics import wrap_angle
from ..models import log_lag
from ._tasks import JumpTask


class ProposalTask(JumpTask):
    r"""Maximum likelihood of how far bonds turn within times of all the lengths asked for.

    .. math:: -\left\langle \log q(Δq_B \mid x_t, Δq_{\bar B}, τ) \right\rangle

    over pairs of frames τ apart, in both directions of time, and blocks B of bonds as moves draw
    them. The windows are as long as the longest time: of each, the first frame and one of the
    others are a pair. The model needs ``log_density``, ``draw_block`` and ``lags``.

    Raises
    ------
    ValueError
        If the windows are shorter than that.
    """

    def _measure(self, window, target):
        longest = max(lag or 0 for lag in self.model.lags)
        for windows in (self.windows, self.validation):
            if windows is not None and windows.history < longest:
                raise ValueError(
                    f"windows of {windows.history} frames are shorter than the longest time that "
                    f"the model is trained for, {longest} frame intervals: make them with "
                    f"history={longest}"
                )
        self.log_lags = torch.stack([log_lag(lag) for lag in self.model.lags])
        self.random = torch.Generator().manual_seed(self.config.seed)

    @property
    def variants(self):
        """One for each time."""
        return len(self.model.lags)

    def example(self, windows, index):
        """First frames, turns and logarithms of times ``(n, ...)`` of numbers of windows."""
        count = len(windows)
        # At equilibrium, the frame itself is what follows: its torsions, given its shape.
        lags = torch.tensor([lag or 0 for lag in self.model.lags], device=index.device)
        round = index // count
        chosen, backwards = round % self.variants, round >= self.variants
        first = windows.starts[index % count]
        last = first + lags[chosen] * windows.stride
        first, last = torch.where(backwards, last, first), torch.where(backwards, first, last)
        body, start = self.model.context.body, windows.frames[first]
        turns = wrap_angle(body.torsions(windows.frames[last]) - body.torsions(start))
        return start, turns, self.log_lags.to(start)[chosen]

    def loss(self, start, turns, lag):
        """Mean of minus the logarithm of the density, for each bond that turns.

        Relative to an even density on the circle: of n equal positions of a rotor, an even one has
        minus log n.
        """
        noise = torch.randn(len(start), generator=self.random).to(start)
        block = self.model.draw_block(noise)
        density = self.model.log_density(start, turns, block, lag)
        return -density.sum() / block.sum() - math.log(2 * math.pi)
