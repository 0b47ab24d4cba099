"""Fine-tuning for acceptance: its gradient is that of what it promises, and that gets better."""

import math

import openmm
import pytest
import torch
from molecules import alkane
from small_proposals import grid, small_proposal

from openmm_stegmn.models import build_model
from openmm_stegmn.training import FineTuneConfig, _fine_tune, fine_tune, measure_acceptance
from openmm_stegmn.units import GAS_CONSTANT

BUTANE = alkane(4, hydrogens=False)
TEMPERATURE = 300.0
BETA = 1 / (GAS_CONSTANT * TEMPERATURE)


@pytest.fixture(scope="module")
def system():
    """Butane whose energy depends on its torsion alone."""
    made, force = openmm.System(), openmm.PeriodicTorsionForce()
    for _ in range(4):
        made.addParticle(12.0)
    force.addTorsion(0, 1, 2, 3, 3, 0.0, 4.0)
    force.addTorsion(0, 1, 2, 3, 1, 0.6, 2.0)
    made.addForce(force)
    return made


def energy(torsion):
    return 4.0 * (1 + torch.cos(3 * torsion)) + 2.0 * (1 + torch.cos(torsion - 0.6))


def frames_at_equilibrium(count, seed):
    generator = torch.Generator().manual_seed(seed)
    torsions = math.pi * (2 * torch.rand(20 * count, 1, generator=generator) - 1).double()
    chance = torch.rand(len(torsions), generator=generator).double()
    torsions = torsions[chance < torch.exp(-BETA * energy(torsions[:, 0]))][:count]
    assert len(torsions) == count
    body = BUTANE.body()
    moved, _ = body.move(BUTANE.frame.expand(count, -1, -1), torsions - body.torsions(BUTANE.frame))
    return moved


def trial(model, system, **options):
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    return _fine_tune._Trial(model, context, BETA, FineTuneConfig(**options))


def gradient(value, model):
    parts = torch.autograd.grad(
        value, list(model.parameters()), allow_unused=True, retain_graph=True
    )
    return torch.cat([part.flatten() for part in parts if part is not None])


@pytest.mark.parametrize("lag", [None, 2])
def test_gradient_is_that_of_the_objective(system, lag):
    """By quadrature over all turns of one frame: acceptance times how far the bond turns."""
    model = small_proposal(BUTANE, lags=[lag], lag=lag).requires_grad_(True)
    frame, body = BUTANE.frame, model.context.body
    turns, cell = grid(model, 2000)
    window = frame.expand(len(turns), 1, -1, -1)
    moved, _ = body.move(window[:, 0], turns)
    there, back = model.log_density(window, turns), model.log_density(moved[:, None], -turns)
    rise = energy(body.torsions(moved)[:, 0]) - energy(body.torsions(frame)[0])
    exponent, turned = back - there - BETA * rise, 1 - torch.cos(turns[:, 0])
    density = there.exp() * cell
    objective = (density * exponent.clamp_max(0).exp() * turned).sum()
    expected = gradient(objective, model)
    for baseline in (0.0, 0.3):
        each = _fine_tune.surrogate(exponent, there, turned, torch.full_like(there, baseline))
        found = gradient((density.detach() * each).sum(), model)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)

    # drawn, with energies from OpenMM, and relative to how far bonds turn
    if lag is None:
        drawn, acceptance = trial(model, system, proposals=5).loss(
            frame.expand(4000, -1, -1), torch.Generator().manual_seed(1)
        )
        scale = (density * turned).sum().item()
        found = -scale * gradient(drawn, model)
        assert (found - expected).norm() < 0.2 * expected.norm()
        chance = (density * exponent.clamp_max(0).exp()).sum().item()
        assert acceptance == pytest.approx(chance, abs=0.02)


def test_moves_get_better(system):
    model = small_proposal(BUTANE, lags=[None])
    frames, unseen = frames_at_equilibrium(200, 1), frames_at_equilibrium(200, 2)
    before = measure_acceptance(model, system, unseen, TEMPERATURE)
    config = FineTuneConfig(steps=60, batch_size=32, learning_rate=2e-2, validate_every=10)
    reports = []
    tuned = fine_tune(
        model, system, frames, TEMPERATURE, config, validation=unseen[::4],
        progress=lambda *report: reports.append(report),
    )  # fmt: skip
    after = measure_acceptance(tuned, system, unseen, TEMPERATURE)
    assert tuned is model and not model.training
    assert after.acceptance > before.acceptance + 0.1
    assert after.turned[0] > 1.3 * before.turned[0]
    assert [report[:2] for report in reports] == [(n, 60) for n in range(1, 61)]


def test_weights_that_were_better_come_back(system):
    """With steps that only do harm, the model is what it was."""
    model = small_proposal(BUTANE, lags=[None])
    frames = frames_at_equilibrium(100, 1)
    good = FineTuneConfig(steps=40, batch_size=32, learning_rate=2e-2, validate_every=10)
    fine_tune(model, system, frames, TEMPERATURE, good, validation=frames)
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    wild = FineTuneConfig(steps=4, batch_size=2, learning_rate=30.0, validate_every=4)
    fine_tune(model, system, frames, TEMPERATURE, wild, validation=frames)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, weights[name])


def test_refusals(system):
    with pytest.raises(ValueError, match="proposals must be at least 2, got 1"):
        FineTuneConfig(proposals=1)
    with pytest.raises(ValueError, match="steps must be positive, got 0"):
        FineTuneConfig(steps=0)
    window = build_model(BUTANE.spec("stegmn-proposal", 3, config={"lags": [1], "lag": 1}))
    with pytest.raises(ValueError, match="looks at 3 frames"):
        fine_tune(window, system, BUTANE.frame[None], TEMPERATURE, validation=BUTANE.frame[None])
