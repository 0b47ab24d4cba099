"""Features of the rotatable bonds of a window, for a density of their turns."""

import torch
from torch import Tensor, nn

from ...data import WindowBlocks
from ._perceptron import Perceptron

_HARMONICS = 3
# Bonds whose axes are further apart than this attend to each other alike.
_FAR = 5
# Lengths and angles count for a bond whose axis has one of their atoms within so many bonds.
_NEAR = 1


class BondEncoder(nn.Module):
    """Attention between the rotatable bonds of the last frame of a window.

    Each bond starts with what kind it is, harmonics of its torsion where that is seen, how far it
    turns if that is certain, and the lengths and angles about it; turning bonds changes none of the
    latter, so that they are the same before a jump and after it. If there are earlier frames, it
    also starts with harmonics of how far it has turned since each of them.

    Parameters
    ----------
    context : MoleculeContext
    folds : Tensor, ``(n_bonds,)``
        Of the torsions' symmetry.
    hidden, layers, heads : int
    history : int
        Frames in a window, T.
    """

    def __init__(
        self, context, folds: Tensor, hidden: int, layers: int, heads: int, history: int = 1
    ):
        super().__init__()
        near = context.near
        axes = context.body.torsion_atoms[:, 1:3]
        # Kinds of pairs have a direction, in which lengths and torsions do not differ.
        kinds = torch.unique(near.undirected_kinds(*axes.unbind(1)), return_inverse=True)[1]
        ends = near.hops_between(axes[:, None, :, None], axes[None, :, None, :])
        apart = ends.amin((2, 3)).clamp_max(_FAR)
        hops, pairs = near.hops[:-1], near.atoms
        pairs = pairs[(hops >= 1) & (hops <= 2) & (pairs[:, 0] < pairs[:, 1])]
        about = torch.zeros(len(axes), near.n_atoms, dtype=torch.bool)
        about.scatter_(1, torch.cat([axes, near.within(_NEAR)[axes].flatten(1)], 1), True)
        close = about[:, pairs[:, 0]] | about[:, pairs[:, 1]]
        pair_kinds = torch.unique(near.undirected_kinds(*pairs.unbind(1)), return_inverse=True)[1]
        for name, value in (
            ("folds", folds), ("kinds", kinds), ("apart", apart), ("pairs", pairs),
            ("near", close.to(torch.float32)), ("pair_kinds", pair_kinds),
        ):  # fmt: skip
            self.register_buffer(name, value, persistent=False)
        n_kinds = int(pair_kinds.max()) + 1
        self.register_buffer("mean", torch.zeros(n_kinds))
        self.register_buffer("deviation", torch.ones(n_kinds))
        self.kind = nn.Embedding(int(kinds.max()) + 1, hidden)
        self.shape = nn.Embedding(n_kinds, hidden)
        nn.init.normal_(self.shape.weight, std=0.1)
        self.inputs = nn.Linear(2 * _HARMONICS + 5, hidden)
        self.layers = nn.ModuleList(BondLayer(hidden, heads, _FAR + 1) for _ in range(layers))
        earlier = history - 1
        self.past = nn.Linear(2 * _HARMONICS * earlier, hidden) if earlier else None

    @torch.no_grad()
    def calibrate(self, windows: WindowBlocks) -> None:
        """Set the scales of lengths and angles from the last frames of windows."""
        kinds = nn.functional.one_hot(self.pair_kinds).double()
        share = kinds / kinds.sum(0) / len(windows)
        mean = sum(lengths.sum(0) for lengths in self._all_lengths(windows)) @ share
        usual = mean[self.pair_kinds]
        squares = ((lengths - usual).square().sum(0) for lengths in self._all_lengths(windows))
        self.mean.copy_(mean)
        self.deviation.copy_((sum(squares) @ share).sqrt().clamp_min(1e-3))

    def _all_lengths(self, windows):
        return (self._lengths(window[:, -1]).double() for window, _ in windows)

    def forward(self, frame: Tensor, torsions: Tensor, block: Tensor, turns: Tensor, lag: Tensor):
        """Features ``(B, n_bonds, hidden)``.

        Parameters
        ----------
        frame : Tensor, ``(B, N, 3)``
            The last of the window.
        torsions : Tensor, ``(B, T, n_bonds)``
            rad, of one handedness, of all frames of the window.
        turns : Tensor, ``(B, n_bonds)``
            rad, of the same handedness: how far bonds outside the block turn.
        block : Tensor, ``(B, n_bonds)``
            1 for bonds whose density is asked for.
        lag : Tensor, ``(B,)``
            Logarithm of the time from now, in frame intervals; minus infinity where the torsions of
            the block are not to be seen.
        """
        harmonics = torch.arange(1, _HARMONICS + 1, dtype=frame.dtype, device=frame.device)
        now = torsions[:, -1]
        angles = (now * self.folds).unsqueeze(-1) * harmonics
        blind = torch.isinf(lag).to(frame.dtype)[:, None]
        lag = lag.masked_fill(torch.isinf(lag), 0.0)[:, None]
        seen = (1 - block * blind).unsqueeze(-1)
        others = ((1 - block) * turns * self.folds).unsqueeze(-1)
        given = torch.cat(
            [
                seen * torch.cos(angles), seen * torch.sin(angles), torch.cos(others),
                torch.sin(others), block.unsqueeze(-1), seen, lag.unsqueeze(-1).expand_as(others),
            ],
            -1,
        )  # fmt: skip
        kinds = self.pair_kinds
        shape = (self._lengths(frame) - self.mean[kinds]) / self.deviation[kinds]
        about = self.near.to(frame.dtype) @ (shape.unsqueeze(-1) * self.shape(kinds))
        h = self.kind(self.kinds) + self.inputs(given) + about
        if self.past is not None:
            turned = ((now.unsqueeze(1) - torsions[:, :-1]) * self.folds).transpose(1, 2)
            turned = (turned.unsqueeze(-1) * harmonics).flatten(2)
            h = h + self.past(torch.cat([torch.cos(turned), torch.sin(turned)], -1))
        for layer in self.layers:
            h = layer(h, self.apart)
        return h

    def _lengths(self, frame):
        arms = frame[..., self.pairs[:, 1], :] - frame[..., self.pairs[:, 0], :]
        return torch.linalg.vector_norm(arms, dim=-1)


class BondLayer(nn.Module):
    """Attention with a bias by how far bonds are apart, and a perceptron; both added.

    Parameters
    ----------
    hidden, heads, distances : int
    """

    def __init__(self, hidden: int, heads: int, distances: int):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.project = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.bias = nn.Embedding(distances, heads)
        self.perceptron = Perceptron(hidden, 2 * hidden, hidden)

    def forward(self, h: Tensor, apart: Tensor) -> Tensor:
        """``(B, n_bonds, hidden)`` from the same and distances ``(n_bonds, n_bonds)``."""
        parts = self.project(self.first(h)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.movedim(1, -2).unbind(1)  # (B, heads, n_bonds, d)
        bias = self.bias(apart).movedim(-1, 0)
        score = query @ key.transpose(-1, -2) / key.shape[-1] ** 0.5 + bias
        gathered = (score.softmax(-1) @ value).transpose(1, 2).flatten(2)
        h = h + self.out(gathered)
        return h + self.perceptron(self.second(h))
