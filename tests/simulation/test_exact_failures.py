"""Exact jumps that go wrong leave the state as it was."""

import numpy as np
import openmm
import pytest
import torch
from alanine import (
    STEPS_PER_FRAME,
    NetworkFailure,
    arrays,
    fail_if,
)
from proposals import for_alanine, moving, to_jump

from openmm_stegmn.models import TorsionProposal


class Broken(TorsionProposal):
    """Trials that go wrong: ``wrong`` says how."""

    wrong = None

    def trials(self, base, noise):
        frames, log_ratio = super().trials(base, noise)
        last = torch.arange(len(noise), device=noise.device) == len(noise) - 1
        if self.wrong == "ratio":
            return frames, torch.where(last, torch.nan, log_ratio)
        if self.wrong == "frame":
            return torch.where(last[:, None, None], torch.inf, frames), log_ratio
        if self.wrong == "stretched":
            return (1.001 * base).expand_as(frames), log_ratio * 0 + 1e6
        return (0 * base).expand_as(frames), log_ratio * 0 + 1e6  # atoms on top of each other


class BrokenRatio(Broken):
    wrong = "ratio"


class BrokenFrame(Broken):
    wrong = "frame"


class Stretched(Broken):
    wrong = "stretched"


class Failing(TorsionProposal):
    """Raises, but not while it is traced, where the atoms are anywhere."""

    def trials(self, base, noise):
        fail = ((base[0] - base[1]).norm() < 1.3).double()
        if not torch.jit.is_tracing() and fail > 0:
            raise NetworkFailure("the network failed on purpose")
        frames, log_ratio = super().trials(base, noise)
        return frames + 0.0 * fail_if(fail), log_ratio


def test_failure_in_the_network_leaves_the_state_as_it_was(backend):
    made = moving(for_alanine(Failing), backend=backend)
    to_jump(made)
    before, kept = arrays(made), made.integrator.getIntegrator(1)
    frame = kept.getPerDofVariableByName("h0")
    statistics, step, now = made.integrator.statistics, made.currentStep, made.context.getTime()
    expected = NetworkFailure if backend == "python" else openmm.OpenMMException
    for _ in range(2):
        with pytest.raises(expected, match="failed on purpose"):
            made.step(1)
        np.testing.assert_array_equal(arrays(made), before)
        np.testing.assert_array_equal(kept.getPerDofVariableByName("h0"), frame)
        assert made.integrator.statistics == statistics
        assert (made.currentStep, made.context.getTime()) == (step, now)
        assert made.context.getParameter("stegmn_phase") == 0
    made.integrator.reset_window()
    made.step(STEPS_PER_FRAME)
    assert np.isfinite(arrays(made)).all()


@pytest.mark.parametrize("kind", [BrokenRatio, BrokenFrame])
def test_what_is_not_finite_is_refused(backend, kind):
    made = moving(for_alanine(kind), backend=backend)
    to_jump(made)
    before, frames = arrays(made), made.integrator.statistics.frames
    made.step(1)
    np.testing.assert_array_equal(arrays(made), before)
    statistics, record = made.integrator.statistics, made.integrator.last_frame
    assert statistics.attempted == statistics.rejected_nonfinite == 4
    assert statistics.frames == frames + 1
    assert (record.origin, record.accepted) == (1, 0) and np.isinf(record.energy_change)
    made.step(2 * STEPS_PER_FRAME)
    assert np.isfinite(arrays(made)).all()


@pytest.mark.parametrize(
    ("kind", "cause"), [(Broken, "rejected_nonfinite"), (Stretched, "rejected_constraints")]
)
def test_impossible_frames_are_refused(backend, kind, cause):
    made = moving(for_alanine(kind), backend=backend)
    to_jump(made)
    before = arrays(made)
    made.step(1)
    np.testing.assert_array_equal(arrays(made), before)
    statistics = made.integrator.statistics
    assert statistics.attempted == getattr(statistics, cause) == 4
    assert statistics.accepted == 0 and statistics.mean_energy_change == 0
    assert made.integrator.last_frame.accepted == 0
