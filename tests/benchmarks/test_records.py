"""A file of records: written after each one, whole at any time, and never mixed up."""

import dataclasses
import json
import os

import pytest

from openmm_stegmn.benchmarks import Record, RecordFile, RecordsError

RECORD = Record("md17", "MD17", "ethanol", "stegmn", 0, "heavy", 500, 1e-4, 0.01, 2.5, {"a": 1})


def test_round_trip(tmp_path):
    path = tmp_path / "new" / "results.json"
    other = dataclasses.replace(RECORD, seed=1)
    file = RecordFile(path)
    file.add(RECORD)
    file.add(other)
    values = json.loads(path.read_text())
    assert isinstance(values, list) and len(values) == 2
    for name in ("benchmark", "molecule", "model", "seed", "mse", "mae", "train_seconds"):
        assert values[0][name] == getattr(RECORD, name)
    again = RecordFile(path)
    assert again.find(RECORD.key, {"a": 1}) == RECORD
    assert again.find(other.key, {"a": 1}) == other
    assert again.find(dataclasses.replace(RECORD, windows=5000).key, {"a": 1}) is None


def test_the_same_key_is_replaced(tmp_path):
    file = RecordFile(tmp_path / "results.json")
    file.add(RECORD)
    file.add(dataclasses.replace(RECORD, mse=2e-4))
    assert [record["mse"] for record in json.loads(file.path.read_text())] == [2e-4]


def test_other_settings_are_refused(tmp_path):
    file = RecordFile(tmp_path / "results.json")
    file.add(RECORD)
    with pytest.raises(RecordsError, match="stegmn for ethanol, seed 0.*a 1, now 2.*--overwrite"):
        RecordFile(file.path).find(RECORD.key, {"a": 2})


def test_tuples_are_not_other_settings(tmp_path):
    file = RecordFile(tmp_path / "results.json")
    file.add(dataclasses.replace(RECORD, settings={"a": (1, 2)}))
    assert RecordFile(file.path).find(RECORD.key, {"a": (1, 2)}) is not None


def test_interrupted_write_leaves_the_earlier_file(tmp_path, monkeypatch):
    file = RecordFile(tmp_path / "results.json")
    file.add(RECORD)
    before = file.path.read_bytes()

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        file.add(dataclasses.replace(RECORD, seed=1))
    assert file.path.read_bytes() == before


def test_nan_is_not_written(tmp_path):
    file = RecordFile(tmp_path / "results.json")
    with pytest.raises(RecordsError, match="stegmn for ethanol, seed 0 cannot be written.*nan"):
        file.add(dataclasses.replace(RECORD, mse=float("nan")))
    assert not file.path.exists()
    # nor is it in the way of others
    file.add(dataclasses.replace(RECORD, seed=1))
    assert [record["seed"] for record in json.loads(file.path.read_text())] == [1]


def test_two_processes_with_one_file(tmp_path):
    one, two = (RecordFile(tmp_path / "results.json") for _ in range(2))
    one.add(RECORD)
    two.add(dataclasses.replace(RECORD, seed=1))
    one.add(dataclasses.replace(RECORD, seed=2))
    two.add(dataclasses.replace(RECORD, mse=2e-4))
    found = RecordFile(one.path).records.values()
    assert {record.seed: record.mse for record in found} == {0: 2e-4, 1: 1e-4, 2: 1e-4}
    assert list(tmp_path.iterdir()) == [one.path]


@pytest.mark.parametrize("content", ["", "[1]"])
def test_a_file_that_is_damaged_meanwhile_is_left(tmp_path, content):
    file = RecordFile(tmp_path / "results.json")
    file.path.write_text(content)
    with pytest.raises(RecordsError):
        file.add(RECORD)
    assert file.path.read_text() == content


@pytest.mark.parametrize(
    "content, found",
    [("", "JSON"), ("{}", "no list"), ("[1]", "entry 0"), ('[{"mse": 1}]', "entry 0")],
)
def test_other_files_are_refused(tmp_path, content, found):
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(RecordsError, match=found):
        RecordFile(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(RecordsError, match="cannot be read"):
        RecordFile(tmp_path)
