"""Fusing kernels of many modules in one process."""

import functools

import pytest
import torch
from torch import nn

from openmm_stegmn.fused_kernels import fuse

# more than torch.compile compiles of one code object
MANY = 12


class Network(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.linear = nn.Linear(size, size)

    def forward(self, x):
        return torch.tanh(self.linear(x)).sum()


@pytest.fixture
def graphs(monkeypatch):
    """Graphs that were compiled, by a compiler that needs none for C++."""
    found = []

    def compiler(graph, _):
        found.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=compiler))
    torch.compiler.reset()
    return found


def test_each_of_many_modules_of_a_class_is_compiled_once(graphs):
    assert torch._dynamo.config.recompile_limit < MANY
    for count in range(1, MANY + 1):
        network, x = Network(count + 1), torch.randn(3, count + 1)
        fused = fuse(network)
        for _ in range(2):
            torch.testing.assert_close(fused(x), network(x))
        assert len(graphs) == count


def test_what_others_compiled_stays_compiled(graphs):
    theirs, x = torch.compile(lambda x: x.sin().sum()), torch.randn(4)
    theirs(x)
    for size in range(1, MANY + 1):
        fuse(Network(size))(torch.randn(3, size))
    theirs(x)
    assert len(graphs) == 1 + MANY


def test_parameters_and_gradients_are_those_of_the_module(graphs):
    network, x = Network(3), torch.randn(5, 3)
    fused = fuse(network)
    found = torch.autograd.grad(fused(x), list(fused.parameters()))
    expected = torch.autograd.grad(network(x), list(network.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
