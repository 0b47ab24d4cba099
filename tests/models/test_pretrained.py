"""The packaged model fits the packaged molecule, and is better than least squares."""

import pytest

from openmm_stegmn.data import WindowSet, describe_molecule, simulate_replicas
from openmm_stegmn.models import MODELS, ModelSpec, build_model, load_model, packaged_models
from openmm_stegmn.systems import DEFAULT_FORCEFIELDS, build_system
from openmm_stegmn.training import evaluate


@pytest.fixture(scope="module")
def model():
    return load_model("alanine-dipeptide")


@pytest.fixture(scope="module")
def molecule():
    return build_system()


def test_every_packaged_model_loads_and_is_small():
    assert "alanine-dipeptide" in packaged_models()
    for name, path in packaged_models().items():
        assert load_model(name).source == path.resolve()
        assert path.stat().st_size <= 1_000_000


def test_it_fits_the_packaged_molecule(model, molecule):
    values = describe_molecule(molecule.topology, molecule.system)
    lengths = values.pop("constraint_lengths")
    assert model.spec.constraint_lengths == pytest.approx(lengths, rel=1e-6)
    for name, value in values.items():
        assert getattr(model.spec, name) == value, name
    assert model.spec.architecture == "stegmn"
    assert model.frame_interval >= 1.0
    assert model.temperature == 300.0


def test_it_tells_how_it_was_made(model):
    provenance = model.spec.provenance
    assert provenance["force_field"] == list(DEFAULT_FORCEFIELDS)
    assert provenance["script"] == "examples/train_alanine_dipeptide.py"
    assert {"openmm-stegmn", "openmm", "torch"} <= set(provenance["versions"])
    assert provenance["options"]["frame_interval"] == model.frame_interval


BASELINES = sorted(name for name, (cls, _) in MODELS.items() if cls.closed_form)


@pytest.mark.parametrize("baseline", BASELINES)
def test_it_beats_every_baseline_in_every_torsion(model, baseline):
    """As measured by the script that made it, on trajectories it was not trained on."""
    accuracy = model.spec.provenance["accuracy"]
    network, other = accuracy["stegmn"], accuracy[baseline]
    assert network["n_windows"] == other["n_windows"] >= 1000
    assert len(network["torsion_rmse"]) == model.context.body.n_bonds == 7
    pairs = zip(network["torsion_rmse"], other["torsion_rmse"], strict=True)
    assert all(ours < theirs for ours, theirs in pairs)
    assert network["mean_torsion_rmse"] < other["mean_torsion_rmse"]
    assert network["mean_torsion_mae"] < other["mean_torsion_mae"]
    assert network["position_mse_heavy"] < other["position_mse_heavy"]


def test_what_the_file_says_can_be_measured_again(model, molecule):
    """On 60 ps of new dynamics, roughly: better than the last frame."""
    frames = simulate_replicas(
        molecule.system, molecule.positions, [123], 600, frame_interval=0.1, equilibration=5.0
    )
    windows = WindowSet.from_trajectories(frames, model.history, round(model.frame_interval / 0.1))
    values = model.spec.as_dict() | {"architecture": "persistence", "config": {}}
    last = evaluate(build_model(ModelSpec.from_dict(values)), windows)
    network = evaluate(model, windows)
    assert network.mean_torsion_mae < 0.95 * last.mean_torsion_mae
