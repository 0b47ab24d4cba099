"""From forces on atoms to the turns of rotatable bonds."""

import torch
from torch import Tensor, nn

from ...mechanics import ArticulatedBody, wrap_angle
from ._perceptron import Perceptron

# Scores of a window in memory at a time
_SCORES = 100_000_000
# sin nτ and cos nτ for n up to this: a threefold methyl needs 3
_HARMONICS = 3


class BondMechanics(nn.Module):
    r"""Angular increments of the rotatable bonds from the torques of the learned forces.

    The forces give torques about each bond's axis (:func:`axial_torque`). Torques change sign under
    reflection, so bonds carry two kinds of features: even ones, of any use, and *odd* ones (the
    torques, sines of torsions, past angles) that take part only linearly. Bonds attend to each
    other; what comes out is a sum of odd features with weights from the even ones, which start at
    zero.

    Parameters
    ----------
    history, hidden, channels : int
    heads : int
        Of the attention between bonds.
    """

    def __init__(self, history: int, hidden: int, channels: int, heads: int):
        super().__init__()
        self.register_buffer("harmonics", torch.arange(1.0, _HARMONICS + 1), persistent=False)
        n_odd = _HARMONICS + history - 1 + channels
        self.even_input = Perceptron(2 * hidden + _HARMONICS + history - 1, hidden, hidden)
        self.odd_input = nn.Linear(n_odd, channels, bias=False)
        self.gate = nn.Linear(hidden, channels)
        self.bonds = BondAttention(hidden, channels, heads)
        self.gains = Perceptron(hidden, hidden, n_odd + channels, zero=True)

    def forward(
        self, body: ArticulatedBody, x: Tensor, past: Tensor, last: Tensor, h: Tensor,
        force: Tensor,
    ):  # fmt: skip
        """Turn of each bond, ``(B, n_bonds)``, rad.

        Parameters
        ----------
        body : ArticulatedBody
        x : Tensor, ``(B, N, 3)``
            Last frame, Å.
        past : Tensor, ``(B, T - 1, n_bonds)``
            Past torsions relative to the last, rad.
        last : Tensor, ``(B, n_bonds)``
            Torsions of the last frame, rad.
        h : Tensor, ``(B, N, hidden)``
        force : Tensor, ``(B, N, channels, 3)``
        """
        multiples = last.unsqueeze(-1) * self.harmonics
        angles = torch.cat([multiples, past.transpose(1, 2)], -1)
        ends = h.index_select(1, body.axis_atoms).unflatten(1, (-1, 2)).flatten(2)
        even = self.even_input(torch.cat([ends, torch.cos(angles)], -1))
        given = torch.cat([torch.sin(angles), axial_torque(body, x, force)], -1)
        odd = self.odd_input(given) * (1 + self.gate(even))
        even, odd = self.bonds(even, odd)
        return (self.gains(even) * torch.cat([given, odd], -1)).sum(-1)


class BondAttention(nn.Module):
    """Attention between the bonds of one frame: scores from even features, values even and odd."""

    def __init__(self, hidden: int, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query_key = nn.Linear(hidden, 2 * hidden)
        self.even_value = nn.Linear(hidden, hidden)
        self.odd_value = nn.Linear(channels, channels, bias=False)
        self.even_out = nn.Linear(hidden, hidden)
        self.odd_out = nn.Linear(channels * heads, channels, bias=False)

    def forward(self, even: Tensor, odd: Tensor):
        """``(..., n_bonds, hidden)`` and ``(..., n_bonds, channels)``, both updated."""
        shape = even.shape[:-1] + (self.heads, -1)
        query, key = (part.reshape(shape) for part in self.query_key(even).chunk(2, -1))
        value = self.even_value(even).reshape(shape)
        # Values of both kinds are averaged with the same weights.
        turning = self.odd_value(odd).unsqueeze(-2).expand(*shape[:-1], -1)
        values = torch.cat([value, turning], -1).transpose(-2, -3)
        query, key = query.transpose(-2, -3), key.transpose(-2, -3).transpose(-1, -2)
        parts = [
            (part @ key / query.shape[-1] ** 0.5).softmax(-1) @ values
            for part in query.split(_SCORES // (key.shape[-1] * self.heads) + 1, -2)
        ]
        mean = (parts[0] if len(parts) == 1 else torch.cat(parts, -2)).transpose(-2, -3)
        gathered, turned = mean.split([value.shape[-1], odd.shape[-1]], -1)
        gathered, turned = gathered.flatten(-2), turned.flatten(-2)
        return even + self.even_out(gathered), odd + self.odd_out(turned)


def relative_torsions(body: ArticulatedBody, window: Tensor) -> Tensor:
    """Past torsions relative to the last, ``(..., T - 1, n_bonds)``, in (−π, π]."""
    return torsion_history(body, window)[0]


def torsion_history(body: ArticulatedBody, window: Tensor):
    """What :func:`relative_torsions` gives, and the last torsions ``(..., n_bonds)``."""
    past, last = body.torsions(window).tensor_split([-1], -2)
    return wrap_angle(past - last), last.squeeze(-2)


def axial_torque(body: ArticulatedBody, x: Tensor, force: Tensor) -> Tensor:
    """Angular accelerations about the bond axes.

    Parameters
    ----------
    body : ArticulatedBody
    x : Tensor, ``(..., N, 3)``
    force : Tensor, ``(..., N, channels, 3)``

    Returns
    -------
    Tensor, ``(..., n_bonds, channels)``
        :math:`Σ ((x_i - x_p) × f_i)·â / (J + 1 Å^2)`, over the atoms distal to each bond.
    """
    pivot, axis = body.axes(x)
    moment = torch.linalg.cross(x.unsqueeze(-2), force)
    wrench = torch.cat([moment, force], -1).flatten(-2)
    square = (x * x).sum(-1, keepdim=True)
    sums = body.distal_sums(torch.cat([wrench, square, x, torch.ones_like(square)], -1))
    wrench, square, first, count = sums.split([wrench.shape[-1], 1, 3, 1], -1)
    # (Σ x × f − p × Σ f)·â = Σ x × f · â + Σ f · (p × â)
    twist = torch.cat([axis, torch.linalg.cross(pivot, axis)], -1)
    torque = (wrench.unflatten(-1, (-1, 6)) @ twist.unsqueeze(-1)).squeeze(-1)
    # Σ|x − p|² = Σ|x|² − p·(2 Σx − n p)
    inertia = square - (pivot * (2 * first - count * pivot)).sum(-1, keepdim=True)
    return torque / (inertia + 1.0)
