"""Settings of a run."""

import json

import numpy as np
import pytest
from openmm import unit

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


def test_numbers_of_numpy_become_plain():
    settings = RunSettings(
        temperature=np.float32(310), length=np.array(7), md_frames=np.int64(5), seed=np.int32(3),
        fused=np.bool_(True), energy_threshold=np.float64(9),
    )  # fmt: skip
    plain = RunSettings(
        temperature=310, length=7, md_frames=5, seed=3, fused=True, energy_threshold=9
    )
    assert settings == plain == RunSettings.from_dict(json.loads(json.dumps(settings.as_dict())))


def test_quantities_are_converted():
    settings = RunSettings(
        temperature=310 * unit.kelvin, friction=0.002 / unit.femtosecond,
        time_step=0.004 * unit.picosecond, equilibration=3000 * unit.femtosecond,
        length=1 * unit.nanosecond, energy_threshold=10 * unit.kilocalorie_per_mole,
        jump_time=5000 * unit.femtosecond,
    )  # fmt: skip
    found = [settings.temperature, settings.friction, settings.time_step, settings.equilibration]
    found += [settings.length, settings.energy_threshold, settings.jump_time]
    assert found == pytest.approx([310, 2, 4, 3, 1000, 41.84, 5])
    assert {type(value) for value in found} == {float}


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("temperature", 3 * unit.nanometer, "temperature 3 nm: expected a number, or .* in K"),
        ("temperature", None, "temperature None: expected a number"),
        ("length", "7", "length '7': expected a number, or a quantity in ps"),
        ("md_frames", 5.0, "md frames 5.0: expected a whole number"),
        ("seed", "3", "seed '3': expected a whole number"),
    ],
)
def test_values_of_another_kind(name, value, message):
    with pytest.raises(SetupError, match=message):
        RunSettings(**{name: value})


def test_one_force_field_file(tmp_path):
    assert RunSettings(forcefields="amber14-all.xml").forcefields == ("amber14-all.xml",)
    path = tmp_path / "a.xml"
    assert RunSettings(forcefields=path).forcefields == (str(path),)
    paths = RunSettings(pdb=path, model=path, forcefields=[path])
    assert (paths.pdb, paths.model, paths.forcefields) == (str(path), str(path), (str(path),))


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
