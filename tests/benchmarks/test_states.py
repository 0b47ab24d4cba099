"""The runner of the benchmarks of states: records, what they measure, tables, and refusals."""

import json
from dataclasses import replace

import pytest
import torch
from motion_arrays import write_motion
from protein_files import write_protein
from small_states import SMALL, moving_molecule, shrink_networks

from openmm_stegmn.benchmarks import (
    NEXT_MODELS,
    PROTOCOLS,
    STATE_MODELS,
    MoleculeSource,
    MotionSource,
    NBodySource,
    NextFrameSettings,
    ProteinSource,
    Record,
    RecordFile,
    RecordsError,
    StateSettings,
    _protein_next,
    _state_job,
    measure_states,
    next_frame_tables,
    run_next_frames,
    run_states,
    state_tables,
)
from openmm_stegmn.benchmarks._protein_next import describe_protein
from openmm_stegmn.data import ChargedParticleSettings, ProteinTrajectory
from openmm_stegmn.models.networks import STATE_NETWORKS, EGNNRollOut


@pytest.fixture(autouse=True)
def small(monkeypatch):
    shrink_networks(monkeypatch)


@pytest.fixture
def nbody(tmp_path):
    source = NBodySource(tmp_path, 20, 10, 12, ChargedParticleSettings(steps_per_frame=2))
    source.make()
    return source


@pytest.fixture
def trained(monkeypatch):
    """Classes of networks that are trained, in that order."""
    names, train = [], _state_job.train_states

    def counting(model, *arguments, **options):
        names.append(type(model).__name__)
        return train(model, *arguments, **options)

    monkeypatch.setattr(_state_job, "train_states", counting)
    return names


def test_protocols_are_the_published_ones(monkeypatch):
    monkeypatch.undo()
    sizes = {name: (p.layers, p.hidden, p.frames) for name, p in PROTOCOLS.items()}
    assert sizes == {
        "nbody": (4, 64, 5), "mocap": (6, 128, 5), "md17-s2s": (5, 64, 8), "md17-s2t": (5, 64, 8),
        "adk": (4, 128, 4),
    }  # fmt: skip
    for protocol in PROTOCOLS.values():
        assert set(protocol.models) <= set(STATE_MODELS)
    assert {model.network for model in STATE_MODELS.values()} == set(STATE_NETWORKS)


def test_every_network_on_charged_particles(nbody):
    records = run_states([nbody], replace(SMALL, epochs=1))
    assert [record.model for record in records] == list(PROTOCOLS["nbody"].models)
    for record in records:
        cls = STATE_MODELS[record.model].cls
        assert record.mse > 0 and record.mae > 0 and record.windows == 20
        assert (record.details["a_mse"] is not None) == cls.gives_trajectory
        assert len(record.details["by_frame"]) == (5 if cls.gives_trajectory else 1)
        assert record.details["epochs"] == (0 if cls.closed_form else 1)


def test_our_ways_of_training(nbody, tmp_path):
    names = (
        "egno", "egno-patient", "egno-still", "egno-one-cycle", "egno-all-windows", "egno-inverse",
        "egnn-inverse", "egno-t2t-inverse",
    )  # fmt: skip
    records = run_states([nbody], replace(SMALL, models=names, epochs=2))
    assert all(record.details["validation"] > 0 for record in records)
    patient, still, cycle, every, *inverse = (record.settings for record in records[1:])
    assert patient["training"]["patience"] is None
    assert patient["config"] == records[0].settings["config"]
    assert still["training"] == records[0].settings["training"] and "every_start" not in still
    assert cycle["training"]["one_cycle"] and every["every_start"]
    for told, network in zip(inverse, ("egno", "egnn", "egno"), strict=True):
        assert told["training"] == every["training"] and told["every_start"]
        assert told["network"] == network and told["config"]["softening"] == 0.1
    motion = MotionSource(write_motion(tmp_path / "m.npz"), 30, 10, 10)
    with pytest.raises(ValueError, match="mocap: where training windows begin is part of"):
        run_states([motion], replace(SMALL, models=names))


def test_every_network_on_motion_capture(tmp_path):
    source = MotionSource(write_motion(tmp_path / "m.npz"), 30, 10, 10)
    records = run_states([source], replace(SMALL, epochs=1))
    assert [record.model for record in records] == list(PROTOCOLS["mocap"].models)
    assert {record.molecule for record in records} == {"m"}


