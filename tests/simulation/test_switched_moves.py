"""Jumps walked in sub-steps: moves stay exact, and nothing is lost when one is refused."""

import math

import numpy as np
import openmm
import pytest
import torch
from alanine import arrays, peptide, simulation, spec_for, window
from openmm import unit
from proposals import (
    chain,
    chance_below,
    for_alanine,
    moving,
    to_jump,
    torsions_after_jumps,
)
from scipy.stats import kstest
from solvated import N_SOLUTE, solvated_simulation

from openmm_stegmn.models import TorsionProposal, build_model
from openmm_stegmn.simulation._member import PHYSICS_GROUPS
from openmm_stegmn.simulation._stepping import JUMP_MEMBER
from openmm_stegmn.simulation._walking import RELAX

SWITCH = {"switch_substeps": 3, "switch_steps": 2, "tries": None}


def walked(backend="python", **options):
    return moving(backend=backend, **SWITCH | options)


def test_what_it_says():
    made = walked()
    text = "walked in 3 sub-steps with 2 steps of the rest between"
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


def test_work_is_what_turning_costs(monkeypatch):
    """Without the steps between, the change of the energy."""
    made = simulation(guard="none", switch_substeps=3)
    to_jump(made)
    before = physical_energy(made)
    jumper_only(monkeypatch)
    made.step(1)
    assert made.integrator.last_frame.accepted == 1
    change = made.integrator.last_frame.energy_change
    assert abs(change) > 1e-3
    # polished to its constraints first
    assert change == pytest.approx(physical_energy(made) - before, abs=1e-3)


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


def test_only_turns_are_walked():
    with pytest.raises(ValueError, match="switch_substeps=3 walks the turns of rotatable bonds"):
        simulation(known={}, switch_substeps=3)


def jumper_only(monkeypatch):
    """No physical steps from here on."""
    step = openmm.CompoundIntegrator.step

    def jump(self, steps):
        if self.getCurrentIntegrator() == JUMP_MEMBER:
            step(self, steps)

    monkeypatch.setattr(openmm.CompoundIntegrator, "step", jump)


@pytest.mark.parametrize("velocities", ["maxwell", "keep", "rotate"])
def test_walked_jumps_of_a_window(backend, velocities, monkeypatch):
    """They turn the bonds as the model says; guard, clock and window are those of jumps."""
    model = build_model(spec_for(*peptide()[:2]))
    made = simulation(
        model, backend=backend, velocities=velocities, guard="none", switch_substeps=5
    )
    to_jump(made)
    time, frames = made.context.getTime(), torch.from_numpy(10 * window(made))
    expected, _ = model.jump(frames.float(), frames[-1])
    with monkeypatch.context() as patch:
        jumper_only(patch)
        made.step(1)
    assert made.integrator.last_frame.accepted == 1
    interval = made.integrator.frame_interval * unit.picosecond
    assert (made.context.getTime() - time) / interval == pytest.approx(1)
    torsions = model.context.body.torsions
    found = torsions(torch.from_numpy(10 * arrays(made)[0]))
    assert (torsions(expected) - torsions(frames[-1])).abs().max() > 0.01
    torch.testing.assert_close(found, torsions(expected), rtol=0, atol=1e-4)
    made.step(30)
    assert made.integrator.statistics.accepted == 2
    assert made.integrator.jump_kind == "deterministic"
    assert "of the work; walked in 5 sub-steps" in repr(made.integrator)


def test_refused_walked_jump(backend):
    made = simulation(
        build_model(spec_for(*peptide()[:2])), backend=backend, guard="energy",
        energy_threshold=1e-9, switch_substeps=3, switch_steps=2,
    )  # fmt: skip
    to_jump(made)
    before, time = arrays(made), made.context.getTime()
    made.step(1)
    statistics = made.integrator.statistics
    assert statistics.rejected_energy == statistics.attempted == 1
    assert made.context.getTime() == time
    for one, other in zip(before, arrays(made), strict=True):
        assert np.array_equal(one, other)


def in_water(backend="python", kind=Still, water="tip3p", **options):
    options = {"guard": "metropolis", "md_frames": 1, "switch_substeps": 2} | options
    return solvated_simulation(
        model=for_alanine(kind, block=None), backend=backend, water=water, **options
    )


