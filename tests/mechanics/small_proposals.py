"""Small models with a density, and the density written out."""

import math

import torch
from molecules import perturbed_model
from scipy.stats import chisquare

SMALL_PROPOSAL = {"hidden": 16, "layers": 1, "heads": 2, "components": 6}


def small_proposal(molecule, seed=0, scale=0.3, **config):
    """A model in float64 whose weights are all random; ``history`` goes to its specification."""
    history = config.pop("history", 1)
    model = perturbed_model(
        molecule, "stegmn-proposal", history, seed, scale, config=SMALL_PROPOSAL | config
    )
    return model.double().requires_grad_(False)


def grid(model, points):
    """Midpoints ``(points^n_bonds, n_bonds)`` of even cells of one period, and a cell's volume."""
    periods = 2 * math.pi / model.folds.double()
    cells = (torch.arange(points, dtype=torch.float64) + 0.5) / points - 0.5
    axes = [cells * period for period in periods]
    return torch.cartesian_prod(*axes).reshape(-1, len(axes)), (periods / points).prod().item()


def density_on(model, frame, turns, block=None, lag=None):
    """The density of many turns from one window, or from one frame."""
    count = len(turns)
    block = None if block is None else block.expand(count, -1)
    lag = None if lag is None else lag.to(turns).expand(count)
    window = frame.reshape(1, -1, *frame.shape[-2:]).expand(count, -1, -1, -1)
    return model.log_density(window, turns, block, lag).exp()


def p_value(found, expected):
    """Chance of counts at least as far from those expected, by chi-square."""
    rare = expected < 20
    # Rare bins join the first of the others.
    found, expected = (
        torch.cat([x[~rare][:1] + x[rare].sum(), x[~rare][1:]]) for x in (found, expected)
    )
    assert len(expected) > 10
    return chisquare(found, expected * found.sum() / expected.sum()).pvalue
