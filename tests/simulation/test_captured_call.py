"""Networks that run as CUDA graphs."""

import warnings

import pytest
import torch
from alanine import MD_FRAMES, STEPS_PER_FRAME, arrays, simulation
from torch import nn

from openmm_stegmn.simulation._captured_call import CapturedCall

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")


class Sum(nn.Module):
    def forward(self, one, other):
        return one + other.to(one), (one * other).sum()


class Waiting(nn.Module):
    """Cannot be captured."""

    def forward(self, one):
        return one if bool((one > 0).all()) else -one


def draw(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(7, 3, generator=generator).double().cuda() for _ in range(count)]


def test_answers_are_those_of_the_module():
    captured = CapturedCall(Sum())
    for seed in range(4):
        inputs = draw(2, seed)
        for one, other in zip(captured(*inputs), Sum()(*inputs), strict=True):
            torch.testing.assert_close(one, other)
    assert captured._graph is not None


def test_what_cannot_be_captured_runs_as_it_is():
    captured, (tensor,) = CapturedCall(Waiting()), draw(1, 0)
    with pytest.warns(UserWarning, match="without a CUDA graph"):
        torch.testing.assert_close(captured(tensor), Waiting()(tensor))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(captured(tensor + 5), tensor + 5)


def test_python_force_runs_its_network_on_the_gpu_of_the_context():
    made = simulation(backend="python", usual="CUDA")
    made.step(MD_FRAMES * STEPS_PER_FRAME + 1)
    bridge = made.integrator._bridge.callable._bridge
    assert made.integrator.statistics.attempted == 1
    assert bridge.window.frames.is_cuda and bridge.jump._graph is not None
    assert (arrays(made)[0] ** 2).sum() > 0
