"""Training by several processes is that of one, with the same batches in all."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from molecules import SMALL_STEGMN, alkane, random_walk

from openmm_stegmn.data import WindowSet
from openmm_stegmn.models import build_model, load_model, save_model
from openmm_stegmn.training import TrainingConfig, is_first_process, train

SKELETON = alkane(5, hydrogens=False)
# In each of the processes; Lightning starts the second by running the script again
SCRIPT = f"""
import sys
from pathlib import Path
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1] / "mechanics")!r}]
from test_processes import run
if __name__ == "__main__":
    run(Path(sys.argv[1]), devices=2)
"""


def run(folder, **options):
    torch.set_num_threads(1)
    windows = [
        WindowSet.from_trajectories([random_walk(SKELETON, 80, seed=s).float()], history=2)
        for s in range(2)
    ]
    torch.manual_seed(0)
    model = build_model(SKELETON.spec("stegmn", history=2, config=SMALL_STEGMN))
    config = TrainingConfig(
        steps=25, batch_size=8, validate_every=10, learning_rate=1e-2, average_decay=0.5
    )
    train(
        model, windows[0], config, validation=windows[1], accelerator="cpu", progress=False,
        folder=folder, **options,
    )  # fmt: skip
    if is_first_process():
        save_model(model, folder / "model.safetensors")


def validation(folder):
    rows = csv.DictReader((folder / "metrics.csv").open())
    return [float(row["validation"]) for row in rows if row["validation"]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*LeafSpec")
def test_two_processes_make_the_model_of_one(tmp_path):
    one, two, script = tmp_path / "one", tmp_path / "two", tmp_path / "train.py"
    one.mkdir()
    two.mkdir()
    script.write_text(SCRIPT)
    found = subprocess.run(
        [sys.executable, script, two], capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stderr
    assert "MEMBER: 2/2" in found.stderr
    run(one)
    assert validation(two) == pytest.approx(validation(one), rel=1e-4)
    assert len(validation(one)) == 3
    first, second = (load_model(folder / "model.safetensors").state_dict() for folder in (one, two))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, atol=1e-4, rtol=1e-4)


def test_batches_that_cannot_be_shared(tmp_path):
    windows = WindowSet.from_trajectories([random_walk(SKELETON, 20).float()], history=2)
    model = build_model(SKELETON.spec("stegmn", history=2, config=SMALL_STEGMN))
    with pytest.raises(ValueError, match="batch_size 9 cannot be shared by 4 processes"):
        train(model, windows, TrainingConfig(batch_size=9), progress=False, devices=2, nodes=2)
