"""The spatial mechanics layer: messages, forces, torques about rotatable bonds."""

import torch
from torch import Tensor, nn

from ...mechanics import ArticulatedBody
from ._graph import gather_atoms, radial_basis
from ._perceptron import Perceptron


class SpatialMechanicsLayer(nn.Module):
    r"""EGNN messages to generalised accelerations of an articulated body, frame by frame.

    Messages :math:`m_{ij} = φ_e(h_i, h_j, |x_{ij}|, e_{ij})` give each atom learned forces
    :math:`f_i = \mathrm{mean}_j\, x_{ij} φ_x(m_{ij})` (several channels), and those the torques
    about each bond's axis

    .. math:: β_b = \sum_{i\ \mathrm{distal}} ((x_i - x_p) × f_i) · â_b / J_b,
              \quad J_b = \sum_{i\ \mathrm{distal}} |x_i - x_p|^2

    (Miao and Qian 2025, with the torque projected on the axis). Torques change sign under
    reflection, so bonds carry two kinds of features: even ones, and *odd* ones that take part only
    linearly or in pairs.

    Parameters
    ----------
    hidden, channels, radial : int
        Width of even features, number of force channels (odd features), number of radial basis
        functions.
    heads : int
        Of the attention between bonds.
    n_hops : int
        Number of topological distances (edge types).
    cutoff : float
        Range of the radial basis, Å.
    """

    def __init__(
        self, hidden: int, channels: int, radial: int, heads: int, n_hops: int, cutoff: float
    ):
        super().__init__()
        self.radial, self.cutoff = radial, cutoff
        self.receive, self.send = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        self.distance = nn.Linear(radial, hidden, bias=False)
        self.edge_type = nn.Embedding(n_hops, hidden)
        self.message = nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.force = nn.Linear(hidden, channels)
        self.update = Perceptron(2 * hidden, hidden, hidden)
        self.mix = nn.Linear(channels, channels, bias=False)
        self.pair = nn.Linear(channels, 2 * channels, bias=False)
        self.bond = Perceptron(3 * hidden + channels, hidden, hidden + channels)
        self.bonds = BondAttention(hidden, channels, heads)

    def forward(
        self, body: ArticulatedBody, x: Tensor, h: Tensor, even: Tensor, odd: Tensor, edges
    ):
        """One round of messages.

        Parameters
        ----------
        body : ArticulatedBody
        x : Tensor, ``(B, T, N, 3)``
            Å.
        h : Tensor, ``(B, T, N, hidden)``
        even, odd : Tensor, ``(B, T, n_bonds, hidden)``, ``(B, T, n_bonds, channels)``
        edges : (Tensor, Tensor)
            Neighbour table ``(B, N, K)`` and types of its edges ``(B, N, K)``.

        Returns
        -------
        h, even, odd : Tensor
            Updated.
        torque : Tensor, ``(B, T, n_bonds, channels)``
        """
        table, types = edges
        separation = x.unsqueeze(-2) - gather_atoms(x, table)
        distance = torch.sqrt((separation * separation).sum(-1) + 1e-12)
        basis = radial_basis(distance, self.radial, self.cutoff)
        inner = self.receive(h).unsqueeze(-2) + gather_atoms(self.send(h), table)
        message = self.message(inner + self.distance(basis) + self.edge_type(types).unsqueeze(1))
        weights = self.force(message) / distance.unsqueeze(-1)
        force = torch.einsum("btnkc,btnkx->btncx", weights, separation) / table.shape[-1]
        h = h + self.update(torch.cat([h, message.mean(-2)], -1))

        torque = axial_torque(body, x, force)
        odd = odd + self.mix(torque)
        first, second = self.pair(odd).chunk(2, -1)
        j, k = body.torsion_atoms[:, 1], body.torsion_atoms[:, 2]
        change = self.bond(torch.cat([even, h[:, :, j], h[:, :, k], first * second], -1))
        even = even + change[..., : even.shape[-1]]
        odd = odd * (1 + change[..., even.shape[-1] :])
        even, odd = self.bonds(even, odd)
        return h, even, odd, torque


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
        score = torch.einsum("...bhd,...chd->...hbc", query, key) / key.shape[-1] ** 0.5
        weight = score.softmax(-1)
        value = self.even_value(even).reshape(shape)
        gathered = torch.einsum("...hbc,...chd->...bhd", weight, value).flatten(-2)
        turned = torch.einsum("...hbc,...cd->...bhd", weight, self.odd_value(odd)).flatten(-2)
        return even + self.even_out(gathered), odd + self.odd_out(turned)


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
    distal = body.distal.to(x.dtype)
    pivot, axis = body.axes(x)
    moment = torch.cross(x.unsqueeze(-2).expand_as(force), force, dim=-1)
    both = torch.cat([moment, force], -1).flatten(-2)
    total = (distal @ both).unflatten(-1, (-1, 6))
    moment, resultant = total[..., :3], total[..., 3:]
    moment = moment - torch.cross(pivot.unsqueeze(-2).expand_as(resultant), resultant, dim=-1)
    # Σ|x − p|² = Σ|x|² − 2 p·Σx + n |p|²
    square = (x * x).sum(-1, keepdim=True)
    sums = distal @ torch.cat([square, x, torch.ones_like(square)], -1)
    inertia = (
        sums[..., 0] - 2 * (pivot * sums[..., 1:4]).sum(-1) + sums[..., 4] * (pivot * pivot).sum(-1)
    )
    return (moment * axis.unsqueeze(-2)).sum(-1) / (inertia.unsqueeze(-1) + 1.0)
