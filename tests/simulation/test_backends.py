"""The choice of a back-end, and what a serialised System carries."""

import builtins
import copy
import sys
import types

import openmm
import pytest
import torch
from alanine import (
    MD_FRAMES,
    STEPS_PER_FRAME,
    KnownJump,
    arrays,
    langevin,
    peptide,
    simulation,
    spec_for,
)  # fmt: skip
from openmm import app, unit
from platforms import platform

from openmm_stegmn.models import build_model, load_model, save_model
from openmm_stegmn.simulation import STEGMNPropagator
from openmm_stegmn.simulation._bridge import PHASE_CHECK
from openmm_stegmn.simulation._embedding import Embedding
from openmm_stegmn.simulation._jump_bridge import PHASE_FRAME, PHASE_JUMP, PHASE_TURN
from openmm_stegmn.simulation._make_bridge import scripted_bridge


def make(backend, model=None):
    topology, system, _ = peptide()
    model = model or build_model(spec_for(topology, system))
    return STEGMNPropagator(system, topology, model, langevin(), backend=backend), system


def break_openmmtorch(monkeypatch, error):
    original = builtins.__import__
    monkeypatch.delitem(sys.modules, "openmmtorch", raising=False)

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "openmmtorch":
                raise error

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assert original is builtins.__import__


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_auto_takes_openmmtorch(no_gpu):
    openmmtorch = pytest.importorskip("openmmtorch")
    expected = "python-torch" if hasattr(openmmtorch, "PythonTorchForce") else "torch"
    assert make("auto")[0].backend == expected


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["CUDA", "HIP", "OpenCL"])
def test_auto_takes_graphs_where_both_have_a_gpu(monkeypatch, name):
    """torch uses no GPU of OpenCL's."""
    openmmtorch = pytest.importorskip("openmmtorch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(openmm.Platform, "getNumPlatforms", lambda: 1)
    found = types.SimpleNamespace(getName=lambda: name)
    monkeypatch.setattr(openmm.Platform, "getPlatform", lambda _: found)
    expected = "torch" if name == "OpenCL" else "python"
    if hasattr(openmmtorch, "PythonTorchForce"):
        expected = "python-torch"
    assert make("auto")[0].backend == expected


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (ModuleNotFoundError("No module named 'openmmtorch'", name="openmmtorch"), "not installed"),
        (ImportError("libnvrtc.so.12: cannot open shared object file"), "libnvrtc.so.12"),
        (ModuleNotFoundError("No module named 'simtk'", name="simtk"), "No module named 'simtk'"),
    ],
)
def test_auto_does_without_openmmtorch(no_gpu, monkeypatch, error, found):
    break_openmmtorch(monkeypatch, error)
    with pytest.warns(UserWarning, match=f"{found}.*Using openmm.PythonForce") as warned:
        propagator, _ = make("auto")
    assert propagator.backend == "python"
    assert "\n" not in str(warned[0].message)
    with pytest.raises(RuntimeError, match=found):
        make("torch")


def test_openmmtorch_without_the_forces(monkeypatch):
    monkeypatch.setitem(sys.modules, "openmmtorch", types.ModuleType("openmmtorch"))
    with pytest.raises(RuntimeError, match="no PythonTorchForce"):
        make("python-torch")
    with pytest.raises(RuntimeError, match="no TorchForce"):
        make("torch")
    with pytest.raises(ValueError, match="Unknown backend 'cuda'"):
        make("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")
def test_python_force_runs_its_network_on_the_gpu_of_the_context():
    made = simulation(backend="python", usual="CUDA")
    made.step(MD_FRAMES * STEPS_PER_FRAME + 1)
    bridge = made.integrator._bridge.callable._bridge
    assert made.integrator.statistics.attempted == 1
    assert bridge.jump.device.type == "cuda" and bridge.jump._graph is not None
    assert not bridge.window.frames.is_cuda
    assert (arrays(made)[0] ** 2).sum() > 0