def test_every_network_on_a_molecule():
    for task in ("s2s", "s2t"):
        source = MoleculeSource(moving_molecule(), task, 20, 10, 10)
        records = run_states([source], replace(SMALL, epochs=1))
        assert [record.model for record in records] == list(PROTOCOLS[f"md17-{task}"].models)
        # it flies
        linear = next(record for record in records if record.model == "linear-dynamics")
        assert len(linear.details["by_frame"]) == 8


def test_a_network_that_diverged_has_no_record_and_the_others_have(nbody, monkeypatch, tmp_path):
    train = _state_job.train_states

    def diverging(model, *arguments, **options):
        epochs, validation = train(model, *arguments, **options)
        return epochs, torch.inf if isinstance(model, EGNNRollOut) else validation

    monkeypatch.setattr(_state_job, "train_states", diverging)
    settings = replace(SMALL, models=("egnn-r", "egnn", "linear-dynamics"), seeds=1, epochs=1)
    with pytest.raises(RuntimeError, match="egnn-r, seed 0: .*not finite"):
        run_states([nbody], settings, output=tmp_path / "r.json")
    records = RecordFile(tmp_path / "r.json").records.values()
    assert [record.model for record in records] == ["egnn", "linear-dynamics"]


def test_closed_forms_are_validated_too(nbody):
    settings = replace(SMALL, models=("linear-dynamics",), seeds=1)
    (record,) = run_states([nbody], settings)
    job = _state_job.StateJob(nbody, "linear-dynamics", 0, settings)
    windows = job.windows()
    network = job.build(windows)
    network.fit(*windows["training"].motion(torch.arange(20)))
    validation = measure_states(network, windows["validation"])
    assert record.details["validation"] == pytest.approx(validation.final)


def test_networks_that_are_drawn_to_the_mean_structure():
    source = MoleculeSource(moving_molecule(), "s2s", 20, 10, 10)
    names = ("egno-mean-reversion", "egno-mean-reversion-alike")
    settings = replace(SMALL, models=names, seeds=1, epochs=1)
    records = run_states([source], settings)
    for record in records:
        assert record.settings["network"] == "mean-reversion"
        assert record.settings["config"]["network"] == "egno"
        assert record.details["epochs"] == 1 and record.details["a_mse"] > 0
    # without features of each atom, and without what reads them
    known, alike = (record.details["parameters"] for record in records)
    assert known > alike


def test_every_network_on_a_protein(tmp_path):
    write_protein(tmp_path, n_frames=80)
    source = ProteinSource(tmp_path / "p.pqr", (tmp_path / "p.dcd",), reach=7, radius=5.0)
    records = run_states([source], replace(SMALL, epochs=1))
    assert [record.model for record in records] == list(PROTOCOLS["adk"].models)
    assert {record.data for record in records} == {"p, 10 ps"}


def test_the_next_frame_of_a_protein(tmp_path, monkeypatch):
    frames = torch.from_numpy(write_protein(tmp_path, n_frames=80))
    source = ProteinSource(tmp_path / "p.pqr", (tmp_path / "p.dcd",), reach=1)
    small = {"st-egnn": {"hidden": 8, "layers": 1, "superposed": False}}
    for name in ("stegmn", "stegmn-paper"):
        small[name] = {"hidden": 8}
    for name, config in small.items():
        monkeypatch.setitem(_protein_next._CONFIGS, name, config)
    settings = NextFrameSettings(seeds=1, steps=1, batch_size=4, device="cpu")
    output = tmp_path / "r.json"
    records = run_next_frames(source, settings, output=output)
    assert [record.model for record in records] == list(NEXT_MODELS)
    two = replace(settings, seeds=2, models=("linear-ar", "st-egnn"))
    again = run_next_frames(source, two, output=output)
    # least squares needs no seeds
    assert [(r.model, r.seed) for r in again] == [("linear-ar", 0), ("st-egnn", 0), ("st-egnn", 1)]
    assert again[0] == records[2] and again[1].mse != again[2].mse
    backbone = frames.unflatten(1, (6, 5))[:, :, :4].flatten(1, 2).double()
    # 47 and 16 of the 79 frames that have a velocity are for training and validation
    first = 47 + 16
    deviation = backbone[first:79] - backbone[first + 1 : 80]
    still = records[0]
    assert still.mse == pytest.approx(deviation.square().mean().item(), rel=1e-6)
    assert still.mae == pytest.approx(deviation.abs().mean().item(), rel=1e-6)
    assert still.windows == 47 - 9
    (table,) = next_frame_tables(records)
    assert [row[0] for row in table.rows] == list(NEXT_MODELS)
    assert table.rows[-2][2] == "1.582" and table.rows[-3][4] == "0.77"
    with pytest.raises(RecordsError, match="training"):
        run_next_frames(source, replace(two, steps=3), output=output)


