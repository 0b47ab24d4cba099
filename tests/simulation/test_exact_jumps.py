"""Exact jumps: what they leave behind, and restarts."""

import shutil

import MDAnalysis
import numpy as np
import openmm
import pytest
import torch
from alanine import FRAME, STEPS_PER_FRAME, TIME_STEP, arrays, langevin, peptide
from platforms import platform
from proposals import for_alanine, moving, to_jump
from scipy.stats import kstest

from openmm_stegmn.models import TorsionProposal
from openmm_stegmn.simulation import HybridReporter, STEGMNPropagator
from openmm_stegmn.systems import packaged_structure


class Refused(TorsionProposal):
    """Moves that Metropolis never accepts."""

    def trials(self, base, noise):
        frames, log_ratio = super().trials(base, noise)
        return frames, log_ratio - 1e6


class Welcome(TorsionProposal):
    """Turns the whole molecule, which costs nothing."""

    def trials(self, base, noise):
        _, log_ratio = super().trials(base, noise)
        turn = base.new_tensor([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
        return (base @ turn).expand(len(noise), -1, -1), log_ratio * 0 + 1e6


class Listens(Refused):
    """Notes the noise that it is given; a class attribute, since propagators copy models."""

    heard = []

    def trials(self, base, noise):
        self.heard.append(noise.cpu().clone())
        return super().trials(base, noise)


def test_a_refused_jump_leaves_the_state_bit_for_bit(backend):
    made = moving(for_alanine(Refused), backend=backend)
    to_jump(made)
    before = arrays(made)
    made.step(1)
    np.testing.assert_array_equal(arrays(made), before)
    statistics = made.integrator.statistics
    assert statistics.attempted == statistics.rejected_energy == 4
    assert made.context.getParameter("stegmn_phase") == 0


@pytest.mark.parametrize("kind", [Refused, Welcome, TorsionProposal])
def test_every_jump_makes_a_frame_and_takes_no_time(tmp_path, kind, backend):
    path, tries, jumps = tmp_path / "hybrid.h5md", 3, 2
    made = moving(for_alanine(kind), backend=backend, tries=tries, jumps=jumps)
    with HybridReporter(path, made.integrator) as reporter:
        made.reporters.append(reporter)
        made.step(3 * (2 * STEPS_PER_FRAME + jumps))
    frames = MDAnalysis.Universe(str(packaged_structure("alanine-dipeptide")), str(path)).trajectory
    origins = [int(ts.data["origin"]) for ts in frames]
    assert origins == [0] + 3 * [0, 0, 1, 1]
    times = np.array([ts.time for ts in frames])
    expected = FRAME * np.array([0] + [2 * cycle + k for cycle in range(3) for k in (1, 2, 2, 2)])
    np.testing.assert_allclose(times, expected, atol=1e-9)
    accepted = np.array([ts.data["accepted"] for ts in frames])
    jumped = np.array(origins) == 1
    assert set(accepted[~jumped]) == {-1}
    moved = np.array([
        not np.array_equal(one, other)
        for one, other in zip(*(
            [frames[int(i) - back].positions.copy() for i in np.flatnonzero(jumped)]
            for back in (0, 1)
        ), strict=True)
    ])  # fmt: skip
    np.testing.assert_array_equal(accepted[jumped], moved)
    assert np.isfinite([ts.data["energy_change"] for ts in frames if ts.data["origin"] == 1]).all()
    statistics = made.integrator.statistics
    assert statistics.attempted == 6 * tries
    assert statistics.accepted + statistics.rejected_energy == statistics.attempted
    assert statistics.frames == len(frames) == 13
    assert made.currentStep == statistics.physical_steps + 6 == 3 * 2 * STEPS_PER_FRAME + 6
    assert made.context.getTime()._value == pytest.approx(6 * FRAME)
    assert statistics.jumped_time == 0
    if kind is not TorsionProposal:
        assert statistics.accepted == (0 if kind is Refused else statistics.attempted)
    else:
        assert 0 < statistics.accepted < statistics.attempted


def test_noise_is_normal_and_each_trial_has_its_own(no_graphs):
    Listens.heard.clear()
    made = moving(for_alanine(Listens), jumps=150)
    to_jump(made)
    made.step(150)
    heard = torch.stack(Listens.heard)
    assert heard.shape == (150, 4, for_alanine().n_noise)
    assert len(heard.unique()) == heard.numel()
    for part in heard.flatten(0, 1).T:
        assert kstest(part, "norm").pvalue > 1e-4
    assert kstest(heard.flatten(), "norm").pvalue > 1e-3
    correlations = torch.corrcoef(heard.flatten(1).T) - torch.eye(heard[0].numel())
    # Between any two numbers of one jump; the standard error is 0.08.
    assert correlations.abs().max() < 0.4


def test_energy_change_is_that_of_the_state():
    made = moving(tries=8, jumps=10)
    to_jump(made)
    changes, moves = [], 0
    for _ in range(10):
        before = made.context.getState(energy=True).getPotentialEnergy()._value
        made.step(1)
        after = made.context.getState(energy=True).getPotentialEnergy()._value
        record = made.integrator.last_frame
        assert record.energy_change == pytest.approx(after - before, abs=1e-6)
        assert record.origin == 1 and record.constraint_error < 1e-5
        assert record.accepted == (made.integrator.statistics.accepted > moves)
        moves = made.integrator.statistics.accepted
        changes.append(record.energy_change)
    assert 0 < moves < 80
    assert made.integrator.statistics.mean_energy_change == pytest.approx(sum(changes) / moves)


def test_energies_are_those_that_the_legs_feel():
    """A force that is in the system to be looked at, and in no group that is integrated."""
    topology, system, positions = peptide()
    watched = openmm.CustomExternalForce("1e4*x")
    watched.addParticle(0)
    watched.setForceGroup(5)
    system.addForce(watched)
    integrator = langevin()
    integrator.setIntegrationForceGroups({0})
    made = openmm.app.Simulation(
        topology,
        system,
        STEGMNPropagator(
            system, topology, for_alanine(Welcome), integrator, guard="metropolis", md_frames=1,
            backend="python",
        ),
        *platform(),
    )  # fmt: skip
    made.context.setPositions(positions)
    to_jump(made)
    felt = lambda: made.context.getState(energy=True, groups={0}).getPotentialEnergy()  # noqa: E731
    before = felt()
    made.step(1)
    change = made.integrator.last_frame.energy_change
    assert change == pytest.approx((felt() - before)._value, abs=1e-3)


def test_velocities_are_drawn_anew_where_atoms_moved():
    brownian = openmm.BrownianIntegrator(300, 1000, TIME_STEP)  # velocities at the positions' time
    made = moving(for_alanine(Welcome), integrator=brownian, jumps=200, tries=1)
    to_jump(made)
    masses = np.array([made.system.getParticleMass(i)._value for i in range(22)])
    degrees = 3 * 22 - made.system.getNumConstraints() - 3
    kinetic, last = [], arrays(made)[1]
    for _ in range(200):
        made.step(1)
        velocities = arrays(made)[1]
        assert np.abs(velocities - last).max(1).min() > 0
        last = velocities
        kinetic.append(0.5 * (masses[:, None] * velocities**2).sum())
    temperature = 2 * np.mean(kinetic) / degrees / 8.31446261815324e-3
    assert temperature == pytest.approx(300, abs=4 * 300 * np.sqrt(2 / degrees / 200))


def test_backends_make_the_same_trajectory():
    pytest.importorskip("openmmtorch")
    made = []
    for name in ("python", "torch"):  # one after the other: Reference has one random stream
        made.append(moving(backend=name, tries=8))
        made[-1].step(10 * (2 * STEPS_PER_FRAME + 1))
    statistics = [each.integrator.statistics for each in made]
    assert statistics[0].attempted == 80 and statistics[0].accepted > 5
    assert statistics[0].accepted == statistics[1].accepted
    np.testing.assert_allclose(arrays(made[0])[0], arrays(made[1])[0], atol=1e-6)


def test_seeds_make_the_trajectory():
    ends = []
    for seed in (7, 7, 8):
        made = moving(seed=seed, md_frames=1, jumps=5)
        made.step(STEPS_PER_FRAME + 5)
        ends.append(arrays(made)[0])
    assert np.array_equal(ends[0], ends[1]) and not np.array_equal(ends[0], ends[2])


CYCLE = 2 * STEPS_PER_FRAME + 3


@pytest.mark.parametrize("stop", [7, CYCLE - 3, CYCLE - 1, 2 * CYCLE])
def test_checkpoint_continues_bit_for_bit(tmp_path, backend, stop):
    """In a leg, before a row of jumps, within it, and after it."""
    total = 4 * CYCLE + 4
    made = moving(jumps=3, backend=backend)
    made.step(stop)
    made.saveCheckpoint(str(tmp_path / "run.chk"))
    made.step(total - stop)
    assert 0 < made.integrator.statistics.accepted < made.integrator.statistics.attempted
    end = summary(made)
    again = moving(jumps=3, backend=backend)
    again.loadCheckpoint(str(tmp_path / "run.chk"))
    again.step(total - stop)
    for name, value in summary(again).items():
        np.testing.assert_array_equal(value, end[name], err_msg=name)


def summary(made):
    """Everything that must be the same after a restart; the window is one frame long."""
    positions, velocities = arrays(made)
    return {
        "positions": positions,
        "velocities": velocities,
        "window": made.integrator.getIntegrator(1).getPerDofVariableByName("h0"),
        "statistics": list(made.integrator.statistics.as_dict().values()),
        "clock": [made.currentStep, made.context.getTime()._value],
    }


@pytest.mark.parametrize("saved_at", [12, CYCLE - 3, CYCLE - 2, CYCLE - 1])
def test_append_after_a_checkpoint(tmp_path, saved_at):
    """Frames of jumps have the time of the frame before: steps tell which are to be dropped."""
    whole, part, checkpoint = (tmp_path / name for name in ("whole.h5md", "part.h5md", "run.chk"))
    total = 2 * CYCLE + 8
    made = moving(jumps=3)
    with HybridReporter(whole, made.integrator) as reporter:
        made.reporters.append(reporter)
        made.step(saved_at)
        made.saveCheckpoint(str(checkpoint))
        made.step(4)
        shutil.copy(whole, part)  # a run that was killed after its checkpoint
        made.step(total - saved_at - 4)
    again = moving(jumps=3)
    again.loadCheckpoint(str(checkpoint))
    with HybridReporter(part, again.integrator, append=True) as reporter:
        again.reporters.append(reporter)
        again.step(total - saved_at)
    topology = str(packaged_structure("alanine-dipeptide"))
    ours, theirs = (MDAnalysis.Universe(topology, str(path)).trajectory for path in (part, whole))
    assert len(ours) == len(theirs) == 1 + 5 + 5 + 1
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_array_equal(one.velocities, other.velocities)
        assert one.time == other.time
        np.testing.assert_equal(dict(one.data), dict(other.data))
