"""ST-EGNN: EGNN frame by frame, with attention and pooling over time."""

import torch
from torch import Tensor, nn

from ..layers import Edges, EGNNLayer, ParticleGraph, Perceptron
from ._interface import StateNetwork, state_network


class TemporalAttention(nn.Module):
    r"""Each node attends to itself in the states up to now.

    :math:`α_{ts} = \mathrm{softmax}_{s ≤ t}(q_t · k_s / \sqrt d)`,
    :math:`h_t ← h_t + \sum_s α_{ts} u_s`,
    :math:`x_t ← x_t + \sum_s α_{ts} (x_s - x_t) φ(u_s)`, with q, k and u linear in the features.

    Parameters
    ----------
    hidden : int
    """

    def __init__(self, hidden: int):
        super().__init__()
        self.project = nn.Linear(hidden, 3 * hidden)
        self.weigh = Perceptron(hidden, hidden, 1, zero=True)

    def forward(self, x: Tensor, h: Tensor):
        """``(B, T, N, 3)`` and ``(B, T, N, hidden)`` to the same."""
        query, key, value = self.project(h).chunk(3, -1)
        score = torch.einsum("btnd,bsnd->bnts", query, key) / key.shape[-1] ** 0.5
        steps = h.shape[1]
        future = torch.ones(steps, steps, dtype=torch.bool, device=h.device).triu(1)
        attention = score.masked_fill(future, float("-inf")).softmax(-1)
        weight = attention * self.weigh(value).squeeze(-1).permute(0, 2, 1).unsqueeze(2)
        drawn = torch.einsum("bnts,bsnx->btnx", weight, x)
        x = x + drawn - weight.sum(-1).permute(0, 2, 1).unsqueeze(-1) * x
        return x, h + torch.einsum("bnts,bsnd->btnd", attention, value)


@state_network("st-egnn")
class SpatioTemporalEGNN(StateNetwork):
    r"""EGNN on each of T states, attention of each node over time, and pooling.

    The frames are :math:`x_p = x_{T-1} + \sum_t θ_{pt} (x_t - x_{T-1})`, of the states as the
    layers have moved them. θ starts at zero.

    Parameters
    ----------
    node_features, edge_features, hidden, layers, history, horizon
        See :class:`StateNetwork`.

    References
    ----------
    Wu et al. 2023, Equivariant spatio-temporal attentive graph networks (its baseline, and the
    pooling); Miao and Qian 2025, STEGMN (as its baseline).
    """

    reads_history = True

    def __init__(self, node_features: int, edge_features: int, **sizes):
        super().__init__(node_features, edge_features, **sizes)
        hidden, each = self.hidden, range(self.n_layers)
        self.embed = nn.Linear(node_features, hidden)
        self.time = nn.Parameter(0.1 * torch.randn(self.history, 1, hidden))
        self.layers = nn.ModuleList(EGNNLayer(hidden, edge_features) for _ in each)
        self.attention = nn.ModuleList(TemporalAttention(hidden) for _ in each)
        self.theta = nn.Parameter(torch.zeros(self.horizon, self.history - 1))

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """The frames after pooling; their velocities are what separates them."""
        start = x[:, -1:]
        h, edges = self.embed(h).unsqueeze(1) + self.time, Edges(graph, self.relative_distances)
        for layer, attention in zip(self.layers, self.attention, strict=True):
            x, v, h = layer(x, v, h, edges)
            x, h = attention(x, h)
        past = x[:, :-1] - x[:, -1:]
        frames = x[:, -1:] + torch.einsum("pt,btnx->bpnx", self.theta, past)
        return frames, torch.cat([start, frames], 1).diff(dim=1)
