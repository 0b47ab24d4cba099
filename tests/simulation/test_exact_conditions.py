"""When jumps are exact, and what is refused: asked of the propagator."""

import openmm
import pytest
from alanine import (
    TIME_STEP,
    langevin,
    peptide,
    spec_for,
)
from proposals import for_alanine

from openmm_stegmn.models import build_model
from openmm_stegmn.simulation import STEGMNPropagator


def propagator(model=None, integrator=None, guard="metropolis", **options):
    topology, system, _ = peptide()
    model = for_alanine() if model is None else model
    return STEGMNPropagator(
        system, topology, model, integrator or langevin(), guard=guard, backend="python", **options
    )


def test_jumps_drawn_from_a_density_are_exact():
    made = propagator(tries=4)
    assert made.jump_kind == made.describe()["jump_kind"] == "exact"
    assert made.describe()["guard"] == "metropolis (4 tries, with both densities)"
    assert "exact jumps" in repr(made) and "4 tries, with both densities" in repr(made)
    assert "4 tries" in repr(propagator())


def test_legs_without_a_thermostat_are_not_exact():
    made = propagator(integrator=openmm.VerletIntegrator(TIME_STEP), temperature=300)
    assert made.jump_kind == made.describe()["jump_kind"] == "approximate dynamics"
    assert "approximate dynamics jumps" in repr(made)
    with pytest.raises(ValueError, match="no temperature.*pass temperature="):
        propagator(integrator=openmm.VerletIntegrator(TIME_STEP))


def test_a_density_of_the_window_is_not_exact():
    assert propagator(for_alanine(history=3)).jump_kind == "approximate dynamics"


def test_legs_at_another_temperature_are_not_exact():
    hot = openmm.LangevinMiddleIntegrator(600, 1, TIME_STEP)
    made = propagator(integrator=hot, temperature=300)
    assert made.jump_kind == "approximate dynamics"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"velocities": "keep"}, "only with velocities='maxwell': found velocities='keep'"),
        ({"velocities": "rotate"}, "velocities='rotate'"),
        ({"tries": 0}, "from 1 to 100, found 0"),
        ({"tries": 101}, "from 1 to 100, found 101"),
        ({"tries": 2.5}, "from 1 to 100, found 2.5"),
        ({"jump_time": 0.1}, "jump_time=0.1 ps is for jumps in time, .* leave it out"),
    ],
)
def test_settings_that_would_not_be_exact_are_refused(options, match):
    topology, system, _ = peptide()
    before = openmm.XmlSerializer.serialize(system)
    options = {"guard": "metropolis"} | options
    with pytest.raises(ValueError, match=match):
        STEGMNPropagator(system, topology, for_alanine(), langevin(), backend="python", **options)
    assert openmm.XmlSerializer.serialize(system) == before


def test_more_frames_than_one_a_jump_are_refused():
    with pytest.raises(ValueError, match="one frame a jump, found horizon 2"):
        propagator(for_alanine(horizon=2))


def test_tries_are_for_models_with_a_density():
    topology, system, _ = peptide()
    with pytest.raises(ValueError, match="tries=4 .* 'torsion-linear' has none"):
        propagator(build_model(spec_for(topology, system)), tries=4)


def test_atoms_without_mass_are_refused():
    """A frozen atom stays where it is when bonds turn it, and lengths change."""
    topology, system, _ = peptide(constraints=None)
    system.setParticleMass(1, 0.0)
    spec = spec_for(topology, system, architecture="stegmn-proposal", history=1)
    with pytest.raises(ValueError, match="mass"):
        STEGMNPropagator(
            system, topology, build_model(spec), langevin(), guard="metropolis", backend="python"
        )
