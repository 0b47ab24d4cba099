"""Whatever is thrown at jumps: a clear error or a correct frame, never a wrong one."""

import functools
import re

import numpy as np
import openmm
import pytest
import torch
from alanine import STEPS_PER_FRAME, KnownJump, arrays, langevin, peptide, simulation, spec_for
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from openmm import unit

from openmm_stegmn.models import build_model
from openmm_stegmn.simulation import HybridReporter, IncompatibleModelError, STEGMNPropagator
from openmm_stegmn.simulation._constraints import system_constraints, worst_constraint_error
from openmm_stegmn.simulation._embedding import Embedding, select_atoms
from openmm_stegmn.simulation._h5md import OBSERVABLES, H5MDFile
from openmm_stegmn.simulation._jump_bridge import PHASE_FRAME, PHASE_JUMP
from openmm_stegmn.simulation._make_bridge import eager_bridge

N_ATOMS, HISTORY = 22, 3
FEW = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@functools.cache
def parts():
    """Model, constraints and positions (nm, polished) of the peptide."""
    topology, system, _ = peptide()
    model = build_model(spec_for(topology, system)).eval().requires_grad_(False)
    made = simulation()
    made.context.applyConstraints(1e-10)
    return model, system_constraints(system), arrays(made)[0].astype(np.float64)


def answer(bridge, window, base, box=None):
    """Unusable or not, and the displacement (nm)."""
    shown = [*((PHASE_FRAME, frame) for frame in window), (PHASE_JUMP, base)]
    for phase, positions in shown:
        inputs = [torch.as_tensor(positions), torch.tensor(float(phase))]
        if box is not None:
            inputs.insert(1, torch.as_tensor(box))
        unusable, change = bridge(*inputs)
    return bool(unusable > 0.5), change.numpy()


numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)
near = st.floats(-10, 10, width=64)
windows = st.one_of(
    some.arrays(np.float64, (HISTORY, N_ATOMS, 3), elements=near),
    some.arrays(np.float64, (HISTORY, N_ATOMS, 3), elements=numbers, fill=near),
)


@FEW
@given(windows)
@example(np.zeros((HISTORY, N_ATOMS, 3)))
@example(np.full((HISTORY, N_ATOMS, 3), np.nan))
@example(np.full((HISTORY, N_ATOMS, 3), 1e300))
@example(np.where(np.arange(HISTORY * N_ATOMS * 3) == 6, np.inf, 0).reshape(HISTORY, N_ATOMS, 3))
def test_any_window(window):
    """The frame is a molecule with its constraints, or refused with no displacement."""
    model, (pairs, lengths), base = parts()
    embedding = Embedding.of(peptide()[1], range(N_ATOMS))
    unusable, change = answer(eager_bridge(model, embedding), window, base)
    if unusable:
        assert not change.any()
    else:
        assert np.isfinite(change).all()
        assert worst_constraint_error(base + change, pairs, lengths) < 1e-5


@FEW
@given(
    st.floats(2.5, 30), st.floats(2.5, 30), st.floats(2.5, 30),
    st.tuples(*[st.floats(-0.5, 0.5)] * 3),
    some.arrays(np.int64, (HISTORY + 1, 3), elements=st.integers(-5, 5)),
)  # fmt: skip
def test_any_box(a, b, c, skew, images):
    """The jump is the same whatever images the molecule was recorded in."""
    model, _, base = parts()
    box = np.array([[a, 0, 0], [skew[0] * a, b, 0], [skew[1] * a, skew[2] * b, c]])
    body = model.context.body
    turns = 0.2 * torch.ones(body.n_bonds, dtype=torch.float64)
    frames = [torch.from_numpy(base)]
    for _ in range(HISTORY - 1):
        frames.append(body.move(frames[-1], turns)[0])
    frames = np.array([frame.numpy() for frame in [*frames, frames[-1]]])
    atoms = tuple(range(N_ATOMS))
    changes = []
    for shift in (0 * images, images):
        bridge = eager_bridge(model, Embedding(atoms, N_ATOMS, True, (), ()))
        shown = frames + (shift @ box)[:, None]
        unusable, change = answer(bridge, shown[:-1], shown[-1], box)
        assert not unusable
        changes.append(change)
    np.testing.assert_allclose(*changes, atol=2e-5)


@FEW
@given(st.lists(st.one_of(st.integers(-3, 25), st.just(1.5), st.just(True)), max_size=30))
@example([])
@example(list(range(22)))
@example(list(range(21, -1, -1)))
@example([*range(21), 22])
def test_any_selection(atoms):
    """All but the atoms of the model, in its order, are refused; the system is as it was."""
    topology, system, _ = peptide()
    count = system.getNumForces()
    right = atoms == list(range(22)) and not any(isinstance(atom, bool) for atom in atoms)
    model = parts()[0]
    if right:
        assert select_atoms(topology, model.spec, atoms).tolist() == atoms
        return
    with pytest.raises(IncompatibleModelError):
        STEGMNPropagator(system, topology, model, langevin(), backend="python", atoms=atoms)
    assert system.getNumForces() == count


