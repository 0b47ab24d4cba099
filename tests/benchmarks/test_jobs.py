"""Records made at the same time: the same, in order, kept as they come."""

import os
import pickle
from dataclasses import replace

import pytest
from small_jobs import KilledJob, SmallJob
from vibrations import write_md17

from openmm_stegmn.benchmarks import (
    MD17Settings,
    MissingDataError,
    RecordFile,
    RecordsError,
    _processes,
    run_md17,
)
from openmm_stegmn.benchmarks._jobs import make_records


def seeds(file):
    return sorted(record.seed for record in RecordFile(file.path).records.values())


def test_one_process_is_this_one(tmp_path):
    file, reports = RecordFile(tmp_path / "r.json"), []
    records = make_records(
        [SmallJob(0), SmallJob(1)], file, progress=lambda *values: reports.append(values)
    )
    assert reports == [("job 0", 0, 2), ("job 1", 1, 2), ("done", 2, 2)]
    assert {record.details["process"] for record in records} == {os.getpid()}
    assert {record.details["processes"] for record in records} == {1}
    assert RecordFile(file.path).records == {record.key: record for record in records}


def test_no_more_processes_than_jobs():
    """And the one that is left needs no other process."""
    (record,) = make_records([SmallJob(0)], RecordFile(), processes=8)
    assert (record.details["process"], record.details["processes"]) == (os.getpid(), 1)


def test_several_processes(tmp_path, monkeypatch):
    """Each has a thread and a device; records come in order, progress names a job that runs."""
    monkeypatch.setattr(_processes, "visible_devices", lambda: ["4", "7"])
    before, reports = dict(os.environ), []
    records = make_records(
        [SmallJob(0, seconds=1.0), SmallJob(1), SmallJob(2, seconds=0.5), SmallJob(3)],
        RecordFile(tmp_path / "r.json"), processes=2,
        progress=lambda *values: reports.append(values),
    )  # fmt: skip
    assert [record.seed for record in records] == [0, 1, 2, 3]
    assert [done for _, done, _ in reports] == [0, 1, 2, 3, 4]
    assert reports[0] == ("job 0", 0, 4) and reports[-1] == ("done", 4, 4)
    assert {record.details["processes"] for record in records} == {2}
    assert {record.details["threads"] for record in records} == {1}
    used = {(record.details["process"], record.details["device"]) for record in records}
    assert os.getpid() not in dict(used)
    # A process that starts late may find nothing left to do.
    assert len(used) == len(dict(used)) == len({device for _, device in used})
    assert {device for _, device in used} <= {"4", "7"}
    assert os.environ == before


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_is_raised_when_all_others_are_made(tmp_path, processes):
    file = RecordFile(tmp_path / "r.json")
    jobs = [SmallJob(0), SmallJob(1, ValueError("too few")), SmallJob(2), SmallJob(3)]
    with pytest.raises(ValueError, match="too few"):
        make_records(jobs, file, processes=processes)
    assert seeds(file) == [0, 2, 3]
    reports = []
    records = make_records(
        [SmallJob(seed) for seed in range(4)], file,
        progress=lambda *values: reports.append(values),
    )  # fmt: skip
    assert reports == [("job 1", 3, 4), ("done", 4, 4)]
    assert [record.details["processes"] for record in records] == [processes, 1, *[processes] * 2]
    assert seeds(file) == [0, 1, 2, 3]


def test_a_process_that_is_killed_ends_all(tmp_path):
    file = RecordFile(tmp_path / "r.json")
    jobs = [SmallJob(0), KilledJob(1, seconds=1.0), SmallJob(2, seconds=60.0)]
    with pytest.raises(RuntimeError, match="ended from outside.*not made: job 1; job 2$"):
        make_records(jobs, file, processes=2)
    assert seeds(file) == [0]


def test_a_record_that_cannot_be_written_is_a_failure_like_others(tmp_path):
    file = RecordFile(tmp_path / "r.json")
    jobs = [SmallJob(0), SmallJob(1, mse=float("nan")), SmallJob(2)]
    with pytest.raises(RecordsError, match="model for argon, seed 1 cannot be written"):
        make_records(jobs, file)
    assert seeds(file) == [0, 2]


@pytest.mark.parametrize("kind", [RecordsError, MissingDataError, RuntimeError, ValueError])
def test_errors_come_back_from_processes(kind):
    again = pickle.loads(pickle.dumps(kind("what is wrong")))
    assert type(again) is kind and str(again) == "what is wrong"


def test_other_settings_are_refused_before_any_job_runs():
    file = RecordFile()
    make_records([SmallJob(1)], file)
    jobs = [SmallJob(0, RuntimeError("it ran")), SmallJob(1, identity={"a": 2})]
    with pytest.raises(RecordsError, match="a 1, now 2"):
        make_records(jobs, file)
    assert make_records([jobs[1]], file, overwrite=True)[0].settings == {"a": 2}


def test_the_number_of_processes_changes_no_record(tmp_path):
    write_md17(tmp_path / "ethanol.npz", "ethanol", 60 * 125)
    settings = MD17Settings(
        molecules=("ethanol",), models=("linear-ar", "linear-ar-full"),
        windows=300, validation=100, test=200, device="cpu",
    )  # fmt: skip
    one, two = (run_md17(tmp_path, settings, processes=processes) for processes in (1, 2))
    for record in (*one, *two):
        del record.details["processes"]
    assert [replace(r, train_seconds=0) for r in one] == [replace(r, train_seconds=0) for r in two]
