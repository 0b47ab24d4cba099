"""Training that was stopped goes on to the weights that it would have had."""

import csv
import logging

import lightning
import pytest
import torch
from molecules import SMALL_STEGMN, alkane, random_walk
from small_proposals import SMALL_PROPOSAL

from openmm_stegmn.data import WindowSet
from openmm_stegmn.models import build_model
from openmm_stegmn.training import TrainingConfig, train

SKELETON = alkane(5, hydrogens=False)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]
CONFIG = {"steps": 26, "batch_size": 8, "validate_every": 6, "learning_rate": 1e-2}


class StopAt(lightning.Callback):
    """As a crash would."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step:
            raise OSError("the disk is full")


def jump(seed=0):
    torch.manual_seed(seed)
    return build_model(SKELETON.spec("stegmn", history=2, config=SMALL_STEGMN))


def cartesian(seed=0):
    """Trained on positions, whose scale is that of the model before training."""
    torch.manual_seed(seed)
    config = SMALL_STEGMN | {"kinematics": "cartesian"}
    return build_model(SKELETON.spec("stegmn", history=2, config=config))


def proposal(seed=0):
    """Draws blocks at random in every step."""
    torch.manual_seed(seed)
    config = SMALL_PROPOSAL | {"lags": (None, 1, 2), "block": 1}
    return build_model(SKELETON.spec("stegmn-proposal", 1, config=config))


@pytest.fixture(scope="module")
def windows():
    return [
        WindowSet.from_trajectories([random_walk(SKELETON, 60, seed=s).float()], history=2)
        for s in range(2)
    ]


def run(model, windows, folder=None, callbacks=(), resume=False, **changes):
    return train(
        model, windows[0], TrainingConfig(**CONFIG | changes), validation=windows[1],
        accelerator="cpu", progress=False, folder=folder, resume=resume, callbacks=callbacks,
    )  # fmt: skip


def stopped(model, windows, folder, step, **changes):
    with pytest.raises(OSError, match="disk is full"):
        run(model, windows, folder, [StopAt(step)], **changes)


def assert_same(first, second):
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def table(folder):
    return [
        {name: value for name, value in row.items() if value}
        for row in csv.DictReader((folder / "metrics.csv").read_text().splitlines())
    ]


@pytest.mark.parametrize("make", [jump, cartesian, proposal])
def test_resumed_training_ends_where_uninterrupted_training_does(windows, tmp_path, make):
    whole = run(make(), windows, tmp_path)
    lines = table(tmp_path)
    parts = tmp_path / "parts"
    parts.mkdir()
    # Before the first checkpoint, in the middle of an interval, and at its end
    stopped(make(), windows, parts, 3)
    stopped(make(), windows, parts, 16, resume=True)
    stopped(make(), windows, parts, 24, resume=True)
    resumed = run(make(), windows, parts, resume=True)
    assert_same(whole, resumed)
    assert table(parts) == lines
    # ... and both are those of training without a folder
    assert_same(whole, run(make(), windows))


def test_without_resuming_it_begins_again(windows, tmp_path):
    stopped(jump(), windows, tmp_path, 14)
    again = run(jump(seed=1), windows, tmp_path)
    assert_same(again, run(jump(seed=1), windows))


def test_a_finished_run_is_not_trained_further(windows, tmp_path):
    whole = run(jump(), windows, tmp_path)
    assert_same(whole, run(jump(), windows, tmp_path, [StopAt(27)], resume=True))


def test_what_it_leaves(windows, tmp_path):
    run(jump(), windows, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {
        "last.ckpt", "metrics.csv", "learning_curve.png",
    }  # fmt: skip
    assert (tmp_path / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    lines = table(tmp_path)
    # Every validation, the last of fewer steps than the others
    assert [int(row["step"]) for row in lines if "validation" in row] == [6, 12, 18, 24, 26]
    assert [int(row["step"]) for row in lines if "loss" in row] == [10, 20]


def test_it_stops_early_where_validation_does_not_improve(windows, tmp_path):
    harmful = {"learning_rate": 0.3, "average_decay": 0.0, "patience": 2, "steps": 120}
    stopped(jump(), windows, tmp_path, 5, **harmful)
    best = run(jump(), windows, tmp_path, **harmful)
    validated = [row for row in table(tmp_path) if "validation" in row]
    assert 3 <= len(validated) < 20
    losses = [float(row["validation"]) for row in validated]
    assert min(losses[-2:]) >= min(losses[:-2])
    # Having stopped, it stays so.
    assert_same(best, run(jump(), windows, tmp_path, resume=True, **harmful))
    assert [row for row in table(tmp_path) if "validation" in row] == validated


def test_stopping_early_needs_validation_windows(windows):
    with pytest.raises(ValueError, match="patience = 3: expected validation windows"):
        train(jump(), windows[0], TrainingConfig(patience=3), accelerator="cpu", progress=False)
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        TrainingConfig(patience=0)


def test_the_bar_tells_losses_and_the_time_left(windows, capsys, monkeypatch):
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    monkeypatch.setenv("COLUMNS", "150")
    train(
        jump(), windows[0], TrainingConfig(**CONFIG), validation=windows[1], accelerator="cpu",
        progress=True,
    )  # fmt: skip
    found = capsys.readouterr()
    assert found.out == ""
    assert "26/26 steps" in found.err
    assert "loss " in found.err and "validation " in found.err


def test_tensorboard_reads_what_the_table_holds(windows, tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    run(jump(), windows, tmp_path)
    events = accumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    for name in ("loss", "validation"):
        found = [(event.step, event.value) for event in events.Scalars(name)]
        expected = [(int(row["step"]), float(row[name])) for row in table(tmp_path) if name in row]
        assert [step for step, _ in found] == [step for step, _ in expected]
        assert [x for _, x in found] == pytest.approx([x for _, x in expected], rel=1e-5)
