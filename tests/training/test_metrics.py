"""Accuracy against a computation by hand, and its table."""

import json

import numpy as np
import pytest
import torch
from MDAnalysis.analysis import align
from MDAnalysis.lib.distances import calc_dihedrals
from molecules import alkane, perturbed_model, random_walk

from openmm_stegmn.data import WindowSet
from openmm_stegmn.training import Accuracy, accuracy_table, evaluate

BUTANE = alkane(4)


@pytest.fixture(scope="module")
def windows():
    frames = random_walk(BUTANE, 30, width=0.8, rigid=0.5).float()
    return WindowSet.from_trajectories([frames[:15], frames[15:]], history=4)


def superposed(mobile, reference, masses):
    centre = np.average(reference, 0, masses)
    mobile = mobile - np.average(mobile, 0, masses)
    rotation, _ = align.rotation_matrix(mobile, reference - centre, weights=masses)
    return mobile @ rotation.T + centre


def test_nothing_to_average_over():
    ethane = alkane(2, hydrogens=False)
    frames = random_walk(ethane, 12).float()
    model = perturbed_model(ethane, "persistence")
    accuracy = evaluate(model, WindowSet.from_trajectories([frames], history=4))
    assert accuracy.mean_torsion_rmse is None and accuracy.mean_torsion_mae is None
    assert accuracy.position_mse_heavy == pytest.approx(accuracy.position_mse)
    json.dumps(accuracy.as_dict(), allow_nan=False)
    assert "| persistence | – | – |" in accuracy_table({"persistence": accuracy}, model)


@pytest.mark.parametrize("name", ["persistence", "linear-ar", "torsion-linear-ar-full", "stegmn"])
def test_by_hand(windows, name):
    model = perturbed_model(BUTANE, name)
    masses = np.array(BUTANE.masses)
    heavy = np.array(BUTANE.elements) != "H"
    torsion_atoms = model.context.body.torsion_atoms.numpy()
    torsion_errors, deviations = [], []
    for number in range(len(windows)):
        window, target = windows.take(torch.tensor([number]))
        last = window[0, -1].double().numpy()
        with torch.no_grad():
            predicted = model(window)[0, 0].double().numpy()
        target = target[0].double().numpy()
        after, before = (
            calc_dihedrals(*(frame[torsion_atoms[:, i]] for i in range(4)))
            for frame in (predicted, target)
        )
        torsion_errors.append(np.degrees((after - before + np.pi) % (2 * np.pi) - np.pi))
        deviations.append(superposed(predicted, last, masses) - superposed(target, last, masses))
    torsion_errors, deviations = np.array(torsion_errors), np.array(deviations)
    accuracy = evaluate(model, windows)
    near = lambda x: pytest.approx(x, rel=2e-3)  # noqa: E731
    assert accuracy.torsion_rmse == near(np.sqrt((torsion_errors**2).mean(0)).tolist())
    assert accuracy.torsion_mae == near(np.abs(torsion_errors).mean(0).tolist())
    assert accuracy.mean_torsion_rmse == near(np.sqrt((torsion_errors**2).mean()))
    assert accuracy.mean_torsion_mae == near(np.abs(torsion_errors).mean())
    assert accuracy.position_mse == near((deviations**2).mean())
    assert accuracy.position_mse_heavy == near((deviations[:, heavy] ** 2).mean())
    assert accuracy.position_mae == near(np.linalg.norm(deviations, axis=-1).mean())
    assert accuracy.n_windows == len(windows) == 22


def test_batches_make_no_difference(windows):
    model = perturbed_model(BUTANE, "stegmn")
    whole, parts = evaluate(model, windows).as_dict(), evaluate(model, windows, 5).as_dict()
    for name, value in whole.items():
        assert parts[name] == pytest.approx(value, rel=1e-4), name


def test_whole_molecule_motion_is_not_judged():
    frames = random_walk(BUTANE, 10, width=0.0, rigid=2.0)
    accuracy = evaluate(
        perturbed_model(BUTANE, "persistence"), WindowSet.from_trajectories([frames.float()], 4)
    )
    assert accuracy.position_mse < 1e-8
    assert accuracy.mean_torsion_rmse < 1e-2


def test_accuracy_is_plain(windows):
    values = evaluate(perturbed_model(BUTANE, "persistence"), windows).as_dict()
    assert json.loads(json.dumps(values))["n_windows"] == 22


def test_table():
    model = perturbed_model(BUTANE, "persistence", residue_ids=[0] * 7 + [1] * 7)
    accuracy = Accuracy((1.0, 2.25, 3.0), (0.5, 1.0, 1.5), 2.0, 1.0, 0.12345, 0.1, 0.5, 22)
    lines = accuracy_table({"first": accuracy, "second": accuracy}, model).splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [len(row) for row in rows] == [9] * 4
    bonds = model.context.body.torsion_atoms[:, 1:3].tolist()
    assert rows[0] == [
        "model", "torsion RMSE (°)", "torsion MAE (°)",
        *(f"C{j}–C{k} (1)" for j, k in bonds),
        "MSE (Å²)", "heavy atoms", "MAE (Å)",
    ]  # fmt: skip
    assert set(rows[1]) == {"---"}
    assert rows[2] == [
        "first", "2.00", "1.00", "1.00", "2.25", "3.00", "0.1235", "0.1000", "0.5000",
    ]  # fmt: skip
    assert rows[3][0] == "second"
