"""A run that is stopped and continued in another process ends where it would have ended."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from alanine import MD_FRAMES, STEPS_PER_FRAME, simulation, window
from continue_run import build, outcome

import openmm_stegmn

LEG = MD_FRAMES * STEPS_PER_FRAME
#: In the middle of a frame and of the first window; in a later leg; just before a jump.
STOPS = (7, LEG + 4, 3 * (LEG + 1) - 1)
TOTAL = 6 * (LEG + 1) + 3


def continue_elsewhere(tmp_path, kind, backend, name, saved, steps):
    target = tmp_path / "end.npz"
    root = Path(openmm_stegmn.__file__).parents[1]
    script = Path(__file__).with_name("continue_run.py")
    subprocess.run(
        [sys.executable, str(script), kind, backend, name, saved, str(steps), str(target)],
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
    )
    return np.load(target)


@pytest.mark.parametrize(
    ("name", "stop"), [("Reference", STOPS[0]), ("Reference", STOPS[2]), ("CPU", STOPS[1])]
)
def test_checkpoint_continues_bit_for_bit(tmp_path, backend, name, stop):
    made = build("checkpoint", backend, name)
    made.step(stop)
    saved = str(tmp_path / "run.chk")
    made.saveCheckpoint(saved)
    made.step(TOTAL - stop)
    assert made.integrator.statistics.accepted > 0
    again = continue_elsewhere(tmp_path, "checkpoint", backend, name, saved, TOTAL - stop)
    for name, value in outcome(made).items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)


def test_state_continues_within_its_printed_precision(tmp_path, backend):
    made = build("state", backend, "Reference")
    stop = STOPS[1]
    made.step(stop)
    saved = str(tmp_path / "run.xml")
    made.saveState(saved)
    made.step(TOTAL - stop)
    assert made.integrator.statistics.accepted > 0
    again = continue_elsewhere(tmp_path, "state", backend, "Reference", saved, TOTAL - stop)
    for name, value in outcome(made).items():
        np.testing.assert_allclose(again[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


def test_loading_goes_back_in_the_same_process(tmp_path):
    made = simulation()
    made.step(LEG + 4)
    made.saveCheckpoint(str(tmp_path / "run.chk"))
    made.saveState(str(tmp_path / "run.xml"))
    frames, statistics = window(made), made.integrator.statistics
    made.step(40)
    end = outcome(made)
    made.loadCheckpoint(str(tmp_path / "run.chk"))
    assert made.integrator.statistics == statistics
    made.step(40)
    for name, value in outcome(made).items():
        np.testing.assert_array_equal(value, end[name], err_msg=name)
    made.loadState(str(tmp_path / "run.xml"))
    np.testing.assert_allclose(window(made), frames, atol=1e-12)
    assert made.integrator.statistics == statistics
