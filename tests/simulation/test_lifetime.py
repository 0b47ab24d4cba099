"""Several propagators in one process, and what is left of one that is gone."""

import gc
import weakref

import numpy as np
import openmm
import pytest
import soak
from alanine import (
    MD_FRAMES,
    STEPS_PER_FRAME,
    TIME_STEP,
    arrays,
    langevin,
    peptide,
    simulation,
    spec_for,
)
from platforms import platform

from openmm_stegmn.models import build_model
from openmm_stegmn.simulation import STEGMNPropagator, system_xml

TO_JUMP = MD_FRAMES * STEPS_PER_FRAME


def without_noise(turn, backend):
    """The Reference platform has one stream of random numbers for all Contexts of a process."""
    return simulation(
        backend=backend, known={"turn": turn}, integrator=openmm.VerletIntegrator(TIME_STEP),
        velocities="rotate", temperature=300,
    )  # fmt: skip


def test_two_runs_by_turns_do_not_mix(backend):
    """Same process, other jumps: each goes as it goes alone."""
    alone = []
    for turn in (0.1, 0.2):
        made = without_noise(turn, backend)
        made.step(3 * TO_JUMP)
        alone.append(arrays(made))
    together = [without_noise(turn, backend) for turn in (0.1, 0.2)]
    for _ in range(3 * TO_JUMP // 5):
        for made in together:
            made.step(5)
    assert not np.array_equal(*(positions for positions, _ in alone))
    for made, expected in zip(together, alone, strict=True):
        assert made.integrator.statistics.accepted == 2
        for one, other in zip(arrays(made), expected, strict=True):
            assert np.array_equal(one, other)


def test_plain_context_of_the_same_system(backend):
    """The bridge is a force of the system; whoever asks for all forces gets zeros from it."""
    made = simulation(backend=backend, known={"turn": 0.1})
    made.step(TO_JUMP + 1)
    context = openmm.Context(made.system, openmm.VerletIntegrator(0.001), *platform())
    context.setPositions(made.context.getState(positions=True).getPositions())
    plain = openmm.Context(
        peptide()[1], openmm.VerletIntegrator(0.001),
        *platform(),
    )  # fmt: skip
    plain.setPositions(context.getState(positions=True).getPositions())
    for _ in range(3):
        context.getIntegrator().step(7)
        plain.getIntegrator().step(7)
        made.step(TO_JUMP + 1)
    one, other = (
        c.getState(positions=True).getPositions(asNumpy=True)._value for c in (context, plain)
    )
    np.testing.assert_allclose(one, other, atol=1e-9)
    assert made.integrator.statistics.accepted == 4


def test_nothing_keeps_a_run_alive(backend):
    made = simulation(backend=backend, known={"turn": 0.1})
    made.step(TO_JUMP + 1)
    gone = [weakref.ref(made.context), weakref.ref(made.integrator), weakref.ref(made.system)]
    del made
    gc.collect()
    assert [one() for one in gone] == [None] * 3


@pytest.mark.parametrize("order", ["context first", "propagator first", "system first"])
def test_any_order_of_deletion(order, backend):
    topology, system, positions = peptide()
    model = build_model(spec_for(topology, system))
    propagator = STEGMNPropagator(
        system, topology, model, langevin(), md_frames=MD_FRAMES, backend=backend
    )
    context = openmm.Context(system, propagator, *platform())
    context.setPositions(positions)
    propagator.step(3)
    if order == "context first":
        del context
        gc.collect()
        with pytest.raises(ValueError, match="no Context"):
            propagator.step(1)
    elif order == "propagator first":
        del propagator
        gc.collect()
        assert np.isfinite(context.getState(energy=True).getPotentialEnergy()._value)
    else:
        del system, topology, model
        gc.collect()
        propagator.step(TO_JUMP)
        assert propagator.statistics.attempted > 0


def test_memory_does_not_grow(backend):
    """A small version of ``benchmarks/soak.py``."""
    outcome = soak.soak(backend, jumps=1000, readings=20)
    assert outcome["jumps"] >= 998
    assert outcome["growth_percent"] < 2


def test_system_without_the_bridge_is_the_one_of_before(backend):
    made = simulation(backend=backend)
    assert openmm.XmlSerializer.deserialize(system_xml(made.system)).getNumForces() == (
        peptide()[1].getNumForces()
    )
