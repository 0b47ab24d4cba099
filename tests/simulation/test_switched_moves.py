"""Monte Carlo moves walked in sub-steps: exact, in all back-ends, and nothing lost when refused."""

import numpy as np
import openmm
import pytest
from alanine import arrays, simulation
from openmm import unit
from proposals import chain, chance_below, for_alanine, moving, to_jump, torsions_after_jumps
from scipy.stats import kstest
from solvated import N_SOLUTE, solvated_simulation

from openmm_stegmn.models import TorsionProposal
from openmm_stegmn.simulation._member import PHYSICS_GROUPS
from openmm_stegmn.simulation._stepping import JUMP_MEMBER

SWITCH = {"switch_substeps": 3, "switch_steps": 2, "tries": None}


def walked(backend="python", **options):
    return moving(backend=backend, **SWITCH | options)


def test_what_it_says():
    made = walked()
    text = "walked in 3 sub-steps with 2 physical steps between"
    assert text in repr(made.integrator) and text in made.integrator.describe()["guard"]
    assert made.integrator.jump_kind == "exact"


def test_one_trial_a_jump_no_time_and_a_frame(backend):
    made = walked(backend)
    for jump in range(1, 6):
        to_jump(made)
        time, count = made.context.getTime(), made.context.getStepCount()
        physical = made.integrator.statistics.physical_steps
        frames = made.integrator.statistics.frames
        made.step(1)
        statistics = made.integrator.statistics
        assert statistics.attempted == jump
        assert statistics.frames == frames + 1 and statistics.physical_steps == physical
        assert made.context.getTime() == time and made.context.getStepCount() == count + 1
        assert made.integrator.last_frame.accepted in (0, 1)
    rejected = statistics.rejected_energy + statistics.rejected_nonfinite
    assert statistics.accepted + rejected == 5


class Far(TorsionProposal):
    """Turns by half a circle, whatever the cost."""

    def _mixture(self, *seen):
        log_weights, means, widths = super()._mixture(*seen)
        return log_weights, 0 * means + 3.1, 0 * widths + 0.01


def test_a_refused_move_leaves_the_state_bit_for_bit(backend):
    made = walked(backend, model=for_alanine(Far, block=None))
    for _ in range(3):
        to_jump(made)
        before = arrays(made)
        made.step(1)
        assert made.integrator.last_frame.accepted == 0
        for one, other in zip(before, arrays(made), strict=True):
            assert np.array_equal(one, other)


class Still(TorsionProposal):
    """Does not turn, so that the work is none and every move is kept."""

    def _mixture(self, *seen):
        log_weights, means, widths = super()._mixture(*seen)
        return log_weights, 0 * means, 0 * widths + 1e-9


def test_heat_is_no_work(backend):
    """Physical steps between the sub-steps move everything, at no charge."""
    made = walked(backend, model=for_alanine(Still), switch_steps=20)
    to_jump(made)
    before, _ = arrays(made)
    made.step(1)
    assert made.integrator.last_frame.accepted == 1
    assert abs(made.integrator.last_frame.energy_change) < 1e-3
    assert np.abs(arrays(made)[0] - before).max() > 1e-3


class Slight(TorsionProposal):
    """Turns all bonds a little."""

    def _mixture(self, *seen):
        log_weights, means, widths = super()._mixture(*seen)
        return log_weights, 0 * means, 0 * widths + 0.05


def test_work_is_what_turning_costs(monkeypatch):
    """Without the steps between, the change of the energy."""
    made = walked(model=for_alanine(Slight, block=None))
    to_jump(made)
    before = physical_energy(made)
    step = openmm.CompoundIntegrator.step

    def jumper_only(self, steps):
        if self.getCurrentIntegrator() == JUMP_MEMBER:
            step(self, steps)

    monkeypatch.setattr(openmm.CompoundIntegrator, "step", jumper_only)
    made.step(1)
    assert made.integrator.last_frame.accepted == 1
    change = made.integrator.last_frame.energy_change
    assert abs(change) > 1e-3
    # polished to its constraints first
    assert change == pytest.approx(physical_energy(made) - before, abs=1e-4)


def physical_energy(made):
    state = made.context.getState(energy=True, groups=PHYSICS_GROUPS)
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