schedules = st.fixed_dictionaries(
    {
        "md_frames": st.integers(1, 5),
        "jumps": st.integers(1, 4),
        "guard": st.sampled_from(["none", "energy", "metropolis"]),
        "energy_threshold": st.sampled_from([1e-9, 5.0, 1e9]),
        "velocities": st.sampled_from(["maxwell", "keep", "rotate"]),
    }
)


@FEW
@given(schedules, st.lists(st.integers(1, 23), min_size=1, max_size=6))
def test_any_schedule_in_any_portions(options, portions):
    """Steps, frames, jumps and the clock add up, and every jump keeps its constraints."""
    made = simulation(**options)
    for steps in portions:
        made.step(steps)
    propagator, statistics = made.integrator, made.integrator.statistics
    assert statistics.physical_steps + statistics.attempted == sum(portions)
    assert statistics.attempted == statistics.accepted + statistics.rejected
    whole = statistics.physical_steps // STEPS_PER_FRAME
    assert statistics.frames == 1 + whole + statistics.accepted
    time = statistics.physical_time + statistics.jumped_time
    assert made.context.getTime()._value == pytest.approx(time)
    assert statistics.worst_constraint_error < 1e-6
    assert np.isfinite(arrays(made)).all()
    assert propagator.at_frame() == (statistics.physical_steps % STEPS_PER_FRAME == 0)


@FEW
@given(
    st.dictionaries(
        st.sampled_from(
            ["md_frames", "jumps", "energy_threshold", "constraint_tolerance", "temperature"]
        ),
        st.sampled_from([0, -1, np.nan, -np.inf, 0.5, "many"]),
        min_size=1, max_size=2,
    )
)  # fmt: skip
def test_settings_that_make_no_sense(options):
    if all(
        (name == "temperature" and value in (0, 0.5))
        or (name in ("energy_threshold", "constraint_tolerance") and value == 0.5)
        for name, value in options.items()
    ):
        return
    topology, system, _ = peptide()
    before = openmm.XmlSerializer.serialize(system)
    with pytest.raises((ValueError, TypeError)):
        STEGMNPropagator(system, topology, parts()[0], langevin(), backend="python", **options)
    assert openmm.XmlSerializer.serialize(system) == before


@FEW
@given(
    st.sampled_from([np.nan, np.inf, -np.inf]), st.integers(0, N_ATOMS - 1), st.integers(0, 2),
    st.integers(0, 30),
)  # fmt: skip
def test_positions_that_are_not_finite(value, atom, axis, after):
    """Set at any moment, they are named before the next frame or jump, or at it."""
    made = simulation()
    made.step(after) if after else None
    positions = arrays(made)[0].copy()
    positions[atom, axis] = value
    made.context.setPositions(positions)
    with pytest.raises((ValueError, openmm.OpenMMException), match="not finite|NaN"):
        made.step(60)


@pytest.mark.parametrize(
    "shape", [(21, 3), (22, 2), (22,), (1, 22, 3), (0, 3), (1, 3), (3,), (), (22, 1)]
)
def test_model_that_answers_in_another_shape(shape, backend):
    """With "torch" it is found when the model is traced, else at the first jump."""

    class Wrong(KnownJump):
        def jump(self, window, base):
            frame = base.new_zeros(shape) + 0.0 * base[0, 0]
            return frame, self.rotation.expand(N_ATOMS, 3, 3)

    topology, system, _ = peptide()
    model = Wrong(spec_for(topology, system))
    match = re.escape(f"made a frame of shape {shape}, expected (22, 3)")
    if backend == "torch":
        with pytest.raises(ValueError, match=match):
            simulation(model, backend, guard="none")
        return
    made = simulation(model, backend, guard="none")
    made.step(20)
    before = arrays(made)
    with pytest.raises(ValueError, match=match):
        made.step(1)
    for one, other in zip(before, arrays(made), strict=True):
        assert np.array_equal(one, other)
    assert made.integrator.statistics.attempted == 0


def test_frame_that_cannot_be_written_leaves_no_half(tmp_path):
    file = H5MDFile(tmp_path / "one.h5md", "w")
    file.create(N_ATOMS, False, {})
    zeros = np.zeros((N_ATOMS, 3))
    good = {"step": 0, "time": 0.0, "position": zeros, "velocity": zeros}
    good |= dict.fromkeys(OBSERVABLES, 0)
    file.append(**good)
    for name, value in (("position", zeros[:-1]), ("velocity", zeros.T), ("origin", "word")):
        with pytest.raises((TypeError, ValueError)):
            file.append(**good | {name: value})
    file.close()
    again = H5MDFile(tmp_path / "one.h5md", "r+")
    assert {len(series) for series in again._series.values()} == {1}
    again.close()


def test_empty_steps(tmp_path):
    made = simulation()
    with HybridReporter(tmp_path / "run.h5md", made.integrator) as reporter:
        made.reporters.append(reporter)
        made.step(0)
        made.integrator.step(0)
        made.integrator.step(-3)
    assert made.integrator.statistics.physical_steps == 0
    assert made.context.getTime() == 0 * unit.picosecond
