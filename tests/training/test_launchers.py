"""Training that torchrun or SLURM starts, with as many processes as it is told."""

import os
import subprocess
import sys

import pytest
import torch
from short_runs import short_runs
from trajectory_files import write_trajectory

from openmm_stegmn import load_model
from openmm_stegmn.systems import packaged_structure
from openmm_stegmn.training import check_processes

TRAIN = [
    "train", "--topology", str(packaged_structure("alanine-dipeptide")), "--history", "3",
    "--steps", "20", "--batch-size", "8", "--free-jumps", "0", "--device", "cpu", "--memory", "0",
    "--option", "hidden=8", "--option", "layers=1", "--option", "heads=2",
]  # fmt: skip
MODULE = [sys.executable, "-m", "openmm_stegmn"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port"]
SLURM = {
    "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_JOB_ID": "14242", "SLURM_STEP_ID": "0", "SLURM_NNODES": "1", "SLURM_NODEID": "0",
    "SLURM_NODELIST": "localhost", "SLURM_JOB_NAME": "train",
}  # fmt: skip


def commands(launcher):
    """Command and environment of each process that is started."""
    if launcher == "torchrun":
        return [([*TORCHRUN, "29611", "-m", "openmm_stegmn"], {})]
    if launcher == "slurm":
        return [(MODULE, SLURM | {"SLURM_PROCID": n, "SLURM_LOCALID": n}) for n in ("0", "1")]
    return [(MODULE, {})]


@pytest.mark.slow
def test_launchers_train_the_same_model(tmp_path):
    names = ("run1.xtc", "run2.dcd", "run3.trr")
    for name, trajectory in zip(names, short_runs(), strict=True):
        write_trajectory(tmp_path / name, trajectory.frames)
    files = [word for name in names for word in ("--trajectory", name)]
    models = []
    for launcher, devices in (("one", 1), ("lightning", 2), ("torchrun", 2), ("slurm", 2)):
        options = [*TRAIN, *files, "--devices", str(devices), "--output", f"{launcher}.safetensors"]
        processes = [
            subprocess.Popen(
                [*command, *options], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
                stdout=subprocess.DEVNULL, env=os.environ | environment | {"OMP_NUM_THREADS": "1"},
            )
            for command, environment in commands(launcher)
        ]  # fmt: skip
        for process in processes:
            _, said = process.communicate(timeout=300)
            assert process.returncode == 0, said
        assert not list(tmp_path.glob("frames-*"))
        models.append(load_model(tmp_path / f"{launcher}.safetensors").state_dict())
    one, first, *others = models
    for name, value in first.items():
        torch.testing.assert_close(one[name], value, atol=1e-4, rtol=1e-3)
        for other in others:
            assert torch.equal(other[name], value)


def test_other_processes_than_were_started(monkeypatch):
    check_processes(4, 2)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "8")
    check_processes(4, 2)
    with pytest.raises(ValueError, match="torchrun has started 8 processes, but devices 4 on nod"):
        check_processes(4, 1)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with pytest.raises(ValueError, match="srun has started 2 processes, .* are 1: state the same"):
        check_processes(1, 1)