def test_atoms_that_are_none_of_a_protein():
    protein = ProteinTrajectory(
        torch.zeros(2, 2, 3), torch.zeros(2), (), ("CA", "ZN"), ("ALA", "ZN"), (0, 1), 10.0, "p"
    )
    with pytest.raises(ValueError, match="names begin with Z are none of a protein"):
        describe_protein(protein)
    described = describe_protein(replace(protein, names=("CA", "1HB")))
    assert described["elements"] == ("C", "H")
    assert described["masses"] == pytest.approx((12.011, 1.008), rel=1e-3)


def test_next_frame_settings():
    with pytest.raises(ValueError, match="models: egon not known; there are: .*stegmn"):
        NextFrameSettings(models=("egon",))
    with pytest.raises(ValueError, match="steps must be positive"):
        NextFrameSettings(steps=0)


def test_errors_by_hand(nbody):
    windows = nbody.windows(0, (0,), (4, 10))["test"]

    class Still(torch.nn.Module):
        def forward(self, x, v, h, graph):
            return x.expand(-1, 2, -1, -1), v

    errors = measure_states(Still(), windows, batch_size=5)
    states, following = windows.take(torch.arange(12))
    deviation = (states.positions - following).double()
    by_frame = deviation.square().mean((0, 2, 3))
    assert errors.by_frame == pytest.approx(by_frame.tolist(), rel=1e-6)
    assert errors.final == pytest.approx(by_frame[1].item(), rel=1e-6)
    assert errors.mean == pytest.approx(by_frame.mean().item(), rel=1e-6)
    assert errors.absolute == pytest.approx(deviation[:, 1].abs().mean().item(), rel=1e-6)


def test_decoding(nbody):
    settings = replace(SMALL, models=("egno", "egno-l", "egno-t2t", "egnn"), decode=(2, 10))
    records = {record.model: record for record in run_states([nbody], settings)}
    for name in ("egno", "egno-l"):
        decoded = records[name].details["decoded"]
        assert len(decoded["10"]["by_frame"]) == 10 and len(decoded["2"]["by_frame"]) == 2
    assert "decoded" not in records["egno-t2t"].details | records["egnn"].details
    (table,) = state_tables(records.values())
    row = next(row for row in table.rows if row[0] == "egno")
    place = table.head.index("A-MSE of 10 frames")
    mean = records["egno"].details["decoded"]["10"]["mean"]
    assert float(row[place]) == pytest.approx(mean, rel=0.01)


def test_seeds_repeat(nbody):
    settings = replace(SMALL, models=("egno",), seeds=2)
    first, again = (run_states([nbody], settings) for _ in range(2))
    assert [record.mse for record in first] == [record.mse for record in again]
    assert first[0].mse != first[1].mse


def test_random_state_is_left_alone(nbody):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    run_states([nbody], replace(SMALL, models=("egnn",)))
    assert torch.equal(torch.rand(1), expected)


