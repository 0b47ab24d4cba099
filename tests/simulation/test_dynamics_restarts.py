"""Jumps drawn in time go on from checkpoints as if nothing had been."""

import copy

import numpy as np
import pytest
from alanine import FRAME, STEPS_PER_FRAME, arrays, langevin, peptide
from proposals import dynamics, for_alanine

from openmm_stegmn.models import load_model, save_model
from openmm_stegmn.simulation import STEGMNPropagator

CYCLE = 2 * STEPS_PER_FRAME + 2


@pytest.mark.parametrize(
    ("stop", "lag", "guard"),
    [
        (7, 10, "none"),
        (CYCLE - 2, 10, "metropolis"),
        (CYCLE - 1, 1, "none"),
        (CYCLE - 1, 10, "none"),
        (2 * CYCLE + 3, 10, "metropolis"),
    ],
)
def test_checkpoint_continues_bit_for_bit(tmp_path, backend, lag, stop, guard):
    """In a leg, before a row of jumps, within it, and while a window is filled."""
    begin = lambda: dynamics(  # noqa: E731
        guard=guard, jumps=2, backend=backend, jump_time=lag * FRAME
    )
    total = 6 * CYCLE
    made = begin()
    made.step(stop)
    made.saveCheckpoint(str(tmp_path / "run.chk"))
    made.step(total - stop)
    assert made.integrator.statistics.accepted > 0
    again = begin()
    again.loadCheckpoint(str(tmp_path / "run.chk"))
    again.step(total - stop)
    for name, value in outcome(again).items():
        np.testing.assert_array_equal(value, outcome(made)[name], err_msg=name)


def outcome(made):
    """Everything that must be the same after a restart."""
    positions, velocities = arrays(made)
    jumper = made.integrator.getIntegrator(1)
    return {
        "positions": positions,
        "velocities": velocities,
        "window": [jumper.getPerDofVariableByName(f"h{k}") for k in range(3)],
        "statistics": list(made.integrator.statistics.as_dict().values()),
        "clock": [made.currentStep, made.context.getTime()._value],
    }


def test_a_serialised_system_draws_for_the_time_that_was_chosen(tmp_path):
    """Its callable loads the model from its file, where the time is another one."""
    save_model(for_alanine(history=3), tmp_path / "model.safetensors")
    topology, system, _ = peptide()
    model = load_model(tmp_path / "model.safetensors")
    made = STEGMNPropagator(
        system, topology, model, langevin(), backend="python", guard="none", jump_time=FRAME
    )
    call = copy.deepcopy(made._bridge.callable)
    call._load()
    assert call._bridge.jump.model.jump_frames == 1 and model.jump_frames == 10
