"""Networks that run as CUDA graphs."""

import warnings

import pytest
import torch
from torch import nn

from openmm_stegmn.captured_call import CapturedCall

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")


class Sum(nn.Module):
    def forward(self, one, other):
        return one + other.to(one), (one * other).sum()


class Waiting(nn.Module):
    """Cannot be captured."""

    def forward(self, one):
        return one if bool((one > 0).all()) else -one


GPU = torch.device("cuda", 0)


def draw(count, seed, device):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(7, 3, generator=generator).double().to(device) for _ in range(count)]


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_answers_are_those_of_the_module_and_where_it_was_asked(device):
    captured = CapturedCall(Sum(), GPU)
    for seed in range(4):
        inputs = draw(2, seed, device)
        for one, other in zip(captured(*inputs), Sum()(*inputs), strict=True):
            assert one.device == torch.device(device)
            torch.testing.assert_close(one, other)
    assert captured._graph is not None


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_what_cannot_be_captured_runs_as_it_is(device):
    captured, (tensor,) = CapturedCall(Waiting(), GPU), draw(1, 0, device)
    with pytest.warns(UserWarning, match="no CUDA graph"):
        torch.testing.assert_close(captured(tensor), Waiting()(tensor))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(captured(tensor + 5), tensor + 5)


class Chain(nn.Module):
    """Operations that can be fused."""

    def forward(self, one):
        return torch.tanh(one * 2 + 1).square(), one.sin().sum(0)


def test_fused_kernels_answer_to_rounding():
    fused, (tensor,) = CapturedCall(Chain(), GPU, fused=True), draw(1, 0, "cpu")
    for one, other in zip(fused(tensor), Chain()(tensor), strict=True):
        torch.testing.assert_close(one, other)
    assert fused._graph is not None


def test_what_cannot_be_compiled_is_captured_as_it_is(monkeypatch):
    def broken(call, **_):
        def run(*_):
            raise RuntimeError("no compiler here")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    captured, (tensor,) = CapturedCall(Chain(), GPU, fused=True), draw(1, 0, "cpu")
    with pytest.warns(UserWarning, match="unfused kernels, which is slower: no compiler here"):
        answer = captured(tensor)
    for one, other in zip(answer, Chain()(tensor), strict=True):
        torch.testing.assert_close(one, other)
    assert captured._graph is not None
