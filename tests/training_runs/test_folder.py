"""The folder of a training run: what it is refused for, and that a killed run goes on."""

import csv
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import openmm
import pytest
import torch
from short_runs import molecule, short_runs

from openmm_stegmn.data import Trajectory
from openmm_stegmn.training import TrainingConfig
from openmm_stegmn.training_runs import TrainSettings, _train, train_on, training_folder

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]
TRAINING = {"steps": 14, "batch_size": 8, "validate_every": 4, "learning_rate": 1e-2}
# In a process of its own, which kills itself in step 10
KILLED = f"""
import os, signal, sys
import torch
sys.path.insert(0, {str(Path(__file__).parents[1] / "data")!r})
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_folder import run, settings
from openmm_stegmn.training import _tasks
torch.set_num_threads(1)
step, taken = _tasks.JumpTask.training_step, []
def counted(self, *args):
    taken.append(1)
    if len(taken) == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *args)
_tasks.JumpTask.training_step = counted
run(settings(), sys.argv[1])
"""


def settings(**changes):
    training = TrainingConfig(**TRAINING | changes)
    config = {"hidden": 8, "layers": 1, "heads": 2}
    return TrainSettings(history=3, config=config, training=training, device="cpu", free_jumps=0)


def run(settings, folder=None, trajectories=None, **options):
    data = trajectories or short_runs()
    return train_on(molecule(), data, settings, progress=False, folder=folder, **options)


def test_a_killed_run_goes_on_to_the_same_model(tmp_path):
    folder = tmp_path / "mine.training"
    killed = subprocess.run([sys.executable, "-c", KILLED, folder], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (folder / "last.ckpt").is_file() and not (folder / "learning_curve.png").exists()
    resumed, whole = run(settings(), folder, resume=True), run(settings())
    assert resumed.verdict == whole.verdict
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert (folder / "learning_curve.png").is_file()
    lines = list(csv.DictReader((folder / "metrics.csv").open()))
    validated = {float(row["step"]): row for row in lines if row["validation"]}
    assert list(validated) == [4, 8, 12, 14]
    assert all(float(row["ratio"]) > 0 for row in validated.values())


def test_ratio_is_of_the_best_baseline(tmp_path):
    """After steps that change nothing, the model is the least-squares solution it starts from."""
    result = run(settings(learning_rate=1e-12, steps=4), tmp_path / "a.training")
    row = list(csv.DictReader((tmp_path / "a.training" / "metrics.csv").open()))[-1]
    from openmm_stegmn.training import evaluate
    from openmm_stegmn.training_runs._baselines import fit_baselines
    from openmm_stegmn.training_runs._plan import plan_training

    windows = plan_training(molecule(), short_runs(), settings()).windows
    others = fit_baselines(result.model, windows["training"], TrainingConfig(), "cpu")
    error = {
        name: evaluate(each, windows["validation"]).mean_torsion_rmse
        for name, each in {**others, "own": result.model}.items()
    }
    own = error.pop("own")
    assert float(row["ratio"]) == pytest.approx(own / min(error.values()), rel=1e-4)


def test_folders(tmp_path, monkeypatch):
    folder = training_folder(tmp_path / "mine.safetensors")
    assert folder == tmp_path / "mine.training"
    monkeypatch.setattr(_train, "train", None)  # would fail if it were used
    with pytest.raises(ValueError, match="nothing to resume: no training run in .*mine.training"):
        run(settings(), folder, resume=True)
    # Bad input makes no folder
    with pytest.raises(ValueError, match="every 1 ps"):
        run(settings(), folder, [*short_runs(), Trajectory(short_runs()[0].frames, 1.0, "b.xtc")])
    assert not folder.exists()
    folder.mkdir()
    (folder / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match="mine.training: exists and is no training run"):
        run(settings(), folder, overwrite=True)
    assert (folder / "thesis.tex").is_file()


def test_a_run_of_something_else(tmp_path, monkeypatch):
    folder = tmp_path / "mine.training"
    run(settings(steps=1), folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(_train, "train", None)
        with pytest.raises(ValueError, match="holds a training run; add --resume to go on"):
            run(settings(steps=1), folder)
        with pytest.raises(ValueError, match="its run has training.steps 1, now it is 2; resume"):
            run(settings(steps=2), folder, resume=True)
        with pytest.raises(ValueError, match=r'its run has trajectories \[\{"source": "run1.xtc"'):
            run(settings(steps=1), folder, short_runs()[:2], resume=True)
        others = [replace(each, frames=each.frames + 1) for each in short_runs()]
        with pytest.raises(ValueError, match="its run has frames_sha256"):
            run(settings(steps=1), folder, others, resume=True)
        heavier = replace(molecule(), system=openmm.XmlSerializer.clone(molecule().system))
        heavier.system.setParticleMass(4, 13)
        with pytest.raises(ValueError, match="its run has molecule_sha256"):
            train_on(heavier, short_runs(), settings(steps=1), folder=folder, resume=True)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    run(settings(steps=2), folder, overwrite=True)
    assert json.loads((folder / "settings.json").read_text())["training.steps"] == 2
