"""Products of spherical tensors: equivariant to rotations of each degree, and to reflection."""

import pytest
import torch
from molecules import random_rotation

from openmm_stegmn.models.layers import TensorProduct, complete_graph, spherical_harmonics
from openmm_stegmn.models.networks import SE3Transformer, TensorFieldNetwork

o3 = pytest.importorskip("e3nn.o3")

DEGREE, CHANNELS = 2, 3


@pytest.mark.parametrize("reflect", [False, True])
def test_products_turn_with_their_factors(reflect):
    torch.manual_seed(0)
    product = TensorProduct(CHANNELS, DEGREE, 1, 8).double()
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64)  # noqa: E731
    tensors = [draw(4, CHANNELS, 2 * order + 1) for order in range(DEGREE + 1)]
    directions, invariants = draw(4, 3), draw(4, 2)
    orthogonal = random_rotation(1, reflect)
    sign = -1 if reflect else 1
    turns = [
        sign**order * o3.Irrep(order, 1).D_from_matrix(sign * orthogonal)
        for order in range(DEGREE + 1)
    ]
    before = product(tensors, spherical_harmonics(directions, DEGREE), invariants)
    turned = product(
        [tensor @ turn.T for tensor, turn in zip(tensors, turns, strict=True)],
        spherical_harmonics(directions @ orthogonal.T, DEGREE), invariants,
    )  # fmt: skip
    for found, expected, turn in zip(turned, before, turns, strict=True):
        torch.testing.assert_close(found, expected @ turn.T, atol=1e-6, rtol=0)


def test_the_products_of_vectors_are_those_of_textbooks():
    """Of degree 1 with 1: their inner product, and the symmetric traceless part; no cross product,
    which would have the other parity."""
    product = TensorProduct(1, DEGREE, 0, 4)
    assert (1, 1, 0) in product.paths and (1, 1, 2) in product.paths
    assert (1, 1, 1) not in product.paths
    a, b = torch.randn(5, 3), torch.randn(5, 3)
    inner = torch.einsum("abc,na,nb->nc", product.coupling_110.float(), a, b)[:, 0]
    torch.testing.assert_close(inner.abs(), (a * b).sum(-1).abs() / 3**0.5)


def test_attention_weighs_neighbours():
    """Messages of a tensor field network come from all alike, of a transformer they do not."""
    torch.manual_seed(0)
    graph = complete_graph(torch.ones(4, 4, 1))
    x, v, h = torch.randn(1, 1, 4, 3), torch.randn(1, 1, 4, 3), torch.randn(1, 4, 1)
    plain, attending = TensorFieldNetwork(1, 1, hidden=8), SE3Transformer(1, 1, hidden=8)
    keys = {name for name, _ in attending.named_parameters()}
    assert {name for name, _ in plain.named_parameters()} < keys
    for network in (plain, attending):
        torch.testing.assert_close(network(x, v, h, graph)[0], x)
        torch.nn.init.normal_(network.out.weight)
    plain.load_state_dict(attending.state_dict(), strict=False)
    difference = (plain(x, v, h, graph)[0] - attending(x, v, h, graph)[0]).abs().max()
    assert difference > 1e-4
