"""Training of a density beyond likelihood: for moves that Metropolis accepts, and that go far."""

from dataclasses import dataclass

import openmm
import torch
from torch import Tensor

from ..systems import platform_properties
from ..units import GAS_CONSTANT
from ._acceptance import potential_energies
from ._optimizers import one_cycle


@dataclass(frozen=True)
class FineTuneConfig:
    """Hyper-parameters of fine-tuning for acceptance."""

    steps: int = 500
    """Optimiser steps."""
    batch_size: int = 64
    """Frames in a batch."""
    proposals: int = 4
    """From each frame, at least 2."""
    learning_rate: float = 5e-4
    """Peak of the one-cycle schedule of AdamW."""
    weight_decay: float = 1e-3
    """Decoupled weight decay."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient."""
    validate_every: int = 50
    """Steps between two looks at the validation frames."""
    seed: int = 2026
    """Of frames and noise."""

    def __post_init__(self):
        for name in ("steps", "batch_size", "learning_rate", "gradient_clip", "validate_every"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.proposals < 2:
            raise ValueError(f"proposals must be at least 2, got {self.proposals}")


def fine_tune(
    model, system, frames: Tensor, temperature: float, config: FineTuneConfig | None = None, *,
    validation: Tensor, device: str = "cpu", platform: str = "Reference", progress=None,
):  # fmt: skip
    r"""Train a density further, in place, for what its moves are for.

    Maximises :math:`\langle a(x, x') \, \overline{(1 - \cos Δq)} \rangle`, the mean over bonds of
    how far a trial turns them times the probability :math:`a = \min(1, e^d)` that it is accepted,

    .. math:: d = \log q(x | x') - \log q(x' | x) - β (U(x') - U(x))

    by stochastic gradients of the densities alone: with the reward :math:`r = a f`, whose mean over
    the other proposals from the same frame is subtracted,
    :math:`(r - \bar r) ∇\log q(x'|x) + [d < 0] \, r \, ∇d`. It needs energies, no forces.

    Parameters
    ----------
    model : TorsionProposal
        Trained by likelihood; it looks at one frame only.
    system : openmm.System
    frames, validation : Tensor, ``(n, n_atoms, 3)``
        Å, at equilibrium at this temperature. The weights that do best on the validation frames
        are kept, which may be those before.
    temperature : float
        K.
    config : FineTuneConfig, optional
    device : str
        Where the network is trained; energies are taken on OpenMM's ``platform``.
    platform : str
    progress : callable, optional
        Called with steps done, steps in all, and the mean acceptance of the last batch.

    Returns
    -------
    TorsionProposal
        The same model, on the CPU, in evaluation mode.

    Raises
    ------
    ValueError
        If the model looks at more than one frame.
    """
    config = config or FineTuneConfig()
    if model.uses_window:
        raise ValueError(
            f"fine-tuning for acceptance is for models of the current frame alone, which make "
            f"exact moves; this one looks at {model.history} frames"
        )
    found = openmm.Platform.getPlatformByName(platform)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), found, platform_properties(found, threads=1)
    )
    trial = _Trial(model, context, 1 / (GAS_CONSTANT * temperature), config)
    model.to(device).train().requires_grad_(True)
    model.source = model.sha256 = None  # of no file any more
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = one_cycle(optimizer, config.learning_rate, config.steps)
    random = torch.Generator().manual_seed(config.seed)
    best, weights = trial.score(validation), _copied(model)
    for step in range(1, config.steps + 1):
        chosen = frames[torch.randint(len(frames), (config.batch_size,), generator=random)]
        loss, acceptance = trial.loss(chosen, random)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        optimizer.step()
        schedule.step()
        if step % config.validate_every == 0 or step == config.steps:
            score = trial.score(validation)
            if score > best:
                best, weights = score, _copied(model)
        if progress is not None:
            progress(step, config.steps, acceptance)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    return model.cpu().eval()


def _copied(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def surrogate(exponent: Tensor, there: Tensor, turned: Tensor, baseline: Tensor) -> Tensor:
    """What has, in the mean over proposals, the gradient of acceptance times how far bonds turn.

    Parameters
    ----------
    exponent, there : Tensor, ``(n,)``
        d, and the logarithm of the density of the way there.
    turned : Tensor, ``(n,)``
    baseline : Tensor, ``(n,)``
        Independent of the proposal itself; it changes the noise alone.
    """
    d = exponent.detach()
    reward = d.clamp_max(0).exp() * turned
    return (reward - baseline) * there + (d < 0) * reward * exponent


class _Trial:
    """Moves from frames, and what they are worth."""

    def __init__(self, model, context, beta, config):
        self.model, self.context, self.beta, self.config = model, context, beta, config

    def loss(self, frames, random):
        """What has the gradient above, and the mean acceptance."""
        exponent, there, turned = self._move(frames, random)
        chance = exponent.detach().clamp_max(0).exp()
        each = (chance * turned).view(-1, self.config.proposals)
        others = (each.sum(1, keepdim=True) - each) / (each.shape[1] - 1)
        value = surrogate(exponent, there, turned, others.flatten())
        return -value.mean() / turned.mean(), chance.mean().item()

    @torch.no_grad()
    def score(self, frames):
        """The objective, on frames and noise that are always the same."""
        random = torch.Generator().manual_seed(self.config.seed + 1)
        exponent, _, turned = self._move(frames, random)
        return (exponent.clamp_max(0).exp() * turned).mean().item()

    def _move(self, frames, random):
        """d, the density of the way there, and how far bonds turn, of all proposals."""
        model = self.model
        start = frames.repeat_interleave(self.config.proposals, 0)
        noise = torch.randn(len(start), model.n_noise, generator=random)
        before = potential_energies(self.context, frames).repeat_interleave(self.config.proposals)
        device = next(model.parameters()).device
        start, noise = start.to(device)[:, None], noise.to(device)
        with torch.no_grad():
            turns, block, _ = model.draw(start, noise)
            moved, _ = model.context.body.move(start[:, -1], turns)
        rise = (potential_energies(self.context, moved.cpu()) - before).to(turns)
        there = model.log_density(start, turns, block)
        exponent = model.log_density(moved[:, None], -turns, block) - there - self.beta * rise
        # Atoms on top of each other have no energy, and no chance.
        exponent = torch.where(torch.isfinite(exponent), exponent, torch.full_like(there, -1e4))
        return exponent, there, (1 - torch.cos(turns)).mean(-1)
