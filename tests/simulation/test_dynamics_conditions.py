"""Jumps drawn in time: what they are called, and what is refused."""

import openmm
import pytest
from alanine import FRAME, langevin, peptide, spec_for
from openmm import unit
from proposals import (
    for_alanine,
)

from openmm_stegmn.models import build_model
from openmm_stegmn.simulation import STEGMNPropagator


def propagator(model=None, **options):
    topology, system, _ = peptide()
    model = for_alanine(history=3) if model is None else model
    return STEGMNPropagator(
        system, topology, model, langevin(), backend="python", **{"guard": "energy"} | options
    )


@pytest.mark.parametrize(
    ("history", "guard", "text"),
    [
        (1, "energy", "energy (rise <= 40 kJ/mol)"),
        (1, "none", "none"),
        (3, "energy", "energy (rise <= 40 kJ/mol)"),
        (3, "metropolis", "metropolis (energy factor alone: approximate)"),
    ],
)
def test_drawn_jumps_in_time_are_approximate_dynamics(history, guard, text):
    made = propagator(for_alanine(history=history, block=None), guard=guard)
    settings = made.describe()
    assert made.jump_kind == settings["jump_kind"] == "approximate dynamics"
    assert made.jump_time == settings["jump_time"] == pytest.approx(10 * FRAME)
    assert settings["guard"] == text
    assert f"approximate dynamics jumps of 0.1 ps; guard {text};" in repr(made)


@pytest.mark.parametrize("time", [0.01, 0.03, 0.07, 70 * unit.femtosecond])
def test_jump_time_is_chosen(time):
    model = for_alanine(history=3)
    made = propagator(model, jump_time=time)
    expected = time.value_in_unit(unit.picosecond) if unit.is_quantity(time) else time
    assert made.jump_time == pytest.approx(expected)
    assert model.jump_frames == 10


@pytest.mark.parametrize(
    ("history", "options", "match"),
    [
        (3, {"jump_time": 0.2}, "jump_time=0.2 ps: expected from 0.01 to 0.1 ps"),
        (3, {"jump_time": 0.0}, "jump_time=0 ps: expected from 0.01"),
        (3, {"jump_time": float("nan")}, "jump_time=nan ps: expected from 0.01"),
        (3, {"jump_time": 0.025}, "is 2.5 frame intervals of 0.01 ps: expected a whole number"),
        (3, {"tries": 4}, "tries=4 is for Monte Carlo moves, .* a window of 3"),
        (3, {"tries": 4, "guard": "metropolis"}, "tries=4 is for Monte Carlo moves"),
        (1, {"tries": 4}, "tries=4 is for Monte Carlo moves, .* guard='energy'"),
    ],
)
def test_settings_that_make_no_sense(history, options, match):
    topology, system, _ = peptide()
    before = openmm.XmlSerializer.serialize(system)
    options = {"guard": "energy"} | options
    with pytest.raises(ValueError, match=match):
        model = for_alanine(history=history, block=None)
        STEGMNPropagator(system, topology, model, langevin(), backend="python", **options)
    assert openmm.XmlSerializer.serialize(system) == before


@pytest.mark.parametrize("guard", ["energy", "none"])
def test_equilibrium_has_no_time(guard):
    model = for_alanine(lag=None, block=None)
    with pytest.raises(ValueError, match=r"equilibrium.*jump_time=, from 0.01 to 0.1 ps"):
        propagator(model, guard=guard)
    assert propagator(model, guard=guard, jump_time=0.1).jump_time == pytest.approx(0.1)
    with pytest.raises(ValueError, match="this one is for equilibrium alone"):
        propagator(for_alanine(lag=None, lags=[None], block=None), guard=guard, jump_time=0.1)


def test_deterministic_jumps_have_their_own_time():
    topology, system, _ = peptide()
    model = build_model(spec_for(topology, system))
    assert propagator(model).jump_time == pytest.approx(FRAME)
    with pytest.raises(ValueError, match="'torsion-linear' has none: its jumps take 0.01 ps"):
        propagator(model, jump_time=0.01)


def test_in_time_all_bonds_turn():
    with pytest.raises(ValueError, match="this 'stegmn-proposal' turns 1 at a time: .* block"):
        propagator(for_alanine())


def test_more_frames_than_one_a_jump_are_refused():
    with pytest.raises(ValueError, match="one frame a jump, found horizon 2"):
        propagator(for_alanine(history=3, horizon=2))