@pytest.mark.parametrize("water", ["tip3p", "tip4pew"])
def test_a_refused_move_puts_the_water_back(backend, water):
    made = in_water(backend, Far, water=water, switch_steps=4)
    to_jump(made)
    before = arrays(made)
    made.step(1)
    assert made.integrator.last_frame.accepted == 0
    for one, other in zip(before, arrays(made), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("moves", [False, True])
def test_steps_that_blow_up_are_a_rejection(moves):
    """Of a jump, and of a move: GPUs raise at the first position that is not a number."""
    if moves:
        made = in_water(switch_substeps=3, switch_steps=4)
    else:
        made = solvated_simulation(guard="energy", switch_substeps=3, switch_steps=4)
    to_jump(made)
    run, before = made.integrator._run_jumper, arrays(made)

    def blow_up(context, action, *steps):
        run(context, action, *steps)
        if action == RELAX:
            context.setPositions(np.full_like(before[0], np.nan))
            raise openmm.OpenMMException("Particle coordinate is NaN.  For more information, see")

    made.integrator._run_jumper = blow_up
    made.step(1)
    statistics = made.integrator.statistics
    assert (statistics.attempted, statistics.rejected) == (1, 1)
    for one, other in zip(before, arrays(made), strict=True):
        assert np.array_equal(one, other)
    made.integrator._run_jumper = run
    made.step(made.integrator.steps_to_next_frame())


@pytest.mark.parametrize("water", ["tip3p", "tip4pew"])
def test_water_makes_room(backend, water):
    """Between the sub-steps all but the solute moves, at no charge but for its time step."""
    # With steps of 2 fs the error is some kJ/mol, and moves are refused for it now and then.
    integrator = openmm.LangevinMiddleIntegrator(300, 1.0, 0.0005)
    made = in_water(backend, water=water, switch_steps=10, usual="Reference", integrator=integrator)
    for _ in range(6):
        to_jump(made)
        before, _ = arrays(made)
        made.step(1)
        if made.integrator.last_frame.accepted:
            break
    assert made.integrator.last_frame.accepted == 1
    # the error of velocity Verlet alone
    assert abs(made.integrator.last_frame.energy_change) < 5
    moved = np.abs(arrays(made)[0] - before)
    assert moved[:N_SOLUTE].max() < 1e-5 and moved[N_SOLUTE:].max() > 1e-3
    assert made.integrator.constraint_error(arrays(made)[0]) < 1e-4
    made.context.computeVirtualSites()
    positions = arrays(made)[0]
    np.testing.assert_allclose(positions - before, arrays(made)[0] - before, atol=1e-9)


def test_energy_is_kept_between_the_substeps():
    """Velocity Verlet of the water at a fixed solute: total energy, virtual sites included."""
    made = in_water(water="tip4pew", usual="Reference", switch_steps=1)
    to_jump(made)
    made.step(1)
    context = made.context
    made.integrator._jumper["relaxing_step"] = 0.0005
    energies = []
    for _ in range(5):
        state = context.getState(energy=True, groups=PHYSICS_GROUPS)
        energies.append((state.getKineticEnergy() + state.getPotentialEnergy())._value)
        made.integrator._run_jumper(context, RELAX, 20)
    kinetic = state.getKineticEnergy()._value
    assert np.ptp(energies) < 2e-3 * kinetic


@pytest.mark.parametrize("switch_substeps", [1, 3])
@pytest.mark.parametrize("moves", [False, True])
def test_order_of_computations(moves, switch_substeps):
    """GPUs put positions that are set before any later constraint, in program order, aside: only
    those that are to be constrained may be."""
    make = moving if moves else simulation
    options = {"tries": None} if moves else {}
    made = make(switch_substeps=switch_substeps, **options)
    jumper = made.integrator.getIntegrator(JUMP_MEMBER)
    steps = [jumper.getComputationStep(n) for n in range(jumper.getNumComputations())]
    last = max(n for n, step in enumerate(steps) if step[0] == jumper.ConstrainPositions)
    written = [
        "".join(expression.split()) for kind, variable, expression in steps[:last]
        if kind == jumper.ComputePerDof and variable == "x"
    ]  # fmt: skip
    relaxed = ["x+free*relaxing_step*v"] if switch_substeps > 1 else []
    assert written == ["x-velocity_lag*v", *relaxed, "x"]
    assert tuple(steps[last - 1][1:]) == ("x", "x")


def walked_torsions(jumps, steps, **config):
    """So far apart that jumps accepted in between make them independent."""
    made = chain(options={"switch_substeps": 5, "switch_steps": steps}, beside=True, **config)
    found = torsions_after_jumps(made, jumps)
    rate = made.integrator.statistics.accepted / made.integrator.statistics.attempted
    assert 0.04 < rate < 0.95
    return found[:: max(8, round(4 / rate))]


def test_torsions_follow_boltzmann():
    found = walked_torsions(1000, 20)
    assert kstest(found, chance_below(300)).pvalue > 1e-3


class Apart(TorsionProposal):
    """Turns by about one radian, either way alike."""

    def _mixture(self, *seen):
        log_weights, means, widths = super()._mixture(*seen)
        signs = means.new_tensor([1.0, -1.0]).repeat(self.components // 2)
        return 0 * log_weights - math.log(self.components), 0 * means + signs, 0 * widths + 0.1


def test_what_is_beside_follows():
    """Moves that drag a particle along are accepted more often when it can follow."""
    accepted = []
    for switch in ({"tries": 1}, {"switch_substeps": 10, "switch_steps": 30}):
        made = chain(Apart, options=switch, beside=True)
        torsions_after_jumps(made, 600)
        accepted.append(made.integrator.statistics.accepted)
    assert accepted[1] > 1.5 * accepted[0] > 0


@pytest.mark.slow
@pytest.mark.parametrize("config", [{}, {"lag": 10}])
# With few steps between, few jumps are accepted.
@pytest.mark.parametrize(("steps", "jumps"), [(1, 40_000), (40, 8000)])
def test_torsions_follow_boltzmann_closely(config, steps, jumps):
    found = walked_torsions(jumps, steps, seed=2, **config)
    assert kstest(found, chance_below(300)).pvalue > 1e-3
    assert kstest(found, chance_below(600)).pvalue < 1e-4
