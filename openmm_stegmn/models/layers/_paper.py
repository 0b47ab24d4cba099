"""Layers of the STEGMN as published: messages, mechanics, attention and pooling over time."""

import torch
from torch import Tensor, nn

from ._graph import Neighbours, gather_atoms
from ._perceptron import Perceptron
from ._sticks import Sticks

# Å (or rad) per frame interval: keeps the gradient of a speed finite at rest
_SLOW = 1e-3
# One bond apart, two, more
_EDGE_TYPES = 3


def speed(velocity: Tensor) -> Tensor:
    """Norms ``(..., 1)`` of vectors ``(..., 3)``, with a finite gradient at zero."""
    return torch.sqrt((velocity * velocity).sum(-1, keepdim=True) + _SLOW**2)


def cutoff_graph(frame: Tensor, neighbours: Neighbours, cutoff: float):
    """Edges between atoms one or two bonds apart, and between atoms closer than a cut-off.

    Parameters
    ----------
    frame : Tensor, ``(B, n_atoms, 3)``
        Å.
    neighbours : Neighbours
        Among which the edges are.
    cutoff : float
        Å.

    Returns
    -------
    table, types, weights : Tensor
        Neighbours and edge types, ``(n_atoms, K)`` or ``(B, n_atoms, K)``, and one over the atom's
        number of edges, ``(B, n_atoms, K)``; 0 where there is no edge.
    """
    table, _, bonds = neighbours
    separation = frame.unsqueeze(-2) - gather_atoms(frame.unsqueeze(1), table).squeeze(1)
    edge = ((separation * separation).sum(-1) < cutoff**2) | (bonds <= 2)
    weights = edge.to(frame.dtype) / edge.sum(-1, keepdim=True).clamp_min(1)
    return table, bonds.clamp(1, _EDGE_TYPES) - 1, weights


class PaperMessages(nn.Module):
    r"""EGNN messages (Satorras et al. 2021) and the forces that they give, frame by frame.

    :math:`m_{ij} = φ_e(h_i, h_j, |x_{ij}|^2, e_{ij})`,
    :math:`f_i = \mathrm{mean}_j\, x_{ij} φ_x(m_{ij})`,
    :math:`h_i ← h_i + φ_h(h_i, \mathrm{mean}_j\, m_{ij})`.

    Parameters
    ----------
    hidden : int
    """

    def __init__(self, hidden: int):
        super().__init__()
        self.receive, self.send = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        self.square = nn.Linear(1, hidden, bias=False)
        self.edge_type = nn.Embedding(_EDGE_TYPES, hidden)
        self.message = nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.force = Perceptron(hidden, hidden, 1, zero=True)
        self.update = Perceptron(2 * hidden, hidden, hidden)

    def forward(self, x: Tensor, h: Tensor, graph):
        """Pass messages once.

        Parameters
        ----------
        x, h : Tensor, ``(B, T, n_atoms, 3)``, ``(B, T, n_atoms, hidden)``
        graph : (Tensor, Tensor, Tensor)
            From :func:`cutoff_graph`.

        Returns
        -------
        h, force : Tensor
            ``(B, T, n_atoms, hidden)``, ``(B, T, n_atoms, 3)``.
        """
        table, types, weights = graph
        weights = weights[:, None, :, :, None]
        separation = x.unsqueeze(-2) - gather_atoms(x, table)
        square = (separation * separation).sum(-1, keepdim=True)
        inner = self.receive(h).unsqueeze(-2) + gather_atoms(self.send(h), table)
        message = self.message(inner + self.square(square) + self.edge_type(types).unsqueeze(-4))
        force = (weights * self.force(message) * separation).sum(-2)
        gathered = (weights * message).sum(-2)
        return h + self.update(torch.cat([h, gathered], -1)), force