@pytest.mark.parametrize("stop", [7, 23])
def test_checkpoint_continues_bit_for_bit(tmp_path, backend, stop):
    first = walked(backend)
    first.step(stop)
    first.saveCheckpoint(str(tmp_path / "point"))
    first.step(40)
    second = walked(backend)
    second.loadCheckpoint(str(tmp_path / "point"))
    second.step(40)
    assert second.integrator.statistics == first.integrator.statistics
    assert first.integrator.statistics.attempted > 2
    for one, other in zip(arrays(first), arrays(second), strict=True):
        assert np.array_equal(one, other)


def test_backends_make_the_same_trajectory():
    pytest.importorskip("openmmtorch")
    ends = []
    for backend in ("python", "torch"):
        made = walked(backend)
        made.step(3 * 11)
        ends.append(arrays(made)[0])
    np.testing.assert_allclose(*ends, atol=1e-5)


class Broken(TorsionProposal):
    """Densities that are no number."""

    def _mixture(self, *seen):
        log_weights, means, widths = super()._mixture(*seen)
        return log_weights + float("nan"), means, widths


def test_what_is_not_finite_is_refused(backend):
    made = walked(backend, model=for_alanine(Broken))
    to_jump(made)
    before = arrays(made)
    made.step(1)
    assert made.integrator.statistics.rejected_nonfinite == 1
    for one, other in zip(before, arrays(made), strict=True):
        assert np.array_equal(one, other)
    made.step(20)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"switch_substeps": 0}, "switch_substeps must be a whole number, at least 1, found 0"),
        ({"switch_steps": 1.5}, "switch_steps must be a whole number, at least 1, found 1.5"),
        ({"tries": 4}, "tries=4: a switched move is one trial a jump"),
    ],
)
def test_settings_that_make_no_sense(options, match):
    with pytest.raises(ValueError, match=match):
        walked(**options)


def test_only_moves_are_walked():
    with pytest.raises(ValueError, match="switch_substeps=3 is for Monte Carlo moves"):
        simulation(switch_substeps=3)


def test_in_water_with_a_barostat(backend):
    """A refused move puts the box back, too."""

    def barostat(system):
        system.addForce(openmm.MonteCarloBarostat(1.0, 300.0, 1))

    made = solvated_simulation(
        model=for_alanine(Far, block=None), backend=backend, change=barostat, md_frames=1,
        guard="metropolis", switch_substeps=3, switch_steps=4,
    )  # fmt: skip
    to_jump(made)
    before, box = arrays(made), made.context.getState().getPeriodicBoxVectors()
    made.step(1)
    assert made.integrator.last_frame.accepted == 0
    assert made.context.getState().getPeriodicBoxVectors() == box
    for one, other in zip(before, arrays(made), strict=True):
        assert np.array_equal(one, other)


def test_water_makes_room():
    """Between the sub-steps all atoms move, those of the water too."""
    made = solvated_simulation(
        model=for_alanine(Still), guard="metropolis", md_frames=1, switch_substeps=2, switch_steps=5
    )
    to_jump(made)
    before, _ = arrays(made)
    made.step(1)
    assert made.integrator.last_frame.accepted == 1
    assert np.abs(arrays(made)[0] - before)[N_SOLUTE:].max() > 1e-3
    assert made.integrator.constraint_error(arrays(made)[0]) < 1e-4


def walked_torsions(jumps, steps, **config):
    options = {"switch_substeps": 4, "switch_steps": steps}
    made = chain(options=options, **config)
    found = torsions_after_jumps(made, jumps)
    rate = made.integrator.statistics.accepted / made.integrator.statistics.attempted
    assert 0.02 < rate < 0.98
    return found


def test_torsions_follow_boltzmann():
    found = walked_torsions(600, 3)[::2]
    assert kstest(found, chance_below(300)).pvalue > 1e-3
    assert kstest(found, chance_below(600)).pvalue < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("config", [{}, {"lag": 10}])
@pytest.mark.parametrize("steps", [1, 10])
def test_torsions_follow_boltzmann_closely(config, steps):
    found = walked_torsions(4000, steps, seed=2, **config)[::2]
    assert kstest(found, chance_below(300)).pvalue > 1e-3
