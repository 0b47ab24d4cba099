"""Free jumps: which frames they start from and read, and what is said of the molecule."""

import math

import pytest
import torch
from molecules import alkane, random_walk
from small_proposals import small_proposal

from openmm_stegmn.data import WindowBlocks, WindowSet
from openmm_stegmn.models import build_model
from openmm_stegmn.training import describe_stability, free_jumps_of, measure_stability
from openmm_stegmn.training._stability import Shape

SKELETON = alkane(5, hydrogens=False)


@pytest.fixture(scope="module")
def windows():
    return WindowSet.from_trajectories([random_walk(SKELETON, 120).float()], history=3)


def model(name, windows):
    made = build_model(SKELETON.spec(name, history=windows.history))
    made.fit(WindowBlocks.of_set(windows))
    return made


class Stretching(torch.nn.Module):
    """Each jump scales the molecule about its centre by a factor of the last two frames."""

    has_density, history = False, 3

    def __init__(self, windows):
        super().__init__()
        other = model("persistence", windows)
        self.spec, self.context = other.spec, other.context

    def propose(self, window, generator):
        centre = window[:, -1:].mean(2, keepdim=True)
        self.seen = window
        return type("Proposal", (), {"frames": centre + 1.01 * (window[:, -1:] - centre)})


def test_shapes(windows):
    data, first, last = measure_stability(Stretching(windows), windows, jumps=(1, 50))
    assert (data.jumps, first.jumps, last.jumps) == (0, 1, 50)
    # Rigid bonds and angles; all lengths grow, no angle changes.
    assert data.bonds == pytest.approx(0, abs=1e-4) and data.angles == pytest.approx(0, abs=0.05)
    length = bond_length(windows)
    assert first.bonds == pytest.approx(0.01 * length, rel=0.02)
    assert last.bonds == pytest.approx((1.01**50 - 1) * length, rel=0.02)
    assert last.angles == pytest.approx(0, abs=0.05)
    assert last.gyration / first.gyration == pytest.approx(1.01**49, rel=1e-3)


def bond_length(windows):
    frame = windows.frames[0]
    return (frame[1] - frame[0]).norm().item()


def test_each_jump_reads_those_before(windows):
    stretching = Stretching(windows)
    measure_stability(stretching, windows, jumps=(4,), starts=2)
    window = stretching.seen
    assert window.shape[:2] == (2, 3)
    size = (window - window.mean(2, keepdim=True)).square().sum((2, 3)).sqrt()
    torch.testing.assert_close(size[:, 1:] / size[:, :-1], torch.full((2, 2), 1.01))
    # All kept in place
    assert window.mean(2).diff(dim=1).abs().max() < 1e-4


def test_articulated_models_keep_bonds_and_angles(windows):
    shapes = measure_stability(model("torsion-linear-ar", windows), windows, jumps=(10, 200))
    assert all(shape.bonds < 1e-3 and shape.angles < 0.1 for shape in shapes)
    assert measure_stability(model("torsion-linear-ar", windows), windows, (10, 200)) == shapes
    assert "After 200 free jumps bonds are" in describe_stability(shapes)


def test_what_is_not_finite_is_said():
    shapes = [Shape(0, 0.03, 3.0, 2.0), Shape(10, math.nan, math.nan, math.nan)]
    assert describe_stability(shapes) == (
        "After 10 free jumps coordinates are not finite: it is not stable."
    )


def test_which_models_jump_freely(windows):
    linear = model("linear", windows)
    assert free_jumps_of(linear) is linear
    moves = small_proposal(SKELETON, lags=(None, 1, 3)).float()
    assert free_jumps_of(moves) is None  # for equilibrium: each has its test
    dynamics = small_proposal(SKELETON, history=2, lags=(1, 3), lag=3).float()
    assert free_jumps_of(dynamics).jump_frames == 1
    assert free_jumps_of(small_proposal(SKELETON, history=2, lags=(2, 3), lag=3)) is None
    shapes = measure_stability(free_jumps_of(dynamics), windows, jumps=(5,))
    assert shapes[-1].bonds < 1e-3
