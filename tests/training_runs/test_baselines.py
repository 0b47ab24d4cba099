"""Whether a model is worth using: what it is compared with, and what is said."""

import dataclasses

import pytest
import torch
from molecules import alkane, random_walk, toluene

from openmm_stegmn.data import Trajectory, hold_out
from openmm_stegmn.models import build_model
from openmm_stegmn.training import Accuracy, TrainingConfig, evaluate, train
from openmm_stegmn.training_runs._baselines import baselines, compare, fit_baselines, verdict

MOLECULE = alkane(5, hydrogens=False)
POSITIONS = ["persistence", "linear", "linear-ar", "linear-ar-full"]


def accuracy(torsions, positions):
    return Accuracy((), (), torsions, torsions, positions, positions, positions, 9)


def test_which_baselines_there_are():
    spec = MOLECULE.spec()
    torsions = ["torsion-linear", "torsion-linear-ar", "torsion-linear-ar-full"]
    assert baselines(spec, 2) == POSITIONS + torsions
    assert baselines(spec, 0) == POSITIONS
    assert baselines(dataclasses.replace(spec, history=1), 2) == ["persistence"]
    long = dataclasses.replace(spec, history=1000)  # all atoms would take hours
    assert baselines(long, 0) == POSITIONS[:-1]


def test_all_are_measured_on_the_same_windows():
    trajectories = [
        Trajectory(random_walk(MOLECULE, 60, seed=s).float(), 0.5, "") for s in range(3)
    ]
    windows = hold_out(trajectories, 2)
    model = train(build_model(MOLECULE.spec("torsion-linear-ar", history=2)), windows["training"])
    fitted = fit_baselines(model, windows["training"], TrainingConfig(), "cpu")
    found = compare(model, fitted, windows["test"], "cpu")
    assert list(found) == [
        *POSITIONS, "torsion-linear", "torsion-linear-ar-full", "torsion-linear-ar"
    ]  # fmt: skip
    assert found["torsion-linear-ar"] == evaluate(model, windows["test"])
    still = build_model(MOLECULE.spec("persistence", history=2))
    assert found["persistence"] == evaluate(still, windows["test"])
    # Fitted, on the training windows
    full = build_model(MOLECULE.spec("linear-ar-full", history=2))
    with torch.no_grad():
        assert evaluate(full, windows["test"]) != found["linear-ar-full"]


@pytest.mark.parametrize(
    ("own", "found"),
    [
        (8.0, r"torsion RMSE 8° .* 20 % below the best baseline \(linear-ar, 10°\): it predicts"),
        (9.95, r"no better than linear-ar \(10°\): not worth using"),
        (11.0, r"torsion RMSE 11° .*, no better than linear-ar \(10°\): not worth using"),
    ],
)
def test_torsions_decide_where_bonds_turn(own, found):
    model = build_model(MOLECULE.spec("torsion-linear", history=2))
    errors = {
        "persistence": accuracy(20, 0.01), "linear-ar": accuracy(10, 0.04),
        "torsion-linear": accuracy(own, 9.0),
    }  # fmt: skip
    with_match(verdict(model, errors), found)


def test_a_baseline_that_is_nearer_in_positions_is_named():
    model = build_model(MOLECULE.spec("torsion-linear", history=2))
    errors = {"linear-ar": accuracy(10, 0.04), "torsion-linear": accuracy(5, 0.05)}
    with_match(verdict(model, errors), "though in positions linear-ar is nearer")
    errors["torsion-linear"] = accuracy(5, 0.03)
    assert "nearer" not in verdict(model, errors)


def test_positions_decide_where_none_do():
    model = build_model(MOLECULE.spec("linear", history=2))
    errors = {"persistence": accuracy(1, 0.04), "linear": accuracy(9, 0.01)}
    with_match(verdict(model, errors), r"position RMSE 0.1 Å .* 50 % below .*persistence, 0.2 Å")
    rigid = build_model(dataclasses.replace(toluene().spec("persistence"), bonds=((0, 1),)))
    nothing = {"persistence": accuracy(float("nan"), 0.04)}
    with_match(verdict(rigid, nothing), "no better than persistence .*: not worth using")


def with_match(text, found):
    __tracebackhide__ = True
    with pytest.raises(ValueError, match=found):
        raise ValueError(text)