class StickAccelerations(nn.Module):
    r"""Generalised accelerations of sticks and isolated atoms from forces (Huang et al. 2022).

    The acceleration of an isolated atom is its force. For a stick, about its centre :math:`x_c`,

    .. math:: β = \frac{\sum_i (x_i - x_c) × f_i}{\sum_i |x_i - x_c|^2}, \quad
              a = \mathrm{mean}_i\, Z_i\,
              φ\Big(\frac{Z_i^T Z_i}{1 + \mathrm{tr}\, Z_i^T Z_i}\Big), \quad
              Z_i = [f_i,\, x_i - x_c,\, ω × (x_i - x_c)].

    β is a pseudovector and a vector is made of vectors only: equivariant to reflection too.

    Parameters
    ----------
    hidden : int
    """

    def __init__(self, hidden: int):
        super().__init__()
        self.mix = Perceptron(9, hidden, 3, zero=True)

    def forward(self, sticks: Sticks, x: Tensor, force: Tensor, omega: Tensor):
        """Accelerations ``(..., n_components, 3)`` and ``(..., n_groups, 3)``."""
        arm = sticks.arms(x)
        mean_force, beta = sticks.accelerations(arm, force)
        swing = torch.cross(omega.unsqueeze(-2).expand_as(arm), arm, dim=-1)
        vectors = torch.stack([sticks.pick(force, sticks.ends), arm, swing], -1)
        gram = vectors.transpose(-1, -2) @ vectors
        # Bounded, or a large force would count with its cube
        trace = gram.diagonal(dim1=-2, dim2=-1).sum(-1)
        weights = self.mix((gram / (1 + trace[..., None, None])).flatten(-2))
        pooled = (vectors @ weights.unsqueeze(-1)).squeeze(-1).mean(-2)
        isolated = (sticks.group == len(sticks.ends)).unsqueeze(-1)
        return torch.where(isolated, mean_force, sticks.spread(pooled)), beta


class GeneralisedUpdate(nn.Module):
    r"""New velocities :math:`u ← φ_u(h_c) u + a`, :math:`ω ← φ_ω(h_c) ω + β`.

    Parameters
    ----------
    hidden : int
    """

    def __init__(self, hidden: int):
        super().__init__()
        self.keep = Perceptron(hidden, hidden, 2)

    def forward(self, sticks: Sticks, h: Tensor, u: Tensor, omega: Tensor, a: Tensor, beta: Tensor):
        """``(..., n_components, 3)`` of centres and ``(..., n_groups, 3)`` of sticks."""
        keep = self.keep(sticks.pool(h))
        return keep[..., :1] * u + a, keep[..., 1:].index_select(-2, sticks.stick) * omega + beta


class PaperTemporalAttention(nn.Module):
    r"""TMAL: each object attends to its own accelerations in the frames of the window.

    :math:`α_{ts} = \mathrm{softmax}_s(q_t · k_s / \sqrt d)` from the object's features and speeds,
    :math:`\tilde a_t = \sum_s α_{ts} a_s`, :math:`\tilde β_t = \sum_s α_{ts} β_s`.

    Parameters
    ----------
    hidden : int
    causal : bool
        Attend to the past and the present only.
    """

    def __init__(self, hidden: int, causal: bool):
        super().__init__()
        self.causal = causal
        self.query_key = nn.Linear(hidden + 2, 2 * hidden)

    def forward(self, sticks: Sticks, h: Tensor, u: Tensor, omega: Tensor, a: Tensor, beta: Tensor):
        """Accelerations ``(B, T, n_components, 3)`` and ``(B, T, n_groups, 3)``, averaged."""
        invariants = torch.cat([sticks.pool(h), speed(u), speed(sticks.spread(omega))], -1)
        query, key = self.query_key(invariants).chunk(2, -1)
        score = torch.einsum("btcd,bscd->bcts", query, key) / key.shape[-1] ** 0.5
        if self.causal:
            steps = h.shape[1]
            future = torch.ones(steps, steps, dtype=torch.bool, device=h.device).triu(1)
            score = score.masked_fill(future, float("-inf"))
        weight = score.softmax(-1)
        a = torch.einsum("bcts,bscx->btcx", weight, a)
        return a, torch.einsum("bgts,bsgx->btgx", weight.index_select(1, sticks.stick), beta)


class PaperTemporalPooling(nn.Module):
    r"""TMPL: one step from the last frame, with weights that all atoms share.

    :math:`Δx_c = \sum_t θ_t (x_{c,t} - x_{c,T-1})`, θ free, and :math:`ω = \sum_t w_t ω_t`,
    :math:`w = \mathrm{softmax}(\bar w)`. Both start at zero: the same weight for every ω.

    Parameters
    ----------
    history : int
        T.
    """

    def __init__(self, history: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(history))
        self.theta = nn.Parameter(torch.zeros(history - 1))

    def forward(self, centres: Tensor, omega: Tensor):
        """Pool ``(B, T, n_components, 3)`` and ``(B, T, n_groups, 3)`` over T."""
        past = centres[:, :-1] - centres[:, -1:]
        translation = torch.einsum("t,btcx->bcx", self.theta, past)
        return translation, torch.einsum("t,btgx->bgx", self.logits.softmax(0), omega)
