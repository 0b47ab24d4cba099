"""A small version of ``benchmarks/propagator_systems.py``: the propagator runs on every system."""

import numpy as np
import propagator_systems
import pytest
from _matrix_systems import SYSTEMS
from _members import MEMBERS

#: What takes seconds; of the systems with water, those that no other test has.
QUICK = [name for name in SYSTEMS if name.startswith(("vacuum", "implicit"))]
QUICK += ["water, two chains and ions", "water, 1 bar, 4 fs"]
LEG = propagator_systems.STEPS_PER_FRAME * propagator_systems.MD_FRAMES


def check(name, member="LangevinMiddle", backend="python", jumps=2, relax=8):
    vacuum = name.startswith("vacuum")
    made = propagator_systems.run_hybrid(
        name, member, "Reference" if vacuum else "CPU", backend, "torsion-linear-ar", jumps, relax
    )
    statistics = made["statistics"]
    assert statistics["attempted"] == jumps
    assert statistics["physical_steps"] == jumps * LEG
    assert statistics["accepted"] > 0
    assert statistics["rejected_constraints"] == statistics["rejected_nonfinite"] == 0
    assert statistics["worst_constraint_error"] < (1e-6 if vacuum else 1e-5)
    return made


@pytest.mark.parametrize("name", QUICK)
def test_quick_system(name):
    made = check(name)
    assert 100 < made["temperature"]["mean"] < 600


@pytest.mark.parametrize("member", MEMBERS)
def test_every_member(member, backend):
    check("vacuum, HBonds", member, backend)


@pytest.mark.slow
@pytest.mark.parametrize("member", MEMBERS)
def test_every_member_in_water(member, backend):
    check("water, cube", member, backend)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SYSTEMS if name not in QUICK])
def test_slow_system(name, backend):
    check(name, backend=backend)


@pytest.mark.parametrize("member", ["Verlet", "velocity Verlet"])
def test_legs_conserve_energy_as_plain_dynamics_do(member):
    hybrid = propagator_systems.run_hybrid(
        "vacuum, HBonds", member, "Reference", "python", "torsion-linear-ar", 100, 8
    )
    plain = propagator_systems.run_plain("vacuum, HBonds", member, "Reference", 100, 8)
    changes = [run["energy_change"] for run in (hybrid, plain)]
    assert changes[0]["rms"] < 2 * changes[1]["rms"]
    # No drift: the mean is within four errors of none.
    assert abs(changes[0]["mean"]) < 4 * changes[0]["rms"] / np.sqrt(changes[0]["legs"])
