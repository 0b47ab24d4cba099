"""Attention and pooling over the frames of a window, in generalised coordinates only."""

import torch
from torch import Tensor, nn

from ._perceptron import Perceptron


class TemporalMechanicsAttention(nn.Module):
    r"""TMAL: each bond attends to its own past.

    :math:`α_{ts} = \mathrm{softmax}_s(q_t · k_s / \sqrt d)` from the bond's even features; the
    values are its angular accelerations, :math:`\tilde β_t = \sum_s α_{ts} β_s`, and its other
    features (Miao and Qian 2025). Nothing but angles passes through time, so no shape can be
    distorted.

    Parameters
    ----------
    hidden, channels, heads : int
    causal : bool
        Attend to the past and the present only.
    """

    def __init__(self, hidden: int, channels: int, heads: int, causal: bool):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query_key = nn.Linear(hidden, 2 * hidden)
        self.even_value, self.even_out = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.odd_out = nn.Linear(channels * heads, channels, bias=False)
        self.acceleration_out = nn.Linear(channels * heads, 1, bias=False)

    def forward(self, even: Tensor, odd: Tensor, torque: Tensor):
        """Attend over T.

        Parameters
        ----------
        even, odd, torque : Tensor
            ``(B, T, n_bonds, hidden)``, ``(B, T, n_bonds, channels)`` twice.

        Returns
        -------
        even, odd : Tensor
            Updated.
        acceleration : Tensor, ``(B, T, n_bonds)``
        """
        shape = even.shape[:-1] + (self.heads, -1)
        query, key = (part.reshape(shape) for part in self.query_key(even).chunk(2, -1))
        score = torch.einsum("btnhd,bsnhd->bnhts", query, key) / key.shape[-1] ** 0.5
        if self.causal:
            steps = even.shape[1]
            future = torch.ones(steps, steps, dtype=torch.bool, device=even.device).triu(1)
            score = score.masked_fill(future, float("-inf"))
        weight = score.softmax(-1)
        value = self.even_value(even).reshape(shape)
        even = even + self.even_out(torch.einsum("bnhts,bsnhd->btnhd", weight, value).flatten(-2))
        turned = torch.einsum("bnhts,bsnc->btnhc", weight, odd).flatten(-2)
        pooled = torch.einsum("bnhts,bsnc->btnhc", weight, torque).flatten(-2)
        return even, odd + self.odd_out(turned), self.acceleration_out(pooled).squeeze(-1)


class TemporalMechanicsPooling(nn.Module):
    r"""TMPL: the increment of each bond from all frames.

    .. math:: Δq_b = \sum_t w_{b,t} (γ^ω_{b,t} ω_{b,t} + γ^a_{b,t} a_{b,t} + γ_{b,t} · o_{b,t})

    with :math:`ω` the angular velocities, :math:`a` the past angles relative to the last
    and :math:`o` the odd features. The published layer has one softmax-normalised ``w`` for all
    atoms; here ``w`` and the gains ``γ`` depend on the bond's features; the gains start at zero.

    Parameters
    ----------
    hidden, channels : int
    """

    def __init__(self, hidden: int, channels: int):
        super().__init__()
        self.attention = Perceptron(hidden, hidden, 1)
        self.gains = Perceptron(hidden, hidden, 2 + channels, zero=True)

    def forward(self, even: Tensor, odd: Tensor, velocity: Tensor, past: Tensor) -> Tensor:
        """Pool ``(B, T, n_bonds, ...)`` to increments ``(B, n_bonds)``.

        Parameters
        ----------
        even, odd : Tensor
        velocity : Tensor, ``(B, T, n_bonds)``
            rad per frame interval.
        past : Tensor, ``(B, T, n_bonds)``
            rad, relative to the last frame.
        """
        weight = self.attention(even).softmax(1)
        gains = self.gains(even)
        turn = gains[..., 0] * velocity + gains[..., 1] * past + (gains[..., 2:] * odd).sum(-1)
        return (weight.squeeze(-1) * turn).sum(1)
