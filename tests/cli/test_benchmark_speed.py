"""``openmm-stegmn benchmark speed``: tables, records, and one clear line for each bad input."""

import json

import pytest
from refusals import assert_refused
from typer.testing import CliRunner

from openmm_stegmn.benchmarks import _speed_machine
from openmm_stegmn.cli import app


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Call ``benchmark speed`` in an empty folder, with little of everything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_speed_machine, "_LARGEST", {"cpu": 20})
    monkeypatch.setattr(_speed_machine, "_TRIES", 1)

    def call(*arguments):
        small = {"--repeats": 3, "--seconds": 0.2, "--threads": 1, "--device": "cpu"}
        command = ["benchmark", "speed", *map(str, arguments)]
        for name, value in small.items():
            if name not in command:
                command += [name, str(value)]
        return CliRunner().invoke(app, command)

    return call


def rows_of(text, title):
    """Cells of the table that a title begins."""
    _, table = text.split(title, 1)
    lines = table.split("\n\n")[1].splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_tables_records_and_going_on(invoke, tmp_path):
    arguments = ["--parts", "machine,inference,training", "--models", "stegmn"]
    arguments += ["--residues", 3, "--output", "r.json"]
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    values = json.loads((tmp_path / "r.json").read_text())
    found = {(v["part"], v["case"], v["mode"], v["batch"]) for v in values}
    assert found == {
        ("machine", "", "", 0),
        *(("inference", "aspirin", mode, n) for mode in ("eager", "script") for n in (1, 100)),
        *(("inference", "protein", mode, 1) for mode in ("eager", "script")),
        *(
            ("training", case, mode, n)
            for case, n in (("aspirin", 100), ("protein", 10))
            for mode in ("train()", "step alone")
        ),
    }
    assert all(v["failure"] is None for v in values)
    head, _, *rows = rows_of(result.stdout, "T = 10: medians")
    assert len(rows) == 10
    for row in rows:
        cells = dict(zip(head, row, strict=True))
        time, floor, ratio = (
            float(cells[name].replace(",", "")) for name in ("ms", "floor (ms)", "time / floor")
        )
        assert floor > 0 and ratio == pytest.approx(time / floor, rel=0.02)
    before = (tmp_path / "r.json").read_bytes()
    again = invoke(*arguments)
    assert again.stderr.splitlines() == ["done (11/11 records)"]
    assert (tmp_path / "r.json").read_bytes() == before and again.stdout == result.stdout


def test_series_and_figure(invoke, tmp_path):
    result = invoke(
        "--parts", "atoms,history,batch,profile", "--cases", "aspirin", "--models", "stegmn",
        "--modes", "eager", "--atoms", 8, "--histories", "2,3", "--batches", "1,2",
        "--figure", "scaling.svg",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for title, column, sizes in (
        ("Inference against atoms", 3, ["8"]), ("Inference against T", 3, ["2", "3"]),
        ("Inference against batch", 3, ["1", "2"]),
    ):  # fmt: skip
        _, _, *rows = rows_of(result.stdout, title)
        assert [row[column] for row in rows] == sizes
    (atoms,) = rows_of(result.stdout, "Inference against atoms")[2:]
    assert float(atoms[6].replace(",", "")) > 0  # memory of its process, MB
    assert result.stdout.count("Profile: aspirin, stegmn") == 2
    assert (tmp_path / "scaling.svg").read_bytes().endswith(b"</svg>\n")


def test_other_settings_are_not_mixed(invoke):
    arguments = ["--parts", "inference", "--cases", "protein", "--models", "stegmn"]
    arguments += ["--residues", 2, "--modes", "eager"]
    assert invoke(*arguments).exit_code == 0
    assert_refused(invoke(*arguments, "--repeats", 4), "repeats 3, now 4", "--overwrite")
    assert invoke(*arguments, "--repeats", 4, "--overwrite").exit_code == 0


@pytest.mark.slow
def test_time_to_the_first_step(invoke, tmp_path):
    result = invoke("--parts", "start", "--repeats", 1)
    assert result.exit_code == 0, result.output
    (value,) = json.loads((tmp_path / "benchmark-speed.json").read_text())
    measured = value["measured"]
    assert 0 < measured["ready_ms"] <= measured["first_frame_ms"] <= measured["whole_ms"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--parts", "gpu"], "parts: gpu not known; there are: machine, inference"),
        (["--parts", ","], "no parts given"),
        (["--cases", "water"], "cases: water not known; there are: aspirin, protein"),
        (["--models", "gpt"], "models: gpt not known; there are: "),
        (["--models", "linear-ar"], "linear-ar is set by least squares"),
        (["--modes", "jit"], "modes: jit not known; there are: eager, script, graph, compile"),
        (["--modes", "graph"], "'graph' is a CUDA graph, which a CPU does not have"),
        (["--atoms", "10"], "atoms must be multiples of 4, those of a residue, got 10"),
        (["--atoms", "4"], "atoms must be at least 8, got 4"),
        (["--histories", "1"], "histories must be at least 2, got 1"),
        (["--batches", "0"], "batches must be at least 1, got 0"),
        (["--threads", "two"], "threads must be whole numbers with commas between, got 'two'"),
        (["--threads", "0"], "threads must be at least 1, got 0"),
        (["--residues", "1"], "residues must be at least 2, got 1"),
        (["--repeats", "0"], "repeats must be at least 1, got 0"),
        (["--seconds", "0"], "seconds must be positive, got 0"),
        (["--limit", "-1"], "limit must be positive, got -1"),
        (["--device", "tpu"], "device must be 'auto', 'cpu' or 'cuda', got 'tpu'"),
        (["--parts", "machine", "--figure", "a.svg"], "--figure needs --parts atoms"),
    ],
)
def test_refused(invoke, arguments, found, tmp_path):
    assert_refused(invoke(*arguments), found)
    assert list(tmp_path.iterdir()) == []
