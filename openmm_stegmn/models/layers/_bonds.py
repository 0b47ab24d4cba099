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
        n_odd = _HARMONICS + history - 1 + channels
        self.even_input = Perceptron(2 * hidden + _HARMONICS + history - 1, hidden, hidden)
        self.odd_input = nn.Linear(n_odd, channels, bias=False)
        self.gate = nn.Linear(hidden, channels)
        self.bonds = BondAttention(hidden, channels, heads)
        self.gains = Perceptron(hidden, hidden, n_odd + channels, zero=True)

    def forward(self, body: ArticulatedBody, x: Tensor, past: Tensor, h: Tensor, force: Tensor):
        """Turn of each bond, ``(B, n_bonds)``, rad.

        Parameters
        ----------
        body : ArticulatedBody
        x : Tensor, ``(B, N, 3)``
            Last frame, Å.
        past : Tensor, ``(B, T - 1, n_bonds)``
            Past torsions relative to the last, rad.
        h : Tensor, ``(B, N, hidden)``
        force : Tensor, ``(B, N, channels, 3)``
        """
        torsions = body.torsions(x)
        multiples = torsions.unsqueeze(-1) * torch.arange(
            1, _HARMONICS + 1, dtype=x.dtype, device=x.device
        )
        past = past.transpose(1, 2)
        j, k = body.torsion_atoms[:, 1], body.torsion_atoms[:, 2]
        even = torch.cat([h[:, j], h[:, k], torch.cos(multiples), torch.cos(past)], -1)
        even = self.even_input(even)
        given = torch.cat([torch.sin(multiples), torch.sin(past), axial_torque(body, x, force)], -1)
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
        mean = torch.cat(
            [
                (part @ key / query.shape[-1] ** 0.5).softmax(-1) @ values
                for part in query.split(_SCORES // (key.shape[-1] * self.heads) + 1, -2)
            ],
            -2,
        ).transpose(-2, -3)
        gathered, turned = mean.split([value.shape[-1], odd.shape[-1]], -1)
        gathered, turned = gathered.flatten(-2), turned.flatten(-2)
        return even + self.even_out(gathered), odd + self.odd_out(turned)


def relative_torsions(body: ArticulatedBody, window: Tensor) -> Tensor:
    """Past torsions relative to the last, ``(..., T - 1, n_bonds)``, in (−π, π]."""
    torsions = body.torsions(window)
    return wrap_angle(torsions[..., :-1, :] - torsions[..., -1:, :])


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
    moment = torch.cross(x.unsqueeze(-2).expand_as(force), force, dim=-1)
    both = torch.cat([moment, force], -1).flatten(-2)
    total = body.distal_sums(both).unflatten(-1, (-1, 6))
    moment, resultant = total[..., :3], total[..., 3:]
    moment = moment - torch.cross(pivot.unsqueeze(-2).expand_as(resultant), resultant, dim=-1)
    # Σ|x − p|² = Σ|x|² − 2 p·Σx + n |p|²
    square = (x * x).sum(-1, keepdim=True)
    sums = body.distal_sums(torch.cat([square, x, torch.ones_like(square)], -1))
    inertia = (
        sums[..., 0] - 2 * (pivot * sums[..., 1:4]).sum(-1) + sums[..., 4] * (pivot * pivot).sum(-1)
    )
    return (moment * axis.unsqueeze(-2)).sum(-1) / (inertia.unsqueeze(-1) + 1.0)
