"""What training a density minimises: the mean of minus its logarithm."""

import math

import torch
import torch.distributed as dist

from ..mechanics import wrap_angle
from ..models import log_lag
from ._tasks import JumpTask


class ProposalTask(JumpTask):
    r"""Maximum likelihood of how far bonds turn within times of all the lengths asked for.

    .. math:: -\left\langle \log q(Δq_B \mid x_{t-T+1}, …, x_t, Δq_{\bar B}, τ) \right\rangle

    over the model's windows of T frames and the frame τ after each, and blocks B of bonds as moves
    draw them. The windows of the *set* are as long as a window of the model and the longest time
    together, ``model.segment``: of each, the first T frames are a window, and for every time one
    of the others is the frame to come. Backwards in time the same frames are an example again,
    the last of them first. The model needs ``log_density``, ``draw_block``, ``history``, ``lags``
    and ``segment``.

    Raises
    ------
    ValueError
        If the windows of a set are shorter than that.
    """

    def _measure(self, stretches):
        needed = self.model.segment
        for windows in (self.windows, self.validation):
            if windows is not None and windows.history < needed:
                raise ValueError(
                    f"windows of {windows.history} frames are shorter than what the model is "
                    f"trained on, its own window of {self.model.history} and the longest of its "
                    f"times, {max(lag or 0 for lag in self.model.lags)} frame intervals: make them "
                    f"with history={needed}"
                )
        self.log_lags = torch.stack([log_lag(lag) for lag in self.model.lags])
        self.random = torch.Generator().manual_seed(self.config.seed)

    def on_save_checkpoint(self, checkpoint):
        """Keep the state of the random numbers that blocks are drawn by."""
        checkpoint["random"] = self.random.get_state()

    def on_load_checkpoint(self, checkpoint):
        """Go on with the random numbers that would have followed."""
        self.random.set_state(checkpoint["random"])

    @property
    def variants(self):
        """One for each time."""
        return len(self.model.lags)

    def example(self, windows, index):
        """Windows of the model, turns, logarithms of times, and noise, each ``(n, ...)``."""
        count = len(windows)
        # At equilibrium, the frame itself is what follows: its torsions, given its shape.
        lags = torch.tensor([lag or 0 for lag in self.model.lags], device=index.device)
        round = index // count
        chosen, backwards = round % self.variants, round >= self.variants
        steps = torch.arange(self.model.history, device=index.device)
        end = (len(steps) - 1 + lags[chosen])[:, None]
        # The window, then what comes after it
        steps = torch.cat([steps.expand(len(index), -1), end], 1)
        steps = torch.where(backwards[:, None], end - steps, steps)
        frames = windows.frames[windows.starts[index % count][:, None] + steps * windows.stride]
        window, body = frames[:, :-1], self.model.context.body
        turns = wrap_angle(body.torsions(frames[:, -1]) - body.torsions(window[:, -1]))
        return window, turns, self.log_lags.to(window)[chosen], self._noise(windows, window)

    def _noise(self, windows, window):
        """Normal noise ``(n,)``: what one process would have drawn that takes the batch at once."""
        # Processes share the batches of training, and validate on all windows.
        process, processes = 0, 1
        if windows is self.windows and dist.is_initialized():
            process, processes = dist.get_rank(), dist.get_world_size()
        # One after the other, however many are asked for at a time: torch.randn does not say so
        uniform = torch.rand(
            processes * len(window), dtype=torch.float64, generator=self.random
        )  # fmt: skip
        return torch.special.ndtri(uniform[process::processes]).to(window)

    def loss(self, window, turns, lag, noise):
        """Mean of minus the logarithm of the density, for each bond that turns in the mean.

        Blocks are drawn by the noise. By how many bonds turn in this batch, the loss of a batch
        would be another than the mean of those of its parts. Relative to an even density on the
        circle: of n equal positions of a rotor, an even one has minus log n.
        """
        block = self.model.draw_block(noise)
        density = self.model.log_density(window, turns, block, lag)
        above_even = density + math.log(2 * math.pi) * block.sum(-1)
        return -above_even.mean() / self.model.mean_block
