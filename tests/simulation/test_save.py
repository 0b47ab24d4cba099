"""A propagator in a file: what comes back is the same, and runs no code of the file."""

import inspect
import json
import os
import subprocess
import sys

import numpy as np
import openmm
import pytest
from _members import MEMBERS
from alanine import MD_FRAMES, STEPS_PER_FRAME, arrays, langevin, peptide, simulation, spec_for
from continue_run import outcome
from openmm import app, unit
from platforms import platform

from openmm_stegmn.models import build_model, load_model, save_model
from openmm_stegmn.simulation import IncompatibleModelError, STEGMNPropagator, system_xml

TO_JUMP = MD_FRAMES * STEPS_PER_FRAME


@pytest.fixture
def model(tmp_path):
    topology, system, _ = peptide()
    save_model(build_model(spec_for(topology, system)), tmp_path / "model.safetensors")
    return load_model(tmp_path / "model.safetensors")


def new_system():
    return peptide()[1]


def test_run_goes_on_from_three_files(model, backend, tmp_path):
    """System and settings and State, each as text: the run is the one that was not stopped."""
    integrator = openmm.VerletIntegrator(0.002)
    made = simulation(
        model, backend, integrator, velocities="rotate", temperature=300, guard="none", jumps=2
    )
    made.step(TO_JUMP + 7)
    made.integrator.save(tmp_path / "propagator.json")
    made.saveState(str(tmp_path / "state.xml"))
    text = system_xml(made.system)
    made.step(2 * TO_JUMP)

    system = openmm.XmlSerializer.deserialize(text)
    again = STEGMNPropagator.load(tmp_path / "propagator.json", system, made.topology)
    assert openmm.XmlSerializer.serialize(new_system()) == openmm.XmlSerializer.serialize(
        openmm.XmlSerializer.deserialize(text)
    )
    assert repr(again) == repr(made.integrator)
    assert again.describe() == made.integrator.describe()
    other = app.Simulation(made.topology, system, again, *platform())
    other.loadState(str(tmp_path / "state.xml"))
    other.step(2 * TO_JUMP)
    for name, value in outcome(made).items():
        np.testing.assert_allclose(outcome(other)[name], value, atol=1e-8, err_msg=name)


def test_every_option_is_saved(model, tmp_path):
    made = simulation(model, guard="none", jumps=2, constraint_tolerance=1e-4, velocities="keep")
    made.integrator.save(tmp_path / "propagator.json")
    saved = json.loads((tmp_path / "propagator.json").read_text())["options"]
    parameters = inspect.signature(STEGMNPropagator.__init__).parameters.values()
    names = {p.name for p in parameters if p.kind == p.KEYWORD_ONLY}
    assert set(saved) == names - {"jump_time"}  # which is the model's
    assert saved["jumps"] == 2 and saved["constraint_tolerance"] == 1e-4
    assert saved["atoms"] == list(range(22)) and saved["seed"] == 7


def test_numbers_of_numpy_and_quantities_are_plain_in_files(model, tmp_path):
    """And numbers in a unit as those of the unit that is documented."""
    plain = {
        "md_frames": 3, "jumps": 2, "seed": 7, "switch_substeps": 1, "switch_steps": 5,
        "energy_threshold": 41.84, "temperature": 300.0, "constraint_tolerance": 2.0**-14,
        "fused": False,
    }  # fmt: skip
    kinds = {int: np.int32, float: np.float64, bool: np.bool_}
    given = {name: kinds[type(value)](value) for name, value in plain.items()}
    given["energy_threshold"] = np.float64(10) * unit.kilocalorie_per_mole
    given["temperature"] = 300 * unit.kelvin
    made = simulation(model, **given)
    made.integrator.save(tmp_path / "propagator.json")
    saved = json.loads((tmp_path / "propagator.json").read_text())["options"]
    assert {name: saved[name] for name in plain} == pytest.approx(plain)
    assert repr(made.integrator) == repr(simulation(model, **plain).integrator)
    assert all(type(value) in (int, float, str) for value in made.integrator.describe().values())


@pytest.mark.parametrize("options", [{"guard": "metropolis", "tries": 3}, {"jump_time": 5}])
def test_model_that_draws(options, tmp_path):
    """Trials, or the time drawn for, come back; a packaged model is known by its name."""
    from openmm_stegmn.systems import build_system

    molecule = build_system()
    model = load_model("alanine-dipeptide-exact")
    made = STEGMNPropagator(
        molecule.system, molecule.topology, model, langevin(), backend="python", **options
    )
    made.save(tmp_path / "propagator.json")
    assert json.loads((tmp_path / "propagator.json").read_text())["model"]["name"] == (
        "alanine-dipeptide-exact"
    )
    again = STEGMNPropagator.load(
        tmp_path / "propagator.json", build_system().system, molecule.topology
    )
    assert repr(again) == repr(made)
    assert again.jump_time == options.get("jump_time", 0)


