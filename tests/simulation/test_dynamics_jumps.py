"""Jumps drawn in time: what they leave behind, and their kinetics."""

import types

import MDAnalysis
import numpy as np
import openmm
import pytest
import torch
from alanine import (
    FRAME,
    STEPS_PER_FRAME,
    NetworkFailure,
    arrays,
    fail_if,
)
from proposals import (
    Middling,
    Walk,
    chain,
    chance_below,
    dynamics,
    for_alanine,
    python_torch_force,
    to_jump,
    torsions_after_jumps,
)
from scipy.stats import kstest

from openmm_stegmn.mechanics import wrap_angle
from openmm_stegmn.models import TorsionProposal
from openmm_stegmn.simulation import HybridReporter
from openmm_stegmn.systems import packaged_structure

BACKENDS = ("python", "torch", "python-torch")


@pytest.fixture
def all_backends(monkeypatch):
    """Names of the back-ends, with a stand-in for the force that no wheel has yet."""
    openmmtorch = pytest.importorskip("openmmtorch")
    if not hasattr(openmmtorch, "PythonTorchForce"):
        both = types.SimpleNamespace(
            TorchForce=openmmtorch.TorchForce, PythonTorchForce=python_torch_force
        )
        monkeypatch.setattr("openmm_stegmn.simulation._backends.import_openmmtorch", lambda: both)
    return BACKENDS


class Overlap(TorsionProposal):
    """Puts all atoms on one spot."""

    def draw_jump(self, window, base, noise):
        frame, rotations = super().draw_jump(window, base, noise)
        return 0 * frame, rotations


class Stretch(TorsionProposal):
    """Breaks the constraints."""

    def draw_jump(self, window, base, noise):
        frame, rotations = super().draw_jump(window, base, noise)
        return 1.001 * base + 0 * frame, rotations


class Failing(TorsionProposal):
    """Raises, but not while it is traced, where the atoms are anywhere."""

    def draw_jump(self, window, base, noise):
        fail = ((base[0] - base[1]).norm() < 1.3).double()
        if not torch.jit.is_tracing() and fail > 0:
            raise NetworkFailure("the network failed on purpose")
        frame, rotations = super().draw_jump(window, base, noise)
        return frame + 0.0 * fail_if(fail), rotations


class Small(Walk):
    """Turns so little that energies hardly change."""

    width = 0.02


class Notes(Small):
    """Notes what it is shown; a class attribute, since propagators copy models."""

    seen = []

    def draw_jump(self, window, base, noise):
        self.seen.append(tuple(given.cpu().clone() for given in (window, base, noise)))
        return super().draw_jump(window, base, noise)


@pytest.mark.parametrize(("lag", "history"), [(1, 3), (10, 3), (1, 1), (10, 1)])
def test_clock_frames_and_window(tmp_path, backend, lag, history):
    """A jump by one interval adds a frame to the window, a longer one begins a new window."""
    path, md_frames, jumps = tmp_path / "hybrid.h5md", 3, 2
    made = dynamics(
        Small, history, md_frames=md_frames, jumps=jumps, backend=backend, jump_time=lag * FRAME
    )
    with HybridReporter(path, made.integrator) as reporter:
        made.reporters.append(reporter)
        made.step(3 * (md_frames * STEPS_PER_FRAME + jumps))
    frames = MDAnalysis.Universe(str(packaged_structure("alanine-dipeptide")), str(path)).trajectory
    # A second jump in the row waits for a full window.
    fill = history - 1 if lag > 1 else 0
    row = [0] * md_frames + [1] + [0] * fill + [1]
    origins = [int(ts.data["origin"]) for ts in frames]
    assert origins == ([0] + 4 * row)[: len(origins)] and sum(origins) >= 3
    steps = np.array([lag if origin else 1 for origin in origins[1:]])
    times = np.array([ts.time for ts in frames])
    np.testing.assert_allclose(np.diff(times), FRAME * steps, atol=1e-9)
    statistics = made.integrator.statistics
    assert statistics.accepted == statistics.attempted == sum(origins)
    assert statistics.jumped_time == pytest.approx(lag * FRAME * sum(origins))
    assert made.context.getTime()._value == pytest.approx(
        statistics.physical_time + statistics.jumped_time
    )
    assert made.currentStep == statistics.physical_steps + statistics.attempted


def test_the_model_is_shown_the_window_and_normal_noise(no_graphs):
    Notes.seen.clear()
    made = dynamics(Notes, md_frames=1, jump_time=FRAME)
    positions = [arrays(made)[0]]
    while len(Notes.seen) < 150:
        jumps = len(Notes.seen)
        made.step(made.integrator.steps_to_next_frame())
        if len(Notes.seen) > jumps:
            window, base, _ = Notes.seen[-1]
            assert (window.dtype, base.dtype) == (torch.float32, torch.float64)
            shown = 10 * torch.tensor(np.array(positions[-3:]))
            # From the middle of the last frame, which is polished for the jump
            torch.testing.assert_close(
                window.double(), shown - shown[-1].mean(0), atol=1e-3, rtol=0
            )
            torch.testing.assert_close(window[-1].double(), base, atol=1e-3, rtol=0)
        positions.append(arrays(made)[0])
    assert made.integrator.statistics.accepted == 150
    noise = torch.stack([each[2] for each in Notes.seen])
    assert noise.shape == (150, for_alanine().n_noise)
    assert len(noise.unique()) == noise.numel()
    for part in noise.T:
        assert kstest(part, "norm").pvalue > 1e-4
    assert kstest(noise.flatten(), "norm").pvalue > 1e-3


