"""A density of turns of the rotatable bonds: for exact Monte Carlo moves, and for dynamics."""

import copy
import dataclasses
import math

import torch
from torch import Tensor, nn

from ..data import WindowBlocks
from ..mechanics import wrap_angle
from ._handedness import Handedness
from ._interface import Proposal, TrajectoryModel
from ._lags import check_lags, lag_of, log_lag
from ._registry import register
from ._rotor_symmetry import rotor_folds
from ._spec import ModelSpec
from .layers._bond_encoder import BondEncoder
from .layers._wrapped_normal import GREATEST_WIDTH, wrap_period, wrapped_normal_log_density

# Narrowest width, rad: a density has no spikes.
_NARROWEST = 0.03
# Widths before training, in periods
_FIRST_WIDTH = 0.06


@register("stegmn-proposal")
class TorsionProposal(TrajectoryModel):
    r"""Where the rotatable bonds may turn, as a density that is drawn from.

    .. math:: q(Δq | x, τ) = \sum_k w_k \prod_{b ∈ B} \mathcal{N}_{P_b}(Δq_b; μ_{kb}, σ_{kb})

    with wrapped normals of period :math:`P_b = 2π / n_b`, n the symmetry of what turns. Weights,
    means and widths come from attention between the bonds (:class:`BondEncoder`). Components are
    shared by all bonds, so that they turn together. The time τ is an input: one model has the
    densities of all times it was trained for.

    With a window of *one frame* (T = 1) there is also the density for no time (``None``), that of
    the torsions *given lengths and angles*, as at equilibrium: it does not look at the torsions
    that it draws. Moves drawn from it would all be accepted if it were learned perfectly. With
    *several* frames each bond also sees how its torsion differs from that in each earlier frame:
    the density of stochastic dynamics with memory.

    With blocks, a move turns a part B of the bonds that are next to each other in the order of
    their atoms, which in a chain is a stretch of it; which part is drawn without looking at the
    frame, so that the way back has the same chance. The network is trained
    for all parts, given how far the others turn, which in a move they do not.

    Lengths and angles are those of the last frame. The Jacobian of such a move is one, so with
    T = 1 accepting it with :math:`\min(1, e^{-βΔU} q(-Δq | x') / q(Δq | x))` leaves the Boltzmann
    distribution unchanged, whatever the network has learned. With T > 1 no such test is exact: the
    way back starts from another window. Equivariant to rotation, translation and
    reflection. (Of a molecule without chiral centres the handedness of the frame is seen even at
    equilibrium: learned perfectly, such moves stay on one side of the mirror.)

    Parameters
    ----------
    spec : ModelSpec
        Its history is T.
    components, hidden, layers, heads : int
        Number of components; width, layers and heads of the attention.
    lags : list of int or None
        Times that it is trained for, in frame intervals; None for equilibrium, if T = 1.
    lag : int or None
        Time that it draws for: one of ``lags``, or between them. See :meth:`at_lag`.
    block : int or None
        Most bonds that a move turns, if T = 1; None for all at once.
    """

    kinematics = "articulated"
    has_density = True

    def __init__(
        self, spec: ModelSpec, *, components: int = 48, hidden: int = 64, layers: int = 2,
        heads: int = 4, lags=(None, 1, 2, 5, 10, 20, 50), lag: int | None = None,
        block: int | None = None,
    ):  # fmt: skip
        super().__init__(spec)
        body = self.context.body
        if body.n_bonds == 0:
            raise ValueError("stegmn-proposal turns rotatable bonds, and this molecule has none")
        if hidden % heads:
            raise ValueError(f"hidden = {hidden} cannot be shared by heads = {heads}")
        if components < 1 or (block is not None and block < 1):
            raise ValueError(f"components = {components} and block = {block}: at least 1")
        check_lags(lags, lag, self.history)
        self.components, self.lags = components, tuple(lags)
        self.block = None if block is None or block >= body.n_bonds else block
        if self.block is not None and self.history > 1:
            raise ValueError(
                f"block = {block} with windows of {self.history} frames: in the time after a "
                f"window all bonds turn; blocks are for moves from one frame (history = 1)"
            )
        folds = rotor_folds(self.context)
        self.handedness = Handedness(self.context)
        self.encoder = BondEncoder(self.context, folds, hidden, layers, heads, self.history)
        self.register_buffer("folds", folds, persistent=False)
        along = body.torsion_atoms[:, 1:3].amin(1).argsort(stable=True).argsort()
        #: Place of each bond in the order of its atoms; bonds themselves are ordered by depth.
        self.register_buffer("place", along, persistent=False)
        self.register_buffer("lag", log_lag(lag), persistent=False)
        #: Directions of the means on the circle, before the network adds to them.
        self.centres = nn.Parameter(torch.randn(body.n_bonds, components, 2))
        self.of_bond = nn.Linear(hidden, 4 * components)
        self.of_all = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, components))
        for last in (self.of_bond, self.of_all[1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    @property
    def n_noise(self) -> int:
        """Random numbers that one draw takes."""
        return len(self.folds) + 2

    @property
    def jump_frames(self) -> int | None:
        """Frame intervals that it draws for, None at equilibrium."""
        return lag_of(self.lag)

    @property
    def segment(self) -> int:
        """As of any model: its window, and the longest of its times; at least a frame."""
        return max(1, self.history - 1 + max(lag or 0 for lag in self.lags))

    def at_lag(self, lag: int | None) -> "TorsionProposal":
        """A copy that draws for another time, in frame intervals.

        Raises
        ------
        ValueError
            If it is not one of ``lags`` or between them.
        """
        check_lags(self.lags, lag, self.history)
        other = copy.deepcopy(self)
        other.lag.copy_(log_lag(lag))
        config = self.spec.config | {"lag": lag}
        other.spec = dataclasses.replace(self.spec, config=config)
        return other

    def mixture(self, window: Tensor, turns: Tensor, block: Tensor, lag: Tensor):
        """Components of the density of windows ``(B, T, N, 3)``.

        Parameters
        ----------
        window : Tensor, ``(B, T, N, 3)``
        turns, block : Tensor, ``(B, n_bonds)``
            See :class:`BondEncoder`.
        lag : Tensor, ``(B,)``
            See :func:`log_lag`.

        Returns
        -------
        log_weights, means, widths : Tensor
            ``(B, K)``; ``(B, n_bonds, K)``, rad.
        """
        return self._mixture(window, *self._handed(window), turns, block, lag)

    def _handed(self, window):
        """Torsions, and which of two mirror images the last frames are."""
        torsions = self.context.body.torsions(window)
        return torsions, self.handedness(window[:, -1], torsions[:, -1])

    def _mixture(self, window, torsions, hand, turns, block, lag):
        torsions = hand.unsqueeze(1) * torsions
        h = self.encoder(window[:, -1], torsions, block, hand * turns, lag)
        keep, along, across, width = self.of_bond(h).unflatten(-1, (4, -1)).unbind(-2)
        folds = self.folds.unsqueeze(-1)
        now = (torsions[:, -1] * self.folds).unsqueeze(-1)
        keep = keep * torch.isfinite(lag).to(keep)[:, None, None]
        direction = torch.atan2(
            self.centres[..., 1] + across + keep * torch.sin(now),
            self.centres[..., 0] + along + keep * torch.cos(now),
        )
        means = hand.unsqueeze(-1) * wrap_angle(direction - now) / folds
        period = 2 * math.pi / folds.to(now)
        # Softly between its bounds
        first = math.log(_FIRST_WIDTH / (GREATEST_WIDTH - _FIRST_WIDTH))
        widths = _NARROWEST / folds + (GREATEST_WIDTH * period - _NARROWEST / folds) * (
            torch.sigmoid(first + width)
        )
        pooled = (block.unsqueeze(-1) * h).sum(1) / block.sum(1, keepdim=True)
        return self.of_all(pooled).log_softmax(-1), means, widths

    def log_density(
        self, window: Tensor, turns: Tensor, block: Tensor | None = None, lag: Tensor | None = None
    ) -> Tensor:
        """Logarithm of the density of turns, given those of bonds outside the block.

        Parameters
        ----------
        window : Tensor, ``(B, T, N, 3)``
            Å.
        turns : Tensor, ``(B, n_bonds)``
            rad.
        block : Tensor, ``(B, n_bonds)``, optional
            1 for bonds of the block; by default all.
        lag : Tensor, ``(B,)``, optional
            By default the model's own.

        Returns
        -------
        Tensor, ``(B,)``
            log(1/rad) for each bond of the block; over one period, which holds one of the equal
            positions.
        """
        block = torch.ones_like(turns) if block is None else block
        lag = self.lag.expand(len(turns)) if lag is None else lag
        return self._log_density(*self.mixture(window, turns, block, lag), turns, block)

    def _log_density(self, log_weights, means, widths, turns, block):
        period = 2 * math.pi / self.folds.to(turns).unsqueeze(-1)
        deviation = wrap_period(turns.unsqueeze(-1) - means, period)
        each = wrapped_normal_log_density(deviation, widths, period)
        return torch.logsumexp(log_weights + (block.unsqueeze(-1) * each).sum(1), -1)

    def draw(self, window: Tensor, noise: Tensor):
        """Draw turns, as a function of random numbers.

        Parameters
        ----------
        window : Tensor, ``(B, T, N, 3)``
            Å.
        noise : Tensor, ``(B, n_bonds + 2)``
            Independent, normally distributed.

        Returns
        -------
        turns, block : Tensor, ``(B, n_bonds)``
        log_density : Tensor, ``(B,)``
        """
        block = self.draw_block(noise[:, 0])
        torsions, hand = self._handed(window)
        nothing, lag = torch.zeros_like(block), self.lag.expand(len(block))
        mixture = self._mixture(window, torsions, hand, nothing, block, lag)
        log_weights, means, widths = mixture
        uniform = torch.special.ndtr(noise[:, 1:2])
        below = log_weights.exp().cumsum(-1) <= uniform
        chosen = below.sum(-1).clamp_max(self.components - 1)[:, None, None]
        chosen = chosen.expand(-1, means.shape[1], 1)
        mean, width = (part.gather(-1, chosen).squeeze(-1) for part in (means, widths))
        period = 2 * math.pi / self.folds.to(mean)
        # Mirror images get mirror images of the same noise.
        turns = block * wrap_period(mean + hand * width * noise[:, 2:], period)
        return turns, block, self._log_density(*mixture, turns, block)

    def draw_block(self, noise: Tensor) -> Tensor:
        """Blocks ``(B, n_bonds)``, 1 for bonds that turn, from normal noise ``(B,)``."""
        n_bonds = len(self.folds)
        if self.block is None:
            return torch.ones_like(noise).unsqueeze(-1).expand(-1, n_bonds)
        # Blocks begin at any bond, and before the first: each bond is in as many.
        starts = n_bonds + self.block - 1
        uniform = torch.special.ndtr(noise)
        last = (uniform * starts).floor().clamp_max(starts - 1).unsqueeze(-1)
        place = self.place.to(noise.dtype)
        return ((place <= last) & (place > last - self.block)).to(noise.dtype)

    @property
    def mean_block(self) -> float:
        """Bonds that a block has, in the mean over those that are drawn."""
        n_bonds = len(self.folds)
        if self.block is None:
            return n_bonds
        return n_bonds * self.block / (n_bonds + self.block - 1)

    def trials(self, base: Tensor, noise: Tensor):
        """Independent proposals from one frame, and what Metropolis needs to know of each; T = 1.

        Parameters
        ----------
        base : Tensor, ``(n_atoms, 3)``
            Å, in any precision.
        noise : Tensor, ``(n, n_bonds + 2)``

        Returns
        -------
        frames : Tensor, ``(n, n_atoms, 3)``
            In the precision of ``base``.
        log_ratio : Tensor, ``(n,)``
            Logarithm of the density of the way back over that of the way there.

        Raises
        ------
        ValueError
            If T > 1: of the way back the window is not known.
        """
        if self.history > 1:
            raise ValueError(
                f"trials start from one frame, and this model looks at {self.history}: draw jumps "
                f"from it (draw_jump), or use one with history = 1"
            )
        dtype = self.centres.dtype
        start = base.expand(len(noise), -1, -1)
        turns, block, there = self.draw(start.unsqueeze(1).to(dtype), noise.to(dtype))
        frames, _ = self.context.body.move(start, turns.to(base.dtype))
        back = self.log_density(frames.unsqueeze(1).to(dtype), -turns, block)
        return frames, back - there

    def jump(self, window: Tensor, base: Tensor):
        """The move that noise of zero makes: of the component in the middle, to its mean."""
        noise = self.centres.new_zeros(base.shape[:-2] + (self.n_noise,))
        return self.draw_jump(window, base, noise)

    def draw_jump(self, window: Tensor, base: Tensor, noise: Tensor):
        """Move ``base`` by turns drawn from the density of a window."""
        flat = window.reshape((-1,) + window.shape[-3:]).to(self.centres.dtype)
        turns, _, _ = self.draw(flat, noise.reshape(-1, self.n_noise).to(flat))
        frame = base.reshape((-1,) + base.shape[-2:])
        moved, rotations = self.context.body.move(frame, turns.to(base.dtype))
        return moved.reshape(base.shape), rotations.reshape(base.shape + (3,))

    def propose(self, window: Tensor, generator: torch.Generator | None = None) -> Proposal:
        """Draw the next frame of each window, with the logarithm of its density."""
        flat = window.reshape((-1,) + window.shape[-3:])
        noise = torch.randn(
            len(flat), self.n_noise, generator=generator, dtype=flat.dtype, device=flat.device
        )
        turns, _, log_density = self.draw(flat, noise)
        moved, _ = self.context.body.move(flat[:, -1], turns)
        shape = window.shape[:-3]
        return Proposal(
            moved.reshape((*shape, 1, *moved.shape[-2:])), log_density=log_density.reshape(shape)
        )

    @torch.no_grad()
    def fit(self, windows: WindowBlocks) -> None:
        """Start with components at the torsions of some targets."""
        body = self.context.body
        self.encoder.calibrate(windows)
        number = torch.linspace(0, len(windows) - 1, self.components).round().long()
        _, chosen = windows[number].join()
        torsions = body.torsions(chosen)
        angles = self.handedness(chosen, torsions) * torsions * self.folds
        self.centres.copy_(
            2 * torch.stack([torch.cos(angles), torch.sin(angles)], -1).movedim(0, 1)
        )
