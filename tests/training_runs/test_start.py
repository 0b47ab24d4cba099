"""Training that starts from another model: its weights, and what it is refused for."""

import dataclasses

import pytest
import torch
from short_runs import molecule, short_runs

from openmm_stegmn.data import WindowSet, describe_molecule
from openmm_stegmn.models import ModelSpec, build_model, load_model, save_model
from openmm_stegmn.training import TrainingConfig, train
from openmm_stegmn.training_runs import TrainSettings, _train, train_on
from openmm_stegmn.training_runs._plan import plan_training

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]
CONFIG = {"hidden": 8, "layers": 1, "heads": 2}


def specification(**changes):
    values = describe_molecule(molecule().topology, molecule().system)
    values |= {"architecture": "stegmn", "history": 3, "frame_interval": 0.02, "config": CONFIG}
    return ModelSpec(**values | changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A file of a model with weights that least squares would not give."""
    windows = WindowSet.from_trajectories([short_runs()[0].frames], 3)
    model = train(
        build_model(specification()), windows, TrainingConfig(steps=3, batch_size=8),
        accelerator="cpu", progress=False,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("models") / "first.safetensors"
    save_model(model, path)
    return path


def settings(start, steps=2, **changes):
    training = TrainingConfig(steps=steps, batch_size=8, learning_rate=1e-12, weight_decay=0.0)
    return TrainSettings(start=str(start), training=training, device="cpu", free_jumps=0, **changes)


def learned(model):
    return {k: v for k, v in model.state_dict().items() if not k.startswith("context.")}


def test_weights_are_those_of_the_other(trained):
    before = learned(load_model(trained))
    plan = plan_training(molecule(), short_runs(), settings(trained))
    assert all(torch.equal(value, before[name]) for name, value in learned(plan.model).items())
    assert all(parameter.requires_grad for parameter in plan.model.parameters())
    # ... and nothing is fitted anew: steps that are nothing leave them as they are
    result = train_on(molecule(), short_runs(), settings(trained), progress=False)
    for name, value in learned(result.model).items():
        torch.testing.assert_close(value, before[name], atol=1e-6, rtol=0)
    provenance = result.model.spec.provenance["started_from"]
    assert provenance == {"model": "first.safetensors", "sha256": load_model(trained).sha256}
    assert (result.model.history, result.model.spec.config) == (3, CONFIG)


def test_packaged_models_are_known_by_name():
    plan = plan_training(molecule(), short_runs(), settings("alanine-dipeptide"))
    assert plan.model.history == 10 and plan.start.source.stem == "alanine-dipeptide"


def test_refused(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(_train, "train", None)  # would fail if it were used

    def refused(found, start=trained, **changes):
        with pytest.raises(ValueError, match=found):
            train_on(molecule(), short_runs(), settings(start, **changes), progress=False)

    refused("cannot read model 'absent.safetensors'", "absent.safetensors")
    refused("for target jump, not proposal", target="proposal")
    refused("history: leave it out, training from .*first.safetensors takes it", history=3)
    refused("config: leave it out", config=CONFIG)
    save_model(build_model(specification(architecture="linear", config={})), tmp_path / "l")
    refused("is linear, which has a closed form", tmp_path / "l")
    names = list(specification().atom_names)
    names[3] = "XY"
    save_model(build_model(dataclasses.replace(specification(), atom_names=names)), tmp_path / "n")
    refused(r"n has atom names XY where the molecule has .* \(number 3\)", tmp_path / "n")
