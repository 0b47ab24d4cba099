"""The benchmark ``sampling`` with models that it trains itself, on a few frames."""

import dataclasses
import json

import pytest

from openmm_stegmn.benchmarks import (
    SAMPLING_MOLECULES,
    ProposalJob,
    RecordsError,
    SamplingSettings,
    _sampling,
    _sampling_data,
    reference_angles,
    run_sampling,
    sampling_tables,
)
from openmm_stegmn.benchmarks._backbone import Backbone
from openmm_stegmn.benchmarks._sampling_molecules import sampled_system, untrained_model
from openmm_stegmn.benchmarks._sampling_runs import TorsionReader
from openmm_stegmn.models import load_model

SMALL = SamplingSettings(
    molecules=("tetraalanine",), seeds=1, seconds=0.5, tries=2, platform="Reference",
    reference_ns=0.015, replicas=1, training_ns=0.004, steps=2, device="cpu",
)  # fmt: skip


@pytest.fixture
def short(monkeypatch):
    """Replicas of 4 ps, hardly equilibrated."""
    for module in (_sampling, _sampling_data):
        monkeypatch.setattr(module, "_EQUILIBRATION", 0.2)
    about = dataclasses.replace(
        SAMPLING_MOLECULES["tetraalanine"], turned=0.5, batch_size=8, replica_ns=0.004
    )
    monkeypatch.setitem(SAMPLING_MOLECULES, "tetraalanine", about)


@pytest.mark.filterwarnings("ignore")  # of series as short as these
def test_trains_what_is_not_packaged(short, tmp_path):
    records = run_sampling(tmp_path, SMALL, output=tmp_path / "records.json")
    assert [(r.benchmark, r.model) for r in records] == [
        ("proposal", "exact jumps"), ("proposal", "exact jumps, blocks of 6"),
        ("sampling", "plain MD"), ("sampling", "exact jumps"),
        ("sampling", "exact jumps, blocks of 6"),
    ]  # fmt: skip
    trained = records[:2]
    models = [load_model(tmp_path / "tetraalanine" / r.details["model"]) for r in trained]
    assert [model.block for model in models] == [None, 6]
    assert [model.sha256 for model in models] == [r.details["model_sha256"] for r in trained]
    assert models[0].spec.provenance["nanoseconds"] == trained[0].details["nanoseconds"] == 0.004
    assert all(r.details["attempted"] > 0 for r in records[3:])
    assert [r.settings["model_sha256"] for r in records[3:]] == [m.sha256 for m in models]
    tables = sampling_tables(records)
    assert [len(table.rows) for table in tables] == [2, 5]
    assert all(len(row) == len(table.head) for table in tables for row in table.rows)

    # Models that are there need no frames.
    for path in (tmp_path / "tetraalanine").glob("training-*.npz"):
        path.unlink()
    run_sampling(tmp_path, SMALL, output=tmp_path / "records.json", prepare_only=True)
    assert not list((tmp_path / "tetraalanine").glob("training-*.npz"))
    # A model that is lost is trained again; the others are not.
    (tmp_path / "tetraalanine" / trained[1].details["model"]).unlink()
    again = run_sampling(tmp_path, SMALL, output=tmp_path / "records.json", prepare_only=True)
    through_json = json.loads(json.dumps(trained[0].details))
    assert len(again) == 2 and again[0].details == through_json
    models = [tmp_path / "tetraalanine" / record.details["model"] for record in trained]
    assert models[1].exists()
    # Records are of these models, and of no others.
    models[1].write_bytes(models[0].read_bytes())
    with pytest.raises(RecordsError, match=f"{models[1].name} is not the model of the record of"):
        run_sampling(tmp_path, SMALL, output=tmp_path / "records.json", prepare_only=True)


def test_models_of_other_settings_have_other_files(tmp_path):
    job = ProposalJob("tetraalanine", 6, tuple(tmp_path / name for name in "abc"), 10)
    paths = {dataclasses.replace(job, **c).path for c in ({"steps": 20}, {"seed": 1}, {})}
    assert len(paths) == 3 and dataclasses.replace(job).path == job.path


def test_platform_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="'Abacus' is not installed"):
        run_sampling(tmp_path, dataclasses.replace(SMALL, made_on="Abacus"))


def test_angles_are_made_on_the_platform_asked_for(tmp_path):
    with pytest.raises(ValueError, match="'Abacus' is not installed"):
        reference_angles(tmp_path, "tetraalanine", 0.015, 1, platform="Abacus")


def test_some_replicas_begin_with_phi_turned():
    numbers = [n for n in range(22) if _sampling_data._is_turned("tetraalanine", n)]
    assert len(numbers) == 4 and min(numbers) >= 2  # the first two are to measure on
    assert not any(_sampling_data._is_turned("chignolin", n) for n in range(22))
    system = sampled_system("tetraalanine")
    reader = TorsionReader(untrained_model(system, None))
    before, _ = reader.backbone(reader(10 * system.positions[None]))
    after, _ = reader.backbone(reader(10 * _sampling_data._turned(system, seed=5)[None]))
    assert after[0, 1] == pytest.approx(3.14159265 / 3, abs=1e-5)
    assert after[0, [0, 2, 3]] == pytest.approx(before[0, [0, 2, 3]], abs=1e-5)


def test_backbone_of_chignolin():
    """Ten residues: the first has no φ, the last no ψ; glycines have no χ1."""
    spec = untrained_model(sampled_system("chignolin"), None).spec
    backbone = Backbone.of(spec)
    assert len(backbone.residues) == 8
    assert [spec.atom_names[a] for a in backbone.phi[0]] == ["C", "N", "CA", "C"]
    assert [spec.atom_names[a] for a in backbone.psi[0]] == ["N", "CA", "C", "N"]
    assert "GLY" in backbone.residues
    # TYR, ASP, PRO, GLU, THR, THR, TRP
    assert len(backbone.chi) == 7
