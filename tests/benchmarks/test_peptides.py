"""The benchmark ``peptides``, on trajectories of picoseconds."""

import json
import pickle

import pytest
import torch

from openmm_stegmn.benchmarks import (
    CLOSEST_TURNS,
    NOISE_FLOOR,
    TRUE_TORSIONS,
    EnergyMeter,
    PeptideDynamics,
    PeptideSettings,
    peptide_system,
    peptide_tables,
    run_peptides,
)
from openmm_stegmn.benchmarks._peptides_job import PeptideJob

ALANINE = "alanine-dipeptide"
MODELS = (
    "persistence", "linear", "linear-ar", "torsion-linear-ar", "stegmn", "stegmn-elastic",
    "stegmn-cartesian",
)  # fmt: skip


def settings(**changes):
    values = {
        "molecules": (ALANINE,), "models": MODELS, "intervals": (0.1, 0.2), "history": 3,
        "test": 30, "validation": 20, "energies": 10, "steps": 2, "batch_size": 4, "device": "cpu",
        "dynamics": PeptideDynamics(
            replicas=3, length=6, equilibration=0.5, states=3, repeats=3
        ),
    }  # fmt: skip
    return PeptideSettings(**values | changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("peptides")


@pytest.fixture(scope="module")
def records(folder):
    return run_peptides(folder / "data", settings(), output=folder / "records.json")


def test_a_record_for_each(records):
    cases = [(r.settings["interval_ps"], r.model, r.seed) for r in records]
    names = (NOISE_FLOOR, TRUE_TORSIONS, CLOSEST_TURNS, *MODELS)
    assert cases == [(interval, name, 0) for interval in (0.1, 0.2) for name in names]
    by_name = {r.model: r for r in records if r.settings["interval_ps"] == 0.2}
    for name in MODELS:
        record = by_name[name]
        assert record.mse > 0 and record.mae > 0 and record.windows == 54
        assert record.details["torsion_rmse"] >= record.details["torsion_mae"] > 0
        assert 0 <= record.details["energy_below_10kT"] <= 1
        assert record.settings["test_windows"] == 30
        assert record.data == "ff14SB, OBC2, 0.2 ps"
    kinematics = {name: by_name[name].details["kinematics"] for name in MODELS}
    assert kinematics["stegmn"] == kinematics["torsion-linear-ar"] == "articulated"
    assert kinematics["stegmn-elastic"] == "elastic"
    assert kinematics["stegmn-cartesian"] == kinematics["linear-ar"] == "cartesian"
    floor = by_name[NOISE_FLOOR].details
    assert (floor["n_states"], floor["n_repeats"]) == (3, 3)
    assert by_name[NOISE_FLOOR].mse < by_name["persistence"].mse
    assert by_name[CLOSEST_TURNS].mse < by_name[TRUE_TORSIONS].mse < by_name["persistence"].mse
    assert by_name[TRUE_TORSIONS].details["torsion_rmse"] == pytest.approx(0.0, abs=1e-4)


def test_energies_of_what_is_known(records):
    """The last frame again rises by nothing, and no atom can go on as it went."""
    by_name = {r.model: r.details for r in records if r.settings["interval_ps"] == 0.1}
    assert by_name["persistence"]["energy_median"] == pytest.approx(0.0, abs=1e-3)
    assert by_name["persistence"]["energy_below_10kT"] == 1.0
    assert by_name[TRUE_TORSIONS]["energy_below_10kT"] > 0.8
    assert by_name["linear"]["energy_median"] > 100


def test_records_are_not_made_again(folder, records, monkeypatch):
    path = folder / "records.json"
    assert len(json.loads(path.read_text())) == len(records)
    monkeypatch.setattr("openmm_stegmn.benchmarks._seeded_training.train", None)
    again = run_peptides(folder / "data", settings(), output=path)
    assert [r.key for r in again] == [r.key for r in records]
    fewer = run_peptides(
        folder / "data", settings(models=("linear",), intervals=(0.2,)), output=path
    )
    assert [r.model for r in fewer] == [NOISE_FLOOR, TRUE_TORSIONS, CLOSEST_TURNS, "linear"]
    with pytest.raises(ValueError, match="made with other settings: training .*'steps': 2"):
        run_peptides(folder / "data", settings(steps=3), output=path)


def test_the_number_of_processes_changes_no_record(folder, records):
    chosen = settings(models=("stegmn",), intervals=(0.2,))
    found = run_peptides(folder / "data", chosen, processes=2)
    one = {record.key: record for record in records}
    for record in found:
        expected = one[record.key]
        assert (record.mse, record.mae) == (expected.mse, expected.mae)
        assert record.settings == expected.settings
        assert record.details == expected.details | {"processes": 2}


def test_jobs_are_small(folder):
    job = PeptideJob(folder / "data", ALANINE, 0.1, "stegmn", 0, settings())
    assert job.key[-1] == 57
    assert len(pickle.dumps(job)) < 2000


def test_seeds(folder, monkeypatch):
    """What is trained gives a record for each seed, the others one."""
    # After two steps the weights before training may still do best, the same for each seed.
    monkeypatch.setattr("openmm_stegmn.training._best.KeepBest.restore", lambda *_: None)
    chosen = settings(models=("persistence", "stegmn"), intervals=(0.1,), seeds=2)
    found = run_peptides(folder / "data", chosen)
    assert [(r.model, r.seed) for r in found] == [
        (NOISE_FLOOR, 0), (TRUE_TORSIONS, 0), (CLOSEST_TURNS, 0), ("persistence", 0),
        ("stegmn", 0), ("stegmn", 1),
    ]  # fmt: skip
    assert found[-1].mse != found[-2].mse
    (table,) = peptide_tables(found)
    row = next(row for row in table.rows if row[0] == "stegmn")
    assert " ± " in row[1]


def test_tables(records):
    tables = peptide_tables(records)
    assert len(tables) == 2
    assert tables[0].title.startswith(f"{ALANINE}, ff14SB, OBC2, 0.1 ps: 57 training windows")
    assert "3 states × 3 repeats" in tables[0].title
    assert all(len(row) == len(tables[0].head) for row in tables[0].rows)
    rows = {row[0]: row for row in tables[0].rows}
    by_name = {r.model: r for r in records if r.settings["interval_ps"] == 0.1}
    floor, stegmn = by_name[NOISE_FLOOR], by_name["stegmn"]
    assert rows["stegmn"][3] == f"{stegmn.mse:.4f}"
    assert rows["stegmn"][4] == f"{stegmn.mse / floor.mse:.2f}"
    assert rows[NOISE_FLOOR][1].endswith(f" ± {floor.details['torsion_rmse_error']:.2f}")
    baselines = ("persistence", "linear", "linear-ar", "torsion-linear-ar")
    best = min(baselines, key=lambda name: by_name[name].mse)
    change = stegmn.mse / by_name[best].mse - 1
    assert rows["stegmn against the best baseline"][3] == f"{change:+.1%} ({best})"


def test_frames_without_an_energy():
    """Atoms on top of each other, or nowhere: no energy, and not below any threshold."""
    molecule = peptide_system(ALANINE)
    frame = torch.from_numpy(10 * molecule.positions)
    broken, nowhere = frame.clone(), frame.clone()
    broken[:] = 0.0
    nowhere[3] = float("nan")
    before = frame.expand(3, -1, -1)
    rise = EnergyMeter(molecule.system).rise(before, torch.stack([broken, nowhere, frame]), 300.0)
    assert rise.energy_median is None
    assert rise.energy_below_10kT == pytest.approx(1 / 3)


def test_lengths_are_restored_before_the_energy_is_taken():
    """Both ends of a stretched bond move back along it, the light one more."""
    molecule = peptide_system(ALANINE)
    frame = torch.from_numpy(10 * molecule.positions)
    atoms = [(atom.residue.name, atom.name) for atom in molecule.topology.atoms()]
    n, h = atoms.index(("ALA", "N")), atoms.index(("ALA", "H"))
    stretch = 0.3 * (frame[h] - frame[n])
    stretched, restored = frame.clone(), frame.clone()
    stretched[h] += stretch
    share = 1.008 / (1.008 + 14.01)
    restored[h] += share * stretch
    restored[n] += share * stretch
    meter = EnergyMeter(molecule.system)
    rises = [meter.rise(frame[None], f[None], 300.0).energy_median for f in (stretched, restored)]
    assert rises[0] == pytest.approx(rises[1], abs=0.01)
    assert rises[0] > 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"molecules": ("alanine",)}, "molecules: alanine not known; there are: alanine-dipeptide"),
        ({"models": ("stegmn", "magic")}, "models: magic not known; there are: persistence"),
        ({"models": ()}, "no models given"),
        ({"intervals": (0.25,)}, "interval of 0.25 ps is no multiple of the 0.1 ps"),
        ({"intervals": (0.0,)}, "interval must be positive, got 0 ps"),
        ({"intervals": (float("inf"),)}, "interval must be positive, got inf ps"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"device": "tpu"}, "device must be 'auto', 'cpu' or 'cuda', got 'tpu'"),
        ({"steps": 0}, "steps must be positive, got 0"),
        ({"history": 0}, "history must be at least 1"),
    ],
)
def test_settings_that_make_no_sense(changes, message):
    with pytest.raises(ValueError, match=message):
        settings(**changes)


def test_a_history_that_a_model_does_not_take(folder):
    with pytest.raises(ValueError, match="linear for alanine-dipeptide: .*history"):
        run_peptides(folder / "none", settings(models=("linear",), history=1))
    assert not (folder / "none").exists()


def test_replicas_that_are_too_short(folder):
    with pytest.raises(ValueError, match="need 101 frames; the longest trajectory has 60"):
        run_peptides(folder / "data", settings(intervals=(0.2,), history=50))
