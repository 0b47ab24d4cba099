"""``benchmarks/break_even.py``: what a jump costs beside plain dynamics in the same process."""

import sys

import break_even
import pytest


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    def call(*arguments):
        command = ["break_even.py", "--output", str(tmp_path / "r.json"), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        break_even.main()
        return capsys.readouterr().out

    return call


def test_alanine_dipeptide(run, tmp_path):
    arguments = ["--systems", break_even.ALANINE, "--platform", "Reference", "--schedules", "1:1"]
    arguments += ["--cycles", "2", "--relaxation", "10", "--minimisation", "10", "--backend"]
    arguments += ["python"]
    told = run(*arguments)
    (made,) = break_even.json.loads((tmp_path / "r.json").read_text())
    assert made["cycles"] == 2 and made["schedule"] == "1:1" and 0 <= made["kept"] <= 1
    # of the packaged model: a jump covers the 1 ps of its interval
    assert made["jump_time_ps"] == made["frame_interval_ps"] == 1.0
    assert made["break_even_ps"] == pytest.approx(made["steps_per_jump"] * 0.002)
    assert made["ms_per_jump"] == pytest.approx(made["steps_per_jump"] * made["ms_per_step"])
    assert made["plain_ns_per_day"] == pytest.approx(86.4 * 0.002 / (made["ms_per_step"] / 1000))
    assert made["hybrid_ns_per_day"] <= made["hybrid_if_all_kept_ns_per_day"] * (1 + 1e-9)
    assert told.count("| alanine dipeptide |") == 1
    # a record that is there is not made again
    assert run(*arguments).count("a jump ") == told.count("a jump ") - 1


@pytest.mark.parametrize("text", ["10", "10:0", "0:1", "a:b", "1:2:3", "-1:1"])
def test_no_schedule(text, run, capsys):
    with pytest.raises(SystemExit) as stop:
        run(f"--schedules={text}")
    assert stop.value.code == 2
    assert f"{text!r} is no schedule such as 10:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--platform", "Abacus, mixed"], "platform 'Abacus' is not installed here"),
        (["--folder", "nowhere"], "--folder nowhere: no such folder"),
        (["--cycles", "1"], "'1' is no whole number of 2 or more"),
        (["--seconds", "0"], "'0' is no positive number"),
    ],
)
def test_refused(arguments, found, run, capsys):
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2 and found in capsys.readouterr().err