def test_resumes(nbody, tmp_path, trained):
    output = tmp_path / "r.json"
    settings = replace(SMALL, models=("egnn", "linear-dynamics", "egno"), seeds=2, epochs=1)

    def progress(description, done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_states([nbody], settings, output=output, progress=progress)
    assert len(json.loads(output.read_text())) == 4
    trained.clear()
    whole = run_states([nbody], settings, output=output)
    assert trained == ["LinearDynamics", "EGNO"] and len(whole) == 6
    trained.clear()
    assert run_states([nbody], settings, output=output) == whole and trained == []
    run_states([nbody], settings, output=output, overwrite=True)
    assert len(trained) == 6


def test_records_of_other_settings_are_not_taken_for_these(nbody, tmp_path):
    output, settings = tmp_path / "r.json", replace(SMALL, models=("egnn",), epochs=1)
    run_states([nbody], settings, output=output)
    with pytest.raises(RecordsError, match="training .*'epochs': 1"):
        run_states([nbody], replace(settings, epochs=2), output=output)
    with pytest.raises(RecordsError, match="test_windows 12, now 11"):
        run_states([replace(nbody, test=11)], settings, output=output)
    run_states([replace(nbody, training=15)], settings, output=output)
    assert {v["windows"] for v in json.loads(output.read_text())} == {15, 20}


def test_refused_before_anything_is_trained(nbody, tmp_path, trained):
    with pytest.raises(ValueError, match="linear-dynamics for nbody: 11 frames: nbody looks 10"):
        run_states([nbody], replace(SMALL, models=("linear-dynamics", "egnn"), frames=11))
    motion = MotionSource(write_motion(tmp_path / "m.npz"), 30, 10, 10)
    with pytest.raises(ValueError, match="egno-t2t for mocap: .*only one state"):
        run_states([motion], replace(SMALL, models=("egnn", "egno-t2t")))
    assert trained == []


def test_predictions_that_are_not_finite(nbody, monkeypatch, tmp_path):
    def diverged(model, *arguments, **options):
        torch.nn.init.constant_(next(model.parameters()), torch.nan)
        return 1, 0.1

    monkeypatch.setattr(_state_job, "train_states", diverged)
    with pytest.raises(RuntimeError, match="nbody, charged particles, egnn, seed 0.*not finite"):
        run_states([nbody], replace(SMALL, models=("egnn",)), output=tmp_path / "r.json")
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"models": ("egnn", "engo")}, "models: engo not known; there are: .*egno"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"epochs": 0}, "epochs must be positive"),
        ({"decode": (0,)}, "decode must be at least 1"),
        ({"device": "tpu"}, "'tpu'"),
    ],
)
def test_settings(changes, found):
    with pytest.raises(ValueError, match=found):
        StateSettings(**changes)


def test_bad_counts(tmp_path):
    with pytest.raises(ValueError, match="validation must be at least 1"):
        NBodySource(tmp_path, validation=0)


def record(benchmark, molecule, model, seed, mse, mean, windows=3000, data="D"):
    details = {"a_mse": mean, "epochs": 100, "by_frame": []}
    return Record(
        benchmark, data, molecule, model, seed, "all", windows, mse, 0.1, 60.0, {"frames": 5},
        details,
    )  # fmt: skip


def test_table_of_charged_particles():
    records = [
        record("nbody", "charged particles", "egno", 1, 0.0056, 0.0024),
        record("nbody", "charged particles", "egnn", 0, 0.0071, None),
        record("nbody", "charged particles", "egno", 0, 0.0052, 0.0020),
        record("nbody", "charged particles", "egno", 0, 0.0030, 0.0010, windows=10_000),
    ]
    table, other = state_tables(records)
    assert "3,000 training windows" in table.title and "2 seeds" in table.title
    assert table.head[1:5] == ["F-MSE", "published", "A-MSE", "published"]
    assert table.rows == [
        ["egnn", "0.00710", "0.0071", "–", "–", "100", "1.0"],
        ["egno", "0.00540 ± 0.00028", "0.0054", "0.00220 ± 0.00028", "0.0022", "100", "1.0"],
    ]
    assert other.rows[0][:3] == ["egno", "0.00300", "0.0036"]


def test_table_of_motion_capture():
    (table,) = state_tables([record("mocap", "walking", "egno", 0, 0.08, 0.03)], "walk")
    assert table.head[1] == "F-MSE (10⁻²)" and table.rows[0][1:5] == ["8.00", "8.1", "3.00", "3.5"]
    (table,) = state_tables([record("mocap", "running", "egno", 0, 0.08, 0.03)], "run")
    assert table.rows[0][2] == "33.9"


def test_tables_of_molecules():
    records = [
        record("md17-s2s", "ethanol", "egnn", 0, 0.05, None),
        record("md17-s2s", "uracil", "egno", 0, 0.005, 0.004),
        record("md17-s2s", "ethanol", "gmn", 0, 0.04, None),
    ]
    final, mean = state_tables(records)
    assert final.head == ["model", "ethanol", "uracil"]
    assert final.rows == [
        ["egnn", "5.00", "–"], ["egnn, published", "4.64", "–"], ["gmn", "4.00", "–"],
        ["egno", "–", "0.500"], ["egno, published", "–", "0.52"],
    ]  # fmt: skip
    assert mean.rows == [["egno", "–", "0.400"], ["egno, published", "–", "0.47"]]
    assert "A-MSE (10⁻² Å²)" in mean.title
