"""Jumps of several frames from one evaluation: EGNO with kinematics that keep every constraint."""

import MDAnalysis
import numpy as np
import pytest
import torch
from alanine import MD_FRAMES, STEPS_PER_FRAME, TIME_STEP, arrays, peptide, simulation, spec_for
from openmm import app

from openmm_stegmn.models import build_model
from openmm_stegmn.simulation import HybridReporter
from openmm_stegmn.simulation._constraints import system_constraints, worst_constraint_error
from openmm_stegmn.systems import packaged_structure

HORIZON = 4
LEG = MD_FRAMES * STEPS_PER_FRAME
FRAME = STEPS_PER_FRAME * TIME_STEP
CYCLE = LEG + 1


def egno(constraints=app.HBonds, scale=0.03, **changes):
    """With random weights: what it predicts is of no use, but must be carried out."""
    topology, system, _ = peptide(constraints)
    config = {"hidden": 8, "layers": 2, "type_features": 4, "pair_features": 4}
    values = {"architecture": "egno-rigid", "horizon": HORIZON, "config": config} | changes
    torch.manual_seed(0)
    model = build_model(spec_for(topology, system, **values))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return model.eval().requires_grad_(False)


def universe(path):
    return MDAnalysis.Universe(str(packaged_structure("alanine-dipeptide")), str(path))


def test_one_evaluation_and_one_guard_for_all_frames(no_graphs):
    model, evaluations = egno(), []
    # a hook, which a copy of the model has too
    model.network.register_forward_hook(lambda *_: evaluations.append(1))
    made = simulation(model, guard="none")
    made.step(3 * CYCLE)
    statistics = made.integrator.statistics
    assert len(evaluations) == statistics.attempted == statistics.accepted == 3
    expected = 3 * (MD_FRAMES + HORIZON) * FRAME
    assert made.context.getTime()._value == pytest.approx(expected)
    assert statistics.jumped_time == pytest.approx(3 * HORIZON * FRAME)


def test_it_jumps_to_the_last_frame_that_the_model_predicts(backend, tmp_path):
    model, path = egno(), tmp_path / "hybrid.h5md"
    made = simulation(model, guard="none", backend=backend)
    with HybridReporter(path, made.integrator) as reporter:
        made.reporters.append(reporter)
        made.step(CYCLE)
    written = np.array([ts.positions.copy() for ts in universe(path).trajectory])
    assert len(written) == 1 + MD_FRAMES + 1
    window = torch.tensor(written[-1 - model.history : -1])
    frames = model(window).numpy()
    assert np.abs(frames[-1] - frames[0]).max() > 0.01  # Å
    np.testing.assert_allclose(written[-1], frames[-1], atol=1e-4)
    np.testing.assert_allclose(written[-1], 10 * arrays(made)[0], atol=1e-5)


@pytest.mark.parametrize("constraints", [app.HBonds, app.AllBonds, app.HAngles])
def test_constraints_hold_whatever_the_network_says(constraints):
    made = simulation(egno(constraints), guard="none", constraints=constraints)
    for _ in range(3):
        made.step(LEG)
        before = arrays(made)[0]
        made.step(1)
        after = arrays(made)[0]
        moved = after - after.mean(0) - before + before.mean(0)
        assert np.abs(moved).max() > 1e-3  # nm
        assert worst_constraint_error(after, *system_constraints(made.system)) < 1e-6
    assert made.integrator.statistics.accepted == 3
    assert made.integrator.statistics.worst_constraint_error < 1e-6


def test_the_file_says_when_its_frames_were(tmp_path):
    """One frame a jump, HORIZON intervals after the last; the window is then filled anew."""
    path = tmp_path / "hybrid.h5md"
    made = simulation(egno(), guard="none", md_frames=2)
    with HybridReporter(path, made.integrator) as reporter:
        made.reporters.append(reporter)
        # The first window takes the first frame and two more; later ones the jump's and two more.
        made.step(3 * (2 * STEPS_PER_FRAME + 1))
    frames = universe(path).trajectory
    intervals = np.diff([ts.time for ts in frames]) / FRAME
    np.testing.assert_allclose(intervals, 3 * [1, 1, HORIZON], atol=1e-6)
    origins = [int(ts.data["origin"]) for ts in frames]
    assert origins == [0] + 3 * [0, 0, 1]
    assert made.integrator.statistics.frames == len(frames) == 10
    assert all(ts.data["constraint_error"] < 2e-5 for ts in frames[1:])


def test_a_rejected_jump_is_undone_whole():
    # Turned this far, atoms are on top of each other.
    made = simulation(egno(scale=0.2), guard="energy", energy_threshold=1e-3)
    made.step(LEG)
    before = arrays(made)
    made.step(1)
    np.testing.assert_array_equal(arrays(made), before)
    assert made.integrator.statistics.rejected_energy == 1
    assert made.context.getTime()._value == pytest.approx(LEG * TIME_STEP)


def test_backends_agree():
    pytest.importorskip("openmmtorch")
    made = []
    for name in ("python", "torch"):  # one after the other: Reference has one random stream
        made.append(simulation(egno(), backend=name, guard="none"))
        made[-1].step(3 * CYCLE)
    np.testing.assert_allclose(arrays(made[0])[0], arrays(made[1])[0], atol=1e-5)
