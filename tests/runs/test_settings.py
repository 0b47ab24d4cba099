"""Settings of a run."""

import pytest

from openmm_stegmn.runs import RunSettings
from openmm_stegmn.systems import SetupError


@pytest.mark.parametrize(
    "name, value",
    [
        ("temperature", 0.0),
        ("temperature", float("nan")),
        ("friction", -1.0),
        ("time_step", 0.0),
        ("length", float("inf")),
        ("md_frames", 0),
        ("jump_time", 0.0),
        ("jump_time", float("nan")),
        ("jumps", -1),
        ("seed", 0),
        ("seed", 2**31),
    ],
)
def test_values_that_make_no_sense(name, value):
    with pytest.raises(SetupError, match=f"{name.replace('_', ' ')} .*expected"):
        RunSettings(**{name: value})


def test_round_trip():
    settings = RunSettings(pdb="a.pdb", forcefields=("x.xml",), seed=5)
    assert RunSettings.from_dict(settings.as_dict()) == settings
    with pytest.raises(SetupError, match="unknown settings: colour"):
        RunSettings.from_dict({"colour": "blue"})


def test_paths_become_absolute_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pdb").touch()
    settings = RunSettings(pdb="a.pdb").resolved()
    assert settings.pdb == str(tmp_path / "a.pdb")
    assert settings.model == "alanine-dipeptide"
    assert settings.forcefields == RunSettings().forcefields
