"""Likelihood of what followed: by time, and zero where nothing is known."""

import math

import pytest
import torch
from molecules import alkane, random_walk
from small_proposals import small_proposal

from openmm_stegmn.data import WindowSet
from openmm_stegmn.mechanics import wrap_angle
from openmm_stegmn.models import log_lag
from openmm_stegmn.training import measure_likelihood

SKELETON = alkane(5, hydrogens=False)


@pytest.fixture(scope="module")
def windows():
    return WindowSet.from_trajectories([random_walk(SKELETON, 60).float()], history=4)


def test_it_is_the_mean_of_the_logarithm_by_time(windows):
    model = small_proposal(SKELETON, history=2, lags=(1, 3), lag=1).float()
    found = measure_likelihood(model, windows, batch_size=7)
    torsions, interval = model.context.body.torsions, model.frame_interval
    for lag in (1, 3):
        frames = torch.stack([windows.frames[s : s + 2 + lag][[0, 1, -1]] for s in windows.starts])
        turns = wrap_angle(torsions(frames[:, 2]) - torsions(frames[:, 1]))
        with torch.no_grad():
            density = model.log_density(frames[:, :2], turns, lag=log_lag(lag).expand(len(turns)))
        expected = density.mean().item() / turns.shape[1] + math.log(2 * math.pi)
        assert found[f"{lag * interval:g} ps"] == pytest.approx(expected, abs=1e-4)
    assert len(found) == 2


def test_equilibrium_has_a_name(windows):
    model = small_proposal(SKELETON, lags=(None, 1)).float()
    assert list(measure_likelihood(model, windows))[0] == "equilibrium"