@pytest.mark.parametrize("name", MEMBERS)
def test_integrator_comes_back(name, model, tmp_path):
    integrator = MEMBERS[name].make(310.0, 2.0, 0.002)
    made = simulation(model, integrator=integrator, temperature=310)
    made.step(3)
    made.integrator.save(tmp_path / "propagator.json")
    again = STEGMNPropagator.load(tmp_path / "propagator.json", new_system(), made.topology)
    one, other = made.integrator.getIntegrator(0), again.getIntegrator(0)
    assert openmm.XmlSerializer.serialize(one) == openmm.XmlSerializer.serialize(other)


def test_changes_and_another_integrator(model, tmp_path):
    made = simulation(model)
    made.integrator.save(tmp_path / "propagator.json")
    again = STEGMNPropagator.load(
        tmp_path / "propagator.json", new_system(), made.topology,
        openmm.LangevinMiddleIntegrator(320 * unit.kelvin, 1 / unit.picosecond, 0.001),
        md_frames=9, guard="none",
    )  # fmt: skip
    assert again.steps_per_frame == 2 * STEPS_PER_FRAME
    assert again.describe()["md_frames"] == 9 and again.describe()["guard"] == "none"


def test_model_that_moved_or_changed(model, tmp_path):
    made = simulation(model)
    path = tmp_path / "propagator.json"
    made.integrator.save(path)
    moved = model.source.rename(tmp_path / "moved.safetensors")
    with pytest.raises(ValueError, match="cannot read model"):
        STEGMNPropagator.load(path, new_system(), made.topology)
    STEGMNPropagator.load(path, new_system(), made.topology, model=moved)
    topology, system, _ = peptide()
    save_model(build_model(spec_for(topology, system, temperature=310.0)), model.source)
    count = system.getNumForces()
    with pytest.raises(IncompatibleModelError, match=f"SHA-256 {model.sha256}, but .* has"):
        STEGMNPropagator.load(path, system, topology)
    assert system.getNumForces() == count


def test_model_without_a_file(tmp_path):
    with pytest.raises(ValueError, match="no file to refer to: write it with save_model"):
        simulation().integrator.save(tmp_path / "propagator.json")
    assert not list(tmp_path.iterdir())


def test_files_that_are_none(model, tmp_path):
    made, path = simulation(model), tmp_path / "propagator.json"
    made.integrator.save(path)
    whole = path.read_text()
    broken = [b"\xff\xfe", b"", b"[]", b"{}", whole[:-100].encode()]
    broken += [whole.replace('"format_version": 1', '"format_version": 9').encode()]
    broken += [whole.replace("LangevinMiddleIntegrator", "NoIntegrator").encode()]
    for content in broken:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="propagator.json cannot be read"):
            STEGMNPropagator.load(path, new_system(), made.topology)
    path.unlink()
    with pytest.raises(ValueError, match="propagator.json cannot be read"):
        STEGMNPropagator.load(path, new_system(), made.topology)


def test_xml_of_a_system_has_no_weights_in_a_pickle(model):
    """What OpenMM's XML of a Python force holds: names and numbers, no tensors."""
    made = simulation(model)
    text = openmm.XmlSerializer.serialize(made.system)
    with_bridge = len(text) - len(openmm.XmlSerializer.serialize(new_system()))
    assert with_bridge < 20_000
    force = made.system.getForce(made.system.getNumForces() - 1)
    pickled = openmm.XmlSerializer.serialize(force)
    for word in ("torch", "numpy"):
        assert word.encode().hex() not in pickled


def test_saved_propagator_is_the_same_in_another_process(model, tmp_path):
    made = simulation(model)
    made.integrator.save(tmp_path / "propagator.json")
    made.saveCheckpoint(str(tmp_path / "run.chk"))
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(made.system))
    made.step(TO_JUMP + 3)
    code = (
        "import sys, numpy, openmm\n"
        "from openmm import app\n"
        "from alanine import arrays, peptide\n"
        "from platforms import platform\n"
        "from openmm_stegmn import STEGMNPropagator\n"
        "topology = peptide()[0]\n"
        "system = openmm.XmlSerializer.deserialize(open('system.xml').read())\n"
        "propagator = STEGMNPropagator.load('propagator.json', system, topology)\n"
        "made = app.Simulation(topology, system, propagator, *platform())\n"
        "made.loadCheckpoint('run.chk')\n"
        f"made.step({TO_JUMP + 3})\n"
        "numpy.savez('end.npz', *arrays(made))\n"
    )
    path = ":".join(sys.path)
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    end = np.load(tmp_path / "end.npz")
    for one, name in zip(arrays(made), end.files, strict=True):
        np.testing.assert_array_equal(one, end[name])