def test_python_torch_force_makes_the_same_trajectory():
    openmmtorch = pytest.importorskip("openmmtorch")
    if not hasattr(openmmtorch, "PythonTorchForce"):
        pytest.skip("this openmm-torch has no PythonTorchForce: it needs one after June 2026")
    ends = []
    for backend in ("python", "python-torch"):
        made = simulation(backend=backend)
        made.step(200)
        ends.append(arrays(made)[0])
    assert abs(ends[0] - ends[1]).max() < 1e-6


def test_python_torch_calls_pass_tensors():
    """The interface of PythonTorchForce, by hand: (state, positions) -> (energy, forces)."""
    import torch

    made = simulation(known={"turn": 1.0})
    call = made.integrator._bridge.callable

    class State:
        def __init__(self, phase):
            self.phase = phase

        def getParameters(self):
            return {"stegmn_phase": self.phase}

    positions = torch.as_tensor(arrays(made)[0])
    energy, forces = call(State(0.0), positions)
    assert energy == 0 and forces.shape == (22, 3) and not forces.any()
    assert call(State(100.0), positions)[0] == 2  # no window yet
    for _ in range(3):
        energy, weights = call(State(float(PHASE_FRAME)), positions)
        assert energy == 0 and weights.shape == (22, 3) and len(weights.unique()) == 66
    energy, forces = call(State(100.0), positions.float())
    assert energy == 0 and forces.dtype == torch.float32
    centre = positions.mean(0)
    turned = (positions - centre) @ made_rotation().T + centre
    torch.testing.assert_close(positions + forces, turned, atol=1e-6, rtol=0)
    assert call(State(101.0), positions)[0] < 1e-2


def made_rotation():
    topology, system, _ = peptide()
    return KnownJump(spec_for(topology, system), turn=1.0).rotation


def energy_in_phase(system, phase):
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), *platform())
    context.setPositions(peptide()[2])
    context.setParameter("stegmn_phase", phase)
    return context.getState(energy=True, groups={31}).getPotentialEnergy()._value


def test_serialised_system_names_the_model_file(tmp_path):
    path = tmp_path / "model.safetensors"
    topology, system, _ = peptide()
    save_model(build_model(spec_for(topology, system)), path)
    _, system = make("python", load_model(path))
    text = openmm.XmlSerializer.serialize(system)
    again = openmm.XmlSerializer.deserialize(text)
    assert energy_in_phase(again, 0.0) == 0
    assert 0 < energy_in_phase(again, 101.0) < 1e-2
    save_model(build_model(spec_for(topology, system, temperature=310.0)), path)
    with pytest.raises(openmm.OpenMMException, match="has changed"):
        energy_in_phase(openmm.XmlSerializer.deserialize(text), 101.0)


def test_unsaved_model_serialises_to_a_stub():
    _, system = make("python")
    again = copy.deepcopy(system)
    with pytest.raises(openmm.OpenMMException, match="has no file"):
        energy_in_phase(again, 1.0)
    topology, _, positions = peptide()
    model = build_model(spec_for(topology, system))
    again = copy.deepcopy(again)  # the failed Context lives on in the exception
    propagator = STEGMNPropagator(again, topology, model, langevin(), backend="python")
    made = app.Simulation(topology, again, propagator, *platform())
    made.context.setPositions(positions)
    made.step(51)
    assert propagator.statistics.attempted == 1


def test_a_jump_leaves_no_graph_behind():
    """TorchForce freezes the module and asks for gradients: each jump once kept 16 MB for good."""
    topology, system, positions = peptide()
    model = build_model(spec_for(topology, system)).requires_grad_(False)
    embedding = Embedding.of(system, range(system.getNumParticles()))
    bridge = torch.jit.freeze(scripted_bridge(model, embedding).eval())
    shown = torch.tensor(positions.value_in_unit(unit.nanometer), dtype=torch.float64)
    shown.requires_grad_(True)
    for phase in (*[PHASE_FRAME] * model.history, PHASE_JUMP, PHASE_CHECK, PHASE_TURN):
        answers = bridge(shown + 0.0, torch.tensor(float(phase)))
        assert not any(answer.requires_grad for answer in answers)
    assert not bridge.rotations.requires_grad and not bridge.window.frames.requires_grad
