"""What state networks are told of the particles of each benchmark."""

from functools import partial

import torch
from torch import Tensor

from ..models.layers import ParticleGraph, bond_graph, complete_graph, radius_graph
from ..training import Surroundings


class ChargedSurroundings(Surroundings):
    """Charged particles: speeds of nodes; all pairs, with products of charges and square distances.

    Parameters
    ----------
    charges : Tensor, ``(n, N)``
        Of the particles of each window.
    """

    node_features, edge_features = 1, 2

    def __init__(self, charges: Tensor):
        super().__init__()
        self.register_buffer("charges", charges.float())

    def forward(self, x: Tensor, v: Tensor, window: Tensor):
        """Speeds, and the complete graph."""
        charges = self.charges[window]
        apart = x[:, :, None] - x[:, None]
        products = charges[:, :, None] * charges[:, None]
        pairs = torch.stack([products, apart.square().sum(-1)], -1)
        return _speeds(v), complete_graph(pairs)


class JointSurroundings(Surroundings):
    """Joints of a skeleton: speeds and heights over 10; joints up to two bones away.

    Edges have the number of bones as one of two, and the relative square distance. Heights say
    where up is: with them a network is equivariant about the vertical axis only, whatever it is by
    itself.

    Parameters
    ----------
    edges : sequence of (int, int)
    n_joints : int
    """

    node_features, edge_features = 2, 3
    VERTICAL, HEIGHT = 1, 10.0

    def __init__(self, edges, n_joints: int):
        super().__init__()
        _register(self, bond_graph(edges, n_joints, 2))

    def forward(self, x: Tensor, v: Tensor, window: Tensor):
        """Speeds and heights, and the graph of the skeleton."""
        heights = x[..., self.VERTICAL, None] / self.HEIGHT
        return torch.cat([_speeds(v), heights], -1), _with_squares(_registered(self), x)


class MoleculeSurroundings(Surroundings):
    """Atoms of a molecule: speeds and atomic numbers; atoms up to two bonds away.

    Edges have the number of bonds as one of two, both atomic numbers, and the relative square
    distance. Atomic numbers are relative to the largest.

    Parameters
    ----------
    numbers : Tensor, ``(N,)``
        Atomic numbers.
    bonds : sequence of (int, int)
    """

    node_features, edge_features = 2, 5

    def __init__(self, numbers: Tensor, bonds):
        super().__init__()
        numbers = numbers.float() / numbers.max()
        graph = bond_graph(bonds, len(numbers), 2)
        ends = torch.stack([numbers[:, None].expand(graph.table.shape), numbers[graph.table]], -1)
        _register(self, graph._replace(features=torch.cat([graph.features, ends], -1)))
        self.register_buffer("numbers", numbers[:, None])

    def forward(self, x: Tensor, v: Tensor, window: Tensor):
        """Speeds and numbers, and the graph of the molecule."""
        numbers = self.numbers.expand(len(x), -1, -1)
        return torch.cat([_speeds(v), numbers], -1), _with_squares(_registered(self), x)


class ProteinSurroundings(Surroundings):
    """Atoms of a protein: speeds and charges; atoms within a radius, with relative distances.

    Charges are relative to the largest.

    Parameters
    ----------
    charges : Tensor, ``(N,)``
    radius : float
        Å.
    most : int
        Neighbours at most; see :func:`most_neighbours`.
    """

    node_features, edge_features = 2, 2

    def __init__(self, charges: Tensor, radius: float, most: int):
        super().__init__()
        self.radius, self.most = radius, most
        largest = charges.max() if len(charges) and charges.max() > 0 else 1.0
        self.register_buffer("charges", (charges / largest)[:, None])

    def forward(self, x: Tensor, v: Tensor, window: Tensor):
        """Speeds and charges, and the graph of those that are near."""
        charges = self.charges.expand(len(x), -1, -1)
        nothing = x.new_zeros(x.shape[1], x.shape[1], 0)
        graph = radius_graph(x, self.radius, self.most, nothing)
        squares = _squares(graph, x)
        features = torch.cat([squares.sqrt(), squares], -1)
        return torch.cat([_speeds(v), charges], -1), graph._replace(features=features)


def most_neighbours(frames: Tensor, radius: float, samples: int = 50, room: float = 1.1) -> int:
    """Largest number of neighbours within a radius in some frames, and a little more.

    Atoms that have more lose the furthest of them.

    Parameters
    ----------
    frames : Tensor, ``(n_frames, N, 3)``
    radius : float
    samples : int
        Frames to look at, evenly spaced.
    room : float
        How many times what is found.
    """
    chosen = torch.linspace(0, len(frames) - 1, min(samples, len(frames))).round().long()
    # By matrix products, what atoms have in common cancels: far from the origin little is left.
    distances = partial(torch.cdist, compute_mode="donot_use_mm_for_euclid_dist")
    found = max(int((distances(x, x) < radius).sum(1).max()) - 1 for x in frames[chosen])
    return min(int(room * found) + 1, frames.shape[1] - 1)


def _speeds(v):
    return v.norm(dim=-1, keepdim=True)


def _register(module, graph):
    for name, values in graph._asdict().items():
        module.register_buffer(name, values)


def _registered(module):
    return ParticleGraph(module.table, module.present, module.features)


def _squares(graph, x):
    """Square distances along edges ``(B, N, K, 1)``, relative to their mean."""
    batch = torch.arange(len(x), device=x.device)[:, None, None]
    others = x[batch, graph.table.expand((len(x),) + graph.table.shape[-2:])]
    squares = (x.unsqueeze(2) - others).square().sum(-1, keepdim=True)
    present = graph.present.unsqueeze(-1).to(x.dtype)
    size = (present * squares).sum((1, 2), keepdim=True)
    count = present.expand(squares.shape).sum((1, 2), keepdim=True)
    return squares * (count / size.clamp_min(1e-12))


def _with_squares(graph, x):
    """A graph for all, with square distances of its own for each."""
    squares = _squares(graph, x)
    features = graph.features.expand(squares.shape[:-1] + graph.features.shape[-1:])
    return graph.batched(len(x))._replace(features=torch.cat([features, squares], -1))
