"""The runner of ``md17``: what it measures, what it refuses, and that it resumes."""

import json
from dataclasses import replace

import pytest
import torch
from vibrations import write_md17

from openmm_stegmn.benchmarks import (
    FLOOR,
    MD17Settings,
    MissingDataError,
    RecordFile,
    RecordsError,
    _md17_job,
    _seeded_training,
    run_md17,
)
from openmm_stegmn.data import MD17_MOLECULES, read_md17, split_windows

LINEAR = ("persistence", "linear", "linear-ar", "linear-ar-full")
SMALL = MD17Settings(
    molecules=("ethanol",), models=LINEAR, seeds=2, windows=300, validation=100, test=200,
    device="cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("md17")
    write_md17(folder / "ethanol.npz", "ethanol", 60 * 125)
    return folder


@pytest.fixture(scope="module")
def records(folder):
    return run_md17(folder, SMALL)


@pytest.fixture
def trained(monkeypatch):
    """Architectures that are trained, in that order."""
    names, train = [], _seeded_training.train

    def counting(model, *arguments, **options):
        names.append(model.spec.architecture)
        return train(model, *arguments, **options)

    monkeypatch.setattr(_seeded_training, "train", counting)
    return names


def test_defaults_are_the_published_protocol():
    settings = MD17Settings()
    assert settings.molecules == MD17_MOLECULES and len(settings.molecules) == 8
    assert (settings.windows, settings.validation, settings.test) == (500, 2000, 2000)
    assert settings.atoms == "heavy"


def test_a_record_for_each_model_and_seed_and_the_floor(records):
    found = [(record.seed, record.model) for record in records]
    assert found == [(seed, name) for seed in (0, 1) for name in (*LINEAR, FLOOR)]
    assert {record.data for record in records} == {"MD17"}
    assert {record.molecule for record in records} == {"ethanol"}


def test_persistence_by_hand(folder, records):
    trajectory = read_md17(folder / "ethanol.npz", "ethanol").heavy_atoms()
    test = split_windows(trajectory, training=300, validation=100, test=200, seed=1)["test"]
    window, target = test.take(slice(None))
    deviation = (window[:, -1] - target).double()
    found = next(r for r in records if (r.model, r.seed) == ("persistence", 1))
    assert found.mse == pytest.approx(deviation.square().mean().item())
    assert found.mae == pytest.approx(deviation.abs().mean().item())


def test_harmonic_motion_is_learned_by_linear_rules(records):
    mse = {record.model: record.mse for record in records if record.seed == 0}
    # noise of 1e-4 Å is all that four modes and ten frames leave
    assert mse["linear-ar-full"] < 1e-6 < 1e-5 < mse["persistence"]
    assert mse["linear-ar"] < mse["persistence"]
    assert 0 < mse[FLOOR] < mse["persistence"]


def test_validation_windows_choose_the_weights(folder, monkeypatch):
    given, train = [], _seeded_training.train

    def watching(model, windows, config, *, validation, **options):
        given.append((windows, validation))
        return train(model, windows, config, validation=validation, **options)

    monkeypatch.setattr(_seeded_training, "train", watching)
    run_md17(folder, replace(SMALL, models=("linear-ar",), seeds=1))
    trajectory = read_md17(folder / "ethanol.npz", "ethanol").heavy_atoms()
    sets = split_windows(trajectory, training=300, validation=100, test=200, seed=0)
    for found, name in zip(given[0], ("training", "validation"), strict=True):
        assert torch.equal(found.starts, sets[name].starts)


def test_linear_models_do_not_superpose(records):
    for record in records:
        if record.model.startswith("linear"):
            assert record.settings["config"] == {"superposed": False}


def test_seeds_differ_and_repeat(folder, records):
    first, second = ([record.mse for record in records if record.seed == seed] for seed in (0, 1))
    assert all(a != b for a, b in zip(first, second, strict=True))
    again = run_md17(folder, SMALL)
    assert [record.mse for record in again] == [record.mse for record in records]


def test_seed_sets_the_initial_weights(folder, monkeypatch):
    weights = []

    def untrained(model, *arguments, **options):
        if model.spec.architecture == "stegmn-paper":
            weights.append(torch.nn.utils.parameters_to_vector(model.parameters()).detach())
        return model

    monkeypatch.setattr(_seeded_training, "train", untrained)
    for models in (("stegmn-paper",), ("linear", "stegmn-paper")):
        run_md17(folder, replace(SMALL, models=models))
    first, second, again, _ = weights
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_hydrogens_as_input(folder, records):
    everything = run_md17(folder, replace(SMALL, atoms="all"))
    heavy = {(r.model, r.seed): r for r in records}
    for record in everything:
        assert record.atoms == "all"
        assert record.details["mse_all_atoms"] > 0
        if record.model in ("persistence", "linear"):
            # nothing is learned: heavy atoms move the same whatever else is there
            assert record.mse == pytest.approx(heavy[record.model, record.seed].mse, rel=1e-4)
            assert record.details["mse_all_atoms"] != pytest.approx(record.mse, rel=1e-3)


def test_resumes(folder, tmp_path, trained):
    output = tmp_path / "results.json"

    def progress(description, done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_md17(folder, SMALL, output=output, progress=progress)
    assert len(json.loads(output.read_text())) == 6
    assert trained == [*LINEAR, "persistence"]
    trained.clear()
    reports = []
    whole = run_md17(folder, SMALL, output=output, progress=lambda *r: reports.append(r))
    assert trained == list(LINEAR[1:])
    assert reports[0] == ("ethanol, linear, seed 1", 6, 10)
    assert reports[-1] == ("done", 10, 10)
    assert len(json.loads(output.read_text())) == len(whole) == 10
    trained.clear()
    assert run_md17(folder, SMALL, output=output) == whole
    assert trained == []
    run_md17(folder, SMALL, output=output, overwrite=True)
    assert trained == 2 * list(LINEAR)


def test_records_of_other_data_are_not_taken_for_these(folder, tmp_path):
    output, small = tmp_path / "results.json", replace(SMALL, models=("persistence",))
    run_md17(folder, small, output=output)
    write_md17(tmp_path / "ethanol.npz", "ethanol", 60 * 126)
    with pytest.raises(RecordsError, match="data_sha256"):
        run_md17(tmp_path, small, output=output)
    with pytest.raises(RecordsError, match="test_windows 200, now 150"):
        run_md17(folder, replace(small, test=150), output=output)


def test_other_numbers_of_windows_share_a_file(folder, tmp_path):
    output, small = tmp_path / "results.json", replace(SMALL, models=("linear-ar",), seeds=1)
    run_md17(folder, small, output=output)
    run_md17(folder, replace(small, windows=400), output=output)
    run_md17(folder, replace(small, atoms="all"), output=output)
    values = json.loads(output.read_text())
    assert sorted({(v["windows"], v["atoms"]) for v in values}) == [
        (300, "all"), (300, "heavy"), (400, "heavy"),
    ]  # fmt: skip


def test_global_random_state_is_left_alone(folder):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    run_md17(folder, replace(SMALL, models=("linear-ar",), seeds=1))
    assert torch.equal(torch.rand(1), expected)


def test_predictions_that_are_not_finite(folder, monkeypatch, tmp_path):
    def diverged(model, *arguments, **options):
        model.weights.fill_(torch.nan)
        return model

    monkeypatch.setattr(_seeded_training, "train", diverged)
    with pytest.raises(RuntimeError, match="linear-ar for ethanol, seed 0.*not finite"):
        run_md17(folder, replace(SMALL, models=("linear-ar",)), output=tmp_path / "r.json")
    models = {record.model for record in RecordFile(tmp_path / "r.json").records.values()}
    assert models and "linear-ar" not in models  # the others are kept


def test_missing_data(tmp_path):
    with pytest.raises(MissingDataError) as caught:
        run_md17(tmp_path, replace(SMALL, molecules=("ethanol", "uracil")))
    for word in ("ethanol.npz", "uracil.npz", "--data", "--generate"):
        assert word in str(caught.value)


def test_refused_before_anything_is_trained(folder, tmp_path, trained):
    with pytest.raises(ValueError, match="no model named 'sgetmn'; there are: .*stegmn"):
        run_md17(folder, replace(SMALL, models=("persistence", "sgetmn")))
    with pytest.raises(ValueError, match=r"ethanol \(MD17, ethanol.npz\): found .* for training"):
        run_md17(folder, replace(SMALL, windows=50_000))
    write_md17(
        tmp_path / "ethanol.npz", "ethanol", 60 * 125,
        metadata=json.dumps({"method": "GFN2-xTB", "time_step": 1.0}),
    )  # fmt: skip
    with pytest.raises(ValueError, match="time step of 1.0 fs"):
        run_md17(tmp_path, SMALL)
    assert trained == []


def test_a_model_that_does_not_take_the_molecule(folder, trained, monkeypatch):
    monkeypatch.setattr(_md17_job, "model_config", lambda model: {"colour": 1})
    with pytest.raises(ValueError, match="linear for ethanol: .*colour"):
        run_md17(folder, replace(SMALL, models=("linear",)))
    assert trained == []


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"molecules": ("water",)}, "no molecule named 'water'"),
        ({"molecules": ()}, "no molecules"),
        ({"models": ()}, "no models"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"windows": 0}, "windows must be at least 1"),
        ({"atoms": "backbone"}, "'backbone'"),
        ({"device": "tpu"}, "'tpu'"),
    ],
)
def test_settings(changes, found):
    with pytest.raises(ValueError, match=found):
        MD17Settings(**changes)


def test_names_are_taken_once():
    settings = MD17Settings(molecules=("salicylic", "ethanol", "salicylic-acid"), models=("a", "a"))
    assert settings.molecules == ("salicylic-acid", "ethanol")
    assert settings.models == ("a",)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_device():
    with pytest.raises(ValueError, match="no CUDA device"):
        MD17Settings(device="cuda")
