"""Exact jumps: what they are called, what they leave behind, and that averages are Boltzmann's."""

import shutil

import MDAnalysis
import numpy as np
import openmm
import pytest
import torch
from alanine import (
    STEPS_PER_FRAME,
    TIME_STEP,
    NetworkFailure,
    arrays,
    fail_if,
    langevin,
    peptide,
    spec_for,
)
from platforms import platform
from proposals import chain, chance_below, for_alanine, moving, to_jump, torsions_after_jumps
from scipy.stats import kstest

from openmm_stegmn.models import TorsionProposal, build_model
from openmm_stegmn.simulation import HybridReporter, STEGMNPropagator
from openmm_stegmn.systems import packaged_structure

FRAME = STEPS_PER_FRAME * TIME_STEP


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


class Broken(TorsionProposal):
    """Trials that go wrong: ``wrong`` says how."""

    wrong = None

    def trials(self, base, noise):
        frames, log_ratio = super().trials(base, noise)
        last = torch.arange(len(noise)) == len(noise) - 1
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


class Listens(Refused):
    """Notes the noise that it is given; a class attribute, since propagators copy models."""

    heard = []

    def trials(self, base, noise):
        self.heard.append(noise.clone())
        return super().trials(base, noise)


def propagator(model=None, integrator=None, guard="metropolis", **options):
    topology, system, _ = peptide()
    model = for_alanine() if model is None else model
    return STEGMNPropagator(
        system, topology, model, integrator or langevin(), guard=guard, backend="python", **options
    )


# What they are called


def test_jumps_drawn_from_a_density_are_exact():
    made = propagator(tries=4)
    assert made.jump_kind == made.describe()["jump_kind"] == "exact"
    assert made.describe()["guard"] == "metropolis (4 tries, with both densities)"
    assert "exact jumps" in repr(made) and "4 tries, with both densities" in repr(made)
    assert "4 tries" in repr(propagator())


def test_legs_without_a_thermostat_are_not_exact():
    made = propagator(integrator=openmm.VerletIntegrator(TIME_STEP), temperature=300)
    assert made.jump_kind == made.describe()["jump_kind"] == "approximate dynamics"
    assert "approximate dynamics jumps" in repr(made)
    with pytest.raises(ValueError, match="no temperature.*pass temperature="):
        propagator(integrator=openmm.VerletIntegrator(TIME_STEP))


def test_a_density_of_the_window_is_not_exact():
    assert propagator(for_alanine(history=3)).jump_kind == "approximate dynamics"


def test_legs_at_another_temperature_are_not_exact():
    hot = openmm.LangevinMiddleIntegrator(600, 1, TIME_STEP)
    made = propagator(integrator=hot, temperature=300)
    assert made.jump_kind == "approximate dynamics"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"velocities": "keep"}, "only with velocities='maxwell': found velocities='keep'"),
        ({"velocities": "rotate"}, "velocities='rotate'"),
        ({"tries": 0}, "from 1 to 100, found 0"),
        ({"tries": 101}, "from 1 to 100, found 101"),
        ({"tries": 2.5}, "from 1 to 100, found 2.5"),
        ({"jump_time": 0.1}, "jump_time=0.1 ps is for jumps in time, .* leave it out"),
    ],
)
def test_settings_that_would_not_be_exact_are_refused(options, match):
    topology, system, _ = peptide()
    before = openmm.XmlSerializer.serialize(system)
    options = {"guard": "metropolis"} | options
    with pytest.raises(ValueError, match=match):
        STEGMNPropagator(system, topology, for_alanine(), langevin(), backend="python", **options)
    assert openmm.XmlSerializer.serialize(system) == before


def test_more_frames_than_one_a_jump_are_refused():
    with pytest.raises(ValueError, match="one frame a jump, found horizon 2"):
        propagator(for_alanine(horizon=2))


def test_tries_are_for_models_with_a_density():
    topology, system, _ = peptide()
    with pytest.raises(ValueError, match="tries=4 .* 'torsion-linear' has none"):
        propagator(build_model(spec_for(topology, system)), tries=4)


def test_atoms_without_mass_are_refused():
    """A frozen atom stays where it is when bonds turn it, and lengths change."""
    topology, system, _ = peptide(constraints=None)
    system.setParticleMass(1, 0.0)
    spec = spec_for(topology, system, architecture="stegmn-proposal", history=1)
    with pytest.raises(ValueError, match="mass"):
        STEGMNPropagator(
            system, topology, build_model(spec), langevin(), guard="metropolis", backend="python"
        )


# What they leave behind


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


def test_noise_is_normal_and_each_trial_has_its_own():
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


# Restarts

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


# What goes wrong


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


# Averages


class WithoutDensities(TorsionProposal):
    """As an acceptance test of the energy alone would have it."""

    def trials(self, base, noise):
        frames, log_ratio = super().trials(base, noise)
        return frames, 0 * log_ratio


def torsions(kind=TorsionProposal, jumps=400, **options):
    """Of every other jump: those in between make them independent."""
    return torsions_after_jumps(chain(kind, options={"tries": 8}, **options), jumps)[::2]


@pytest.mark.parametrize(("temperature", "other"), [(300, 600), (600, 300)])
def test_torsions_follow_boltzmann(temperature, other):
    found = torsions(temperature=temperature)
    assert kstest(found, chance_below(temperature)).pvalue > 1e-3
    assert kstest(found, chance_below(other)).pvalue < 1e-4


def test_without_the_densities_they_do_not():
    found = torsions(WithoutDensities, jumps=200, components=2)
    assert kstest(found, chance_below(300)).pvalue < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("config", [{}, {"lag": 10}, {"lag": 1}])
@pytest.mark.parametrize("temperature", [300, 600])
def test_torsions_follow_boltzmann_closely(config, temperature):
    found = torsions(jumps=4000, temperature=temperature, seed=2, **config)[::2]
    assert kstest(found, chance_below(temperature)).pvalue > 1e-3
