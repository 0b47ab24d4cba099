"""Spherical tensors of several degrees, and their products: what e3nn is asked for, once."""

import itertools

import torch
from torch import Tensor, nn

from ._perceptron import Perceptron


class TensorProduct(nn.Module):
    r"""Products of a node's tensors with the spherical harmonics of an edge, channel by channel.

    .. math:: (u ⊗ Y)^{l}_m = \sum_{l_1 l_2} w_{l_1 l_2 l}(r, e)
              \sum_{m_1 m_2} C^{l m}_{l_1 m_1 l_2 m_2} u^{l_1}_{m_1} Y^{l_2}_{m_2}(\hat r)

    Degrees are 0 to L, a tensor of degree l has the parity of l, and couplings that would break it
    are left out: products are equivariant to reflections too. Weights are a perceptron of the
    length of the edge and its features, and the products of each degree are mixed.

    Parameters
    ----------
    channels, degree, edge_features, hidden : int
        Channels of each degree, L, features of the edges, width of the perceptron.

    References
    ----------
    Thomas et al. 2018, Tensor field networks, sec. 4.1. Coupling coefficients are those of e3nn
    (Geiger and Smidt 2022).
    """

    def __init__(self, channels: int, degree: int, edge_features: int, hidden: int):
        super().__init__()
        degrees = range(degree + 1)
        self.paths = [
            (a, b, c) for a, b, c in itertools.product(degrees, repeat=3)
            if abs(a - b) <= c <= a + b and (a + b + c) % 2 == 0
        ]  # fmt: skip
        self.channels = channels
        for a, b, c in self.paths:
            coupling = (2 * c + 1) ** 0.5 * _e3nn().wigner_3j(a, b, c, dtype=torch.float64)
            self.register_buffer(f"coupling_{a}{b}{c}", coupling, persistent=False)
        self.weigh = Perceptron(1 + edge_features, hidden, channels * len(self.paths))
        counts = [sum(path[2] == c for path in self.paths) for c in degrees]
        self.mix = nn.ModuleList(nn.Linear(n * channels, channels, bias=False) for n in counts)

    def forward(self, tensors, harmonics, invariants: Tensor):
        """Products, each ``(..., channels, 2 l + 1)``.

        Parameters
        ----------
        tensors : list of Tensor, ``(..., channels, 2 l + 1)``
            Of each degree.
        harmonics : list of Tensor, ``(..., 2 l + 1)``
        invariants : Tensor, ``(..., 1 + edge_features)``
            Length and features of the edges.
        """
        weights = self.weigh(invariants).unflatten(-1, (len(self.paths), self.channels))
        found = [[] for _ in self.mix]
        for number, (a, b, c) in enumerate(self.paths):
            coupling = getattr(self, f"coupling_{a}{b}{c}").to(invariants.dtype)
            turned = torch.einsum("abc,...b->...ac", coupling, harmonics[b])
            product = tensors[a] @ turned
            found[c].append(weights[..., number, :].unsqueeze(-1) * product)
        return [
            mix(torch.cat(products, -2).transpose(-1, -2)).transpose(-1, -2)
            for mix, products in zip(self.mix, found, strict=True)
        ]


def spherical_harmonics(vectors: Tensor, degree: int) -> list:
    """Of directions ``(..., 3)``, degrees 0 to L, each ``(..., 2 l + 1)``; of no length: zero."""
    return [
        _e3nn().spherical_harmonics(order, vectors, normalize=True, normalization="component")
        for order in range(degree + 1)
    ]


def _e3nn():
    """The part of e3nn that is used: imported late, since it takes seconds and few need it."""
    try:
        from e3nn import o3
    except ImportError as error:
        raise ValueError(
            f"tfn and se3-transformer need e3nn, which cannot be imported ({error}): "
            f"pip install 'openmm-stegmn[e3nn]'"
        ) from error
    return o3
