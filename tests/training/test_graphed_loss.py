"""Losses as CUDA graphs: what they do without a GPU, and with one."""

import warnings

import pytest
import torch
from torch import nn

from openmm_stegmn.training._graphed_loss import GraphedLoss
from openmm_stegmn.training._memory import bytes_of_window


def network():
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1))


def test_loss_on_the_cpu_is_what_it_was():
    model = network()
    loss = GraphedLoss(model, lambda x: model(x).square().mean())
    x = torch.randn(5, 3)
    loss(x).backward()
    found = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    model(x).square().mean().backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(found, model.parameters(), strict=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_steps_on_a_gpu_are_those_without_a_graph():
    """Other shapes and evaluations without gradients in between too."""
    weights = []
    for graphed in (True, False):
        model = network().cuda()
        plain = lambda x: model(x).square().mean()  # noqa: B023, E731
        loss = GraphedLoss(model, plain) if graphed else plain
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        generator = torch.Generator().manual_seed(0)
        for size in (5, 5, 3, 5):
            x = torch.randn(size, 3, generator=generator).cuda()
            with torch.no_grad():
                loss(x)
            optimizer.zero_grad()
            loss(x).backward()
            optimizer.step()
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]).cpu())
    torch.testing.assert_close(*weights)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_loss_that_waits_for_the_gpu_is_told_and_goes_on_without():
    model = network().cuda()
    loss = GraphedLoss(model, lambda x: model(x).square().mean() * float(x.sum() > -1e9))
    with pytest.warns(UserWarning, match="cannot be captured as a CUDA graph"):
        loss(torch.randn(5, 3).cuda()).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_loss_whose_memory_was_measured_is_captured():
    """A softmax keeps what it gives for its gradients."""
    model = nn.Sequential(nn.Linear(3, 8), nn.Softmax(-1), nn.Linear(8, 1)).cuda()
    x = torch.randn(5, 3).cuda()
    assert bytes_of_window(lambda index: model(x[index.cuda()]).square().mean()) > 0
    loss = GraphedLoss(model, lambda x: model(x).square().mean())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(x).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())
