"""The network over pairs: messages, and the learned forces on the atoms."""

import torch
from torch import Tensor, nn

from ._graph import Neighbours, gather_atoms
from ._pairs import PairHistory, PairInvariants
from ._perceptron import Perceptron


class MessageNetwork(nn.Module):
    r"""Messages between atoms from the history of their pairs, and learned forces.

    Each pair has features of its own, :math:`e_{ij}`, made of its invariants
    (:class:`PairInvariants`) by weights that depend on the kind of pair. A layer pools them over
    the neighbours and gives them back,

    .. math:: h_i ← h_i + φ_h(h_i, \mathrm{mean}_j\, e_{ij}), \quad
              e_{ij} ← e_{ij} + φ_e(e_{ij}, h_i, h_j),

    and the forces combine the vectors there are with weights from these features,

    .. math:: f_i = \mathrm{mean}_j \Big( a_{ij} \hat r_{ij} + \sum_t b_{ijt}\, d_j(t) \Big)
              + \sum_t g_{it}\, d_i(t),

    several channels of them. The sums over t are the pooling over time of STEGMN with weights that
    depend on the object and on what it does.

    Parameters
    ----------
    invariants : PairInvariants
    n_atom_types, history, hidden, channels, layers : int
    zero : bool
        Start with no forces.
    """

    def __init__(
        self, invariants: PairInvariants, n_atom_types: int, history: int, hidden: int,
        channels: int, layers: int, *, zero: bool,
    ):  # fmt: skip
        super().__init__()
        self.invariants, self.channels, self.lags = invariants, channels, history - 1
        n_kinds = len(invariants.mean)
        self.atom_embedding = nn.Embedding(n_atom_types, hidden)
        self.pair_embedding = nn.Embedding(n_kinds, hidden)
        self.pair_gain = nn.Embedding(n_kinds, hidden)
        nn.init.zeros_(self.pair_gain.weight)
        self.pair_input = nn.Linear(invariants.width + invariants.radial, hidden)
        self.pair_mix = nn.Linear(hidden, hidden)
        self.nodes = nn.ModuleList(Perceptron(2 * hidden, hidden, hidden) for _ in range(layers))
        self.pairs = nn.ModuleList(PairUpdate(hidden) for _ in range(layers))
        self.pair_hidden = nn.Linear(hidden, hidden)
        self.pair_force = _linear(hidden, channels * (1 + self.lags), zero)
        self.node_force = Perceptron(2 * hidden, hidden, channels * self.lags, zero=zero)

    def forward(self, x: Tensor, atom_types: Tensor, neighbours: Neighbours):
        """Pass messages over windows.

        Parameters
        ----------
        x : Tensor, ``(B, T, N, 3)``
            Å.
        atom_types : Tensor, ``(N,)``
        neighbours : Neighbours

        Returns
        -------
        h : Tensor, ``(B, N, hidden)``
            Features of the atoms, invariant.
        force : Tensor, ``(B, N, channels, 3)``
        """
        history = self.invariants(x, neighbours)
        gain, shift = 1 + self.pair_gain(history.kinds), self.pair_embedding(history.kinds)
        pair = torch.addcmul(shift, self.pair_input(history.features), gain)
        pair = self.pair_mix(nn.functional.silu(pair))
        h = self.atom_embedding(atom_types).expand(x.shape[0], -1, -1)
        for node, update in zip(self.nodes, self.pairs, strict=True):
            h = h + node(torch.cat([h, _mean(pair)], -1))
            pair = update(pair, h, neighbours.table)
        return h, self._forces(h, nn.functional.silu(self.pair_hidden(pair)), history)

    def _forces(self, h: Tensor, pair: Tensor, history: PairHistory) -> Tensor:
        lags, channels = self.lags, self.channels
        weights = self.pair_force(pair).unflatten(-1, (channels, 1 + lags))
        gains = self.node_force(torch.cat([h, _mean(pair)], -1)).unflatten(-1, (channels, lags))
        theirs = weights.movedim(2, 3).flatten(3) @ history.vectors.flatten(2, 3)
        return torch.add(gains @ history.own, theirs, alpha=1 / pair.shape[2])


class PairUpdate(nn.Module):
    r""":math:`e_{ij} + φ_e(e_{ij}, h_i, h_j)`, where :math:`φ_e` is a perceptron of two layers.

    The first one is linear in each, so that what comes from the atoms is computed once an atom.
    """

    def __init__(self, hidden: int):
        super().__init__()
        self.pair = nn.Linear(hidden, hidden)
        self.receive = nn.Linear(hidden, hidden, bias=False)
        self.send = nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(hidden, hidden)

    def forward(self, pair: Tensor, h: Tensor, table: Tensor) -> Tensor:
        """``(B, N, K, hidden)`` from the same and atoms' features ``(B, N, hidden)``."""
        # Each pass over all pairs counts: atoms take the bias, and products are added to sums.
        received = nn.functional.linear(h, self.receive.weight, self.pair.bias)
        sent = gather_atoms(self.send(h).unsqueeze(1), table).squeeze(1)
        ends, rows = (received.unsqueeze(2) + sent).flatten(0, 2), pair.flatten(0, 2)
        hidden = torch.addmm(ends, rows, self.pair.weight.T)
        return self.out(nn.functional.silu(hidden)).add_(rows).view(pair.shape)


def _mean(pair):
    """Mean over neighbours; the gradient of a sum, unlike that of a mean, is not written out."""
    return pair.sum(2) / pair.shape[2]


def _linear(inputs, outputs, zero):
    linear = nn.Linear(inputs, outputs)
    if zero:
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    return linear
