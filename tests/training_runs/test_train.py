"""Training on trajectories: which model comes out, and what it is measured on."""

import copy
import dataclasses
import json

import pytest
import torch
from short_runs import INTERVAL, molecule, short_runs

from openmm_stegmn.data import Trajectory
from openmm_stegmn.training import TrainingConfig
from openmm_stegmn.training_runs import TrainSettings, _train, train_on
from openmm_stegmn.training_runs._plan import plan_training

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]
FEW = TrainingConfig(steps=2, batch_size=8, seed=5)
SMALL = {"hidden": 8, "layers": 1, "heads": 2}


def jump(**changes):
    return TrainSettings(
        **{"history": 3, "config": SMALL, "training": FEW, "device": "cpu", "free_jumps": 2}
        | changes
    )


def proposal(**changes):
    values = {"target": "proposal", "times": (0.04, 0.02), "components": 3, "config": SMALL}
    return TrainSettings(**values | {"training": FEW, "device": "cpu", "free_jumps": 2} | changes)


def run(settings, trajectories=None):
    return train_on(molecule(), trajectories or short_runs(), settings, progress=False)


def test_jump():
    result = run(jump(frame_interval=2 * INTERVAL, temperature=310))
    model = result.model
    assert (model.spec.architecture, model.history, model.temperature) == ("stegmn", 3, 310)
    assert model.frame_interval == 2 * INTERVAL
    assert not model.training and result.acceptance is None
    assert list(result.accuracies)[-1] == "stegmn" and "linear-ar-full" in result.accuracies
    # The last of three trajectories, every second frame: 3 · 2 frames before the last target
    assert {each.n_windows for each in result.accuracies.values()} == {60 - 6}
    assert result.verdict.startswith("stegmn: torsion RMSE")


def test_provenance():
    model = run(jump()).model
    found = model.spec.provenance
    assert found["trajectories"] == [{"source": f"run{n}.xtc", "frames": 60} for n in (1, 2, 3)]
    assert found["force_field"] == ["amber14-all.xml", "obc2_native.xml"]
    assert found["recorded_every_ps"] == INTERVAL
    assert found["settings"]["training"]["steps"] == 2
    assert {"date", "versions"} <= set(found)
    assert found["accuracy"]["stegmn"]["n_windows"] == 57
    assert json.loads(json.dumps(found)) == found


def test_proposal():
    result = run(proposal(block=2))
    model = result.model
    assert model.lags == (None, 1, 2) and (model.components, model.block) == (3, 2)
    assert result.accuracies is None
    assert result.acceptance.n_moves == 4 * 60
    assert 0 <= result.acceptance.acceptance <= 1
    assert f"{100 * result.acceptance.acceptance:.1f} % of moves" in result.verdict
    assert model.spec.provenance["acceptance"]["n_moves"] == 4 * 60


def test_default_times_are_those_of_the_architecture():
    # 50 frame intervals at most: longer than a tenth of these
    with pytest.raises(ValueError, match="span 51 frames, and the validation part has 6"):
        plan_training(molecule(), short_runs()[:2], proposal(times=None))
    assert plan_training(molecule(), short_runs(), proposal(times=None)).model.lags[-1] == 50


def test_fine_tuning_follows_maximum_likelihood(monkeypatch):
    seen, steps, real = [], [], _train.fine_tune

    def fine_tune(model, system, frames, temperature, config, *, validation, **options):
        seen.append((system, len(frames), temperature, config.steps, config.seed, len(validation)))
        return real(model, system, frames, temperature, config, validation=validation, **options)

    monkeypatch.setattr(_train, "fine_tune", fine_tune)
    settings = proposal(fine_tune=3, temperature=320)
    result = train_on(
        molecule(), short_runs(), settings, progress=False, tuned=lambda *step: steps.append(step)
    )
    assert seen == [(molecule().system, 60, 320, 3, 5, 60)]
    assert [step[:2] for step in steps] == [(1, 3), (2, 3), (3, 3)]
    assert not result.model.training and result.acceptance.n_moves == 4 * 60
    assert result.model.spec.provenance["settings"]["fine_tune"] == 3
    run(proposal())
    assert len(seen) == 1


def test_initial_weights_follow_the_seed_and_nothing_else():
    def weights(seed):
        settings = jump(training=TrainingConfig(seed=seed))
        return plan_training(molecule(), short_runs(), settings).model.state_dict()

    first, before = weights(5), torch.random.get_rng_state()
    torch.manual_seed(99)
    again, other = weights(5), weights(6)
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())
    torch.random.set_rng_state(before)


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(_train, "train", None)  # would fail if it were used


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (jump(frame_interval=0.05), "interval 0.05 ps: expected a multiple .* 0.02 ps, such as 0."),
        (jump(frame_interval=0.01), "frame interval 0.01 ps: .* such as 0.02 ps"),
        (proposal(times=(0.02, 0.05)), "time 0.05 ps: expected a multiple of the frame interval"),
        (jump(history=60), "too short: a window and what follows span 61 frames"),
        (jump(history=1), "needs a window of at least 2 frames"),
        (jump(config={"abacus": 3}), "does not take the options .*abacus"),
    ],
)
def test_settings_that_do_not_fit(no_training, settings, found):
    with pytest.raises(ValueError, match=found):
        run(settings)


def test_trajectories_that_do_not_fit(no_training):
    first, second, _ = short_runs()
    with pytest.raises(ValueError, match="run2.xtc has a frame every 1 ps, run1.xtc one every 0.0"):
        run(jump(), [first, Trajectory(second.frames, 1.0, "run2.xtc")])
    with pytest.raises(ValueError, match="no trajectory given"):
        train_on(molecule(), [], jump())


def test_systems_that_jumps_do_not_support(no_training):
    built = molecule()
    system = copy.deepcopy(built.system)
    for number in reversed(range(system.getNumConstraints())):
        system.removeConstraint(number)
    system.setParticleMass(3, 0)
    frozen = dataclasses.replace(built, system=system)
    with pytest.raises(ValueError, match="no mass"):
        train_on(frozen, short_runs(), jump(), progress=False)
