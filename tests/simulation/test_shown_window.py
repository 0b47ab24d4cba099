"""The bridge keeps copies of the window's frames, and none is ever stale."""

import numpy as np
import openmm
import pytest
import torch
from alanine import (
    HISTORY,
    MD_FRAMES,
    STEPS_PER_FRAME,
    KnownJump,
    arrays,
    peptide,
    simulation,
    spec_for,
    window,
)

from openmm_stegmn.simulation._member import SHOW

LEG = MD_FRAMES * STEPS_PER_FRAME


#: One for each coordinate of a window, (T, n_atoms, 3).
WEIGHTS = np.random.default_rng(0).normal(size=(HISTORY, 22, 3)) / 20


class Told(KnownJump):
    """Shifts the molecule by an amount that tells every coordinate of the window."""

    def __init__(self, spec):
        super().__init__(spec)
        # a buffer, which goes where the module goes
        self.register_buffer("told_by", torch.from_numpy(WEIGHTS))

    def jump(self, window, base):
        shift = (window.to(base) * self.told_by).sum((0, 1))
        return base + shift, self.rotation.expand(base.shape[0], 3, 3)


def told(backend, **options):
    topology, system, _ = peptide()
    options = {"velocities": "keep"} | options
    return simulation(Told(spec_for(topology, system)), backend, **options)


def to_jump(made):
    while not made.integrator._jump_due():
        made.step(made.integrator.steps_to_next_frame())


def jump(made):
    """Make the jump that is due: it must be that of the window in OpenMM's variables."""
    frames, (before, _) = window(made), arrays(made)
    accepted = made.integrator.statistics.accepted
    made.step(1)
    assert made.integrator.statistics.accepted == accepted + 1
    shift = ((frames - before.mean(0)) * WEIGHTS).sum((0, 1))
    assert np.abs(shift).max() > 1e-3
    np.testing.assert_allclose(arrays(made)[0], before + shift, atol=3e-6)


def count_showings(made):
    """A list that grows whenever the bridge is shown a whole window."""
    found, run = [], made.integrator._run_jumper

    def counted(context, action, *steps):
        found.extend([action] * (action == SHOW))
        return run(context, action, *steps)

    made.integrator._run_jumper = counted
    return found


@pytest.mark.parametrize("options", [{}, {"jumps": 3}, {"md_frames": 1}, {"md_frames": 6}])
def test_each_frame_is_shown_once(backend, options):
    made = told(backend, **options)
    showings = count_showings(made)
    for _ in range(6):
        to_jump(made)
        jump(made)
    assert showings == []


def test_rejected_jumps_show_nothing_again(backend):
    made = simulation(known={"shift": 1.0}, backend=backend, md_frames=1)
    showings = count_showings(made)
    made.step(40)
    assert made.integrator.statistics.rejected > 3 and showings == []


def test_evaluations_of_a_jump():
    """The jump, its constraints, its frame; and one for each physical frame."""
    made = told("python", velocities="maxwell")
    made.step(1)  # where a GPU gets a bridge of its own
    call, phases = made.integrator._bridge.callable, []
    bridge = call._bridge

    def counted(positions, phase):
        phases.append(int(phase))
        return bridge(positions, phase)

    call._bridge = counted
    made.step(LEG - 1)
    assert phases == [1] * HISTORY  # of five frames, those that a window has
    made.step(1)
    assert phases[HISTORY:] == [100, 101, 1]


def swap_atoms(frames):
    frames[:, [5, 6]] = frames[:, [6, 5]]


def turn_axes(frames):
    frames[:] = np.roll(frames, 1, axis=2)


def swap_frames(frames):
    frames[[0, 1]] = frames[[1, 0]]


def move_a_little(frames):
    frames[0, 3, 1] += 1e-4


def move_all(frames):
    frames += 0.3


@pytest.mark.parametrize(
    "edit", [swap_atoms, turn_axes, swap_frames, move_a_little, move_all], ids=lambda f: f.__name__
)
def test_any_edit_of_the_window_reaches_the_bridge(backend, edit):
    made = told(backend)
    showings = count_showings(made)
    to_jump(made)
    jump(made)
    to_jump(made)
    frames, jumper = window(made), openmm.CompoundIntegrator.getIntegrator(made.integrator, 1)
    edit(frames)
    for number, frame in enumerate(frames):
        jumper.setPerDofVariableByName(f"h{number}", frame)
    assert not showings
    jump(made)
    assert len(showings) == 1


def reinitialise(made, saved):
    made.context.reinitialize(preserveState=True)


def go_back_by_checkpoint(made, saved):
    made.context.loadCheckpoint(saved[0])
    to_jump(made)


def go_back_by_state(made, saved):
    made.context.setState(openmm.XmlSerializer.deserialize(saved[1]))
    to_jump(made)


def set_positions(made, saved):
    positions = arrays(made)[0]
    made.context.setPositions(positions + 0.5)


def start_anew(made, saved):
    made.integrator.reset_window()
    to_jump(made)


def meddle(made):
    """What may change a window, or the bridge, beside the schedule."""
    to_jump(made)
    state = made.context.getState(
        positions=True, velocities=True, parameters=True, integratorParameters=True
    )
    saved = made.context.createCheckpoint(), openmm.XmlSerializer.serialize(state)
    jump(made)
    made.step(7)
    return saved


@pytest.mark.parametrize(
    "change",
    [reinitialise, go_back_by_checkpoint, go_back_by_state, set_positions, start_anew],
    ids=lambda f: f.__name__,
)
def test_window_of_the_jump_after(backend, change):
    made = told(backend)
    saved = meddle(made)
    to_jump(made)
    change(made, saved)
    jump(made)
    to_jump(made)
    jump(made)


def test_reinitialised_in_mid_leg_is_as_if_it_had_not_been(backend):
    """The bridge of a TorchForce then lacks the frames before."""
    ends = []
    for again in (False, True):
        made = told(backend, integrator=openmm.VerletIntegrator(0.002), velocities="rotate",
                    temperature=300.0)  # fmt: skip
        meddle(made)
        made.step(STEPS_PER_FRAME)
        if again:
            made.context.reinitialize(preserveState=True)
        to_jump(made)
        jump(made)
        made.step(3)
        ends.append(arrays(made))
    np.testing.assert_array_equal(*ends)


def test_runs_by_turns_with_each_others_checkpoints(backend):
    """Two propagators; states go from one to the other."""
    one, other = told(backend), told(backend, seed=8, velocities_seed=12)
    random = np.random.default_rng(0)
    for made in (one, other):
        to_jump(made)
    for _ in range(12):
        made, source = (one, other) if random.random() < 0.5 else (other, one)
        source.step(int(random.integers(0, 9)))
        if random.random() < 0.5:
            made.context.loadCheckpoint(source.context.createCheckpoint())
        for run in (one, other):
            to_jump(run)
            jump(run)


def test_window_that_is_not_finite_is_refused_and_remembered_by_none(backend):
    made = simulation(backend=backend)
    to_jump(made)
    jumper, frames = made.integrator.getIntegrator(1), window(made)
    jumper.setPerDofVariableByName("h0", np.full_like(frames[0], np.nan))
    before = arrays(made)
    made.step(1)
    assert made.integrator.statistics.rejected_nonfinite == 1
    np.testing.assert_array_equal(arrays(made), before)
    jumper.setPerDofVariableByName("h0", frames[0])
    showings = count_showings(made)
    made.integrator._jumper["leg_frames"] = MD_FRAMES
    made.step(1)
    assert len(showings) == 1 and made.integrator.statistics.attempted == 2
    assert made.integrator.statistics.rejected_nonfinite == 1