@pytest.mark.parametrize(
    ("kind", "guard", "cause"),
    [
        (Overlap, "none", "rejected_nonfinite"),
        (Stretch, "none", "rejected_constraints"),
        (TorsionProposal, "energy", "rejected_energy"),
        (Walk, "metropolis", "rejected_energy"),
    ],
)
def test_a_rejected_jump_leaves_the_state_bit_for_bit(backend, kind, guard, cause):
    options = {"energy_threshold": 1e-9} if guard == "energy" else {}
    made = dynamics(kind, guard=guard, backend=backend, **options)
    for _ in range(20):
        to_jump(made)
        before, time = arrays(made), made.context.getTime()
        frames, steps = made.integrator.statistics.frames, made.currentStep
        made.step(1)
        if made.integrator.statistics.rejected:
            break
    statistics = made.integrator.statistics
    assert getattr(statistics, cause) == statistics.rejected == 1
    np.testing.assert_array_equal(arrays(made), before)
    assert (made.context.getTime(), statistics.frames) == (time, frames)
    assert made.currentStep == steps + 1
    assert made.context.getParameter("stegmn_phase") == 0
    made.step(STEPS_PER_FRAME)
    assert made.integrator.last_frame.origin == 2


def test_failure_in_the_network_leaves_the_state_as_it_was(backend):
    made = dynamics(Failing, backend=backend)
    to_jump(made)
    before, statistics, step = arrays(made), made.integrator.statistics, made.currentStep
    expected = NetworkFailure if backend == "python" else openmm.OpenMMException
    for _ in range(2):
        with pytest.raises(expected, match="failed on purpose"):
            made.step(1)
        np.testing.assert_array_equal(arrays(made), before)
        assert (made.integrator.statistics, made.currentStep) == (statistics, step)


@pytest.mark.parametrize("velocities", ["maxwell", "keep", "rotate"])
def test_velocities_follow_every_rule(velocities):
    made = dynamics(Walk, velocities=velocities)
    to_jump(made)
    before = arrays(made)
    made.step(1)
    assert made.integrator.statistics.accepted == 1
    after = arrays(made)
    speeds = [np.linalg.norm(each[1], axis=1) for each in (before, after)]
    if velocities == "rotate":
        np.testing.assert_allclose(speeds[1], speeds[0], atol=1e-6)
        assert np.abs(after[1] - before[1]).max() > 0.1
    # What is kept or drawn has no part along the constraints at the new positions.
    pairs, apart = made.integrator._pairs, after[0]
    along = (apart[pairs[:, 0]] - apart[pairs[:, 1]]) / 0.1
    relative = after[1][pairs[:, 0]] - after[1][pairs[:, 1]]
    assert np.abs((along * relative).sum(1)).max() < 1e-3 or velocities == "rotate"
    if velocities == "maxwell":
        assert np.abs(speeds[1] - speeds[0]).min() > 0


@pytest.mark.parametrize(
    ("history", "guard"), [(1, "energy"), (3, "energy"), (3, "metropolis")]
)  # fmt: skip
def test_backends_make_the_same_trajectory(all_backends, history, guard):
    made = []
    for name in all_backends:  # one after the other: Reference has one random stream
        made.append(dynamics(Middling, history, guard, backend=name))
        assert made[-1].integrator.backend == name
        made[-1].step(10 * (2 * STEPS_PER_FRAME + 1))
    first = made[0].integrator.statistics
    assert first.accepted > 1
    for other in made[1:]:
        assert other.integrator.statistics.accepted == first.accepted
        np.testing.assert_allclose(arrays(other)[0], arrays(made[0])[0], atol=1e-6)


def test_seeds_make_the_trajectory():
    ends = []
    for seed in (7, 7, 8):
        made = dynamics(seed=seed)
        made.step(4 * STEPS_PER_FRAME)
        ends.append(arrays(made)[0])
    assert np.array_equal(ends[0], ends[1]) and not np.array_equal(ends[0], ends[2])


@pytest.mark.parametrize(("history", "jumps"), [(1, 600), (3, 300)])
def test_a_known_random_walk_has_its_variance(history, jumps):
    """Single turns, and the sum of n of them, of jumps in a row whatever the energy."""
    options = {"guard": "none", "jumps": jumps, "jump_time": 0.002}
    made = chain(Walk, history=history, options=options, lags=[1, 5], lag=5)
    turns = wrap_angle(torch.tensor(np.diff(torsions_after_jumps(made, jumps)))).numpy()
    assert made.integrator.statistics.accepted == jumps
    assert kstest(turns / Walk.width, "norm").pvalue > 1e-3
    for n in (1, 4, 16):
        sums = turns[: len(turns) // n * n].reshape(-1, n).sum(1)
        expected = n * Walk.width**2
        # Four standard errors
        assert sums.var() == pytest.approx(expected, rel=4 * np.sqrt(2 / len(sums)))


class Wide(Walk):
    width = 1.5


def test_metropolis_of_the_energy_is_right_for_an_even_walk():
    """There and back are as likely whatever the window, so that the energy is all that counts."""
    made = chain(Wide, history=3, options={"jump_time": 0.002}, lags=[1, 5], lag=5)
    assert made.integrator.jump_kind == "approximate dynamics"
    found = torsions_after_jumps(made, 800)[::8]
    assert 0.1 < made.integrator.statistics.acceptance < 0.9
    assert kstest(found, chance_below(300)).pvalue > 1e-3
    assert kstest(found, chance_below(900)).pvalue < 1e-3
