"""Batches in parts: as many windows at a time as fit, and the training that the whole gives."""

import csv
import weakref

import pytest
import torch
from molecules import SMALL_STEGMN, alkane, random_walk
from torch import nn

from openmm_stegmn.data import WindowSet
from openmm_stegmn.models import build_model
from openmm_stegmn.training import ProposalTask, TorsionTask, TrainingConfig, _loop, evaluate, train
from openmm_stegmn.training._memory import bytes_of_window, parts_of

SKELETON = alkane(5, hydrogens=False)


def windows(seed=0, history=2):
    frames = random_walk(SKELETON, 80, seed=seed).float()
    return WindowSet.from_trajectories([frames], history=history)


def model():
    torch.manual_seed(0)
    return build_model(SKELETON.spec("stegmn", history=2, config=SMALL_STEGMN))


def test_bytes_are_those_kept_for_gradients():
    weight = torch.randn(7, 7, requires_grad=True)
    # exp keeps what it gives, (n, 7); the product its input and the weight
    kept = bytes_of_window(lambda index: (torch.ones(len(index), 7) @ weight).exp().sum())
    assert kept == 2 * 7 * 4
    assert bytes_of_window(lambda index: torch.ones(len(index), 7).exp().sum()) == 0


@pytest.mark.parametrize("function", [torch.softmax, torch.norm], ids=["softmax", "norm"])
def test_what_was_measured_is_not_kept(function):
    """Gradients of these read what they return."""
    weight, results = nn.Parameter(torch.rand(8)), []

    def compute(index):
        result = function(weight * (1.0 + index[:, None]), dim=-1)
        results.append(weakref.ref(result))
        return result.sum()

    assert bytes_of_window(compute) > 0
    assert len(results) == 2 and all(result() is None for result in results)


@pytest.mark.parametrize(
    ("batch", "window", "most", "parts"),
    [(256, 10, 2560, 1), (256, 10, 2559, 2), (256, 10, 100, 32), (6, 10, 45, 2), (7, 10, 45, 7),
     (8, 10, 1, 8), (8, 0, 1, 1)],
)  # fmt: skip
def test_parts(batch, window, most, parts):
    assert parts_of(batch, window, most) == parts


def run(folder, monkeypatch, most):
    monkeypatch.setattr(_loop, "room", lambda device: most)
    made, config = model(), TrainingConfig(steps=20, batch_size=8, validate_every=10)
    sizes, real = set(), TorsionTask.training_step
    with monkeypatch.context() as patch:
        patch.setattr(
            TorsionTask, "training_step",
            lambda self, index, _: (sizes.add(len(index)), real(self, index, _))[1],
        )  # fmt: skip
        train(
            made, windows(), config, validation=windows(1), accelerator="cpu", progress=False,
            folder=folder,
        )  # fmt: skip
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    return made, rows, sizes


def test_a_batch_in_parts_trains_as_a_whole_one(tmp_path, monkeypatch):
    window = TorsionTask(model(), windows(), TrainingConfig()).bytes_of_window()
    assert 1_000 < window < 1_000_000
    found = []
    for name, most, size in (("one", 1e9, 8), ("four", 2.5 * window, 2)):
        (tmp_path / name).mkdir()
        made, rows, sizes = run(tmp_path / name, monkeypatch, most)
        assert sizes == {size}
        assert [int(row["step"]) for row in rows if row["loss"]] == [10, 20]
        found.append((made, [float(row["loss"] or row["validation"]) for row in rows]))
    assert found[1][1] == pytest.approx(found[0][1], rel=1e-4)
    for first, second in zip(found[0][0].parameters(), found[1][0].parameters(), strict=True):
        torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")
@pytest.mark.parametrize("fitted", [False, True])
def test_room_is_that_of_the_gpu_that_trains(monkeypatch, fitted):
    """Also of a model that training goes on from, which comes on the CPU."""
    asked = []
    monkeypatch.setattr(_loop, "room", lambda device: (asked.append(torch.device(device)), 1e9)[1])
    config = TrainingConfig(steps=2, batch_size=8, validate_every=2)
    train(model(), windows(), config, fitted=fitted, accelerator="gpu", progress=False)
    assert [device.type for device in asked] == ["cuda"]


def test_measuring_changes_no_random_numbers():
    spec = SKELETON.spec("stegmn-proposal", history=1, config={"lags": [None, 1], "components": 2})
    task = ProposalTask(build_model(spec), windows(history=2), TrainingConfig())
    before = task.random.get_state()
    assert task.bytes_of_window() > 0
    assert torch.equal(task.random.get_state(), before)


def accumulator(parameter):
    """What adds up the gradient of a parameter: the same as long as some graph holds it."""
    return parameter.view_as(parameter).grad_fn.next_functions[0][0]


@pytest.mark.parametrize("name", ["stegmn", "stegmn-paper", "st-egnn"])
def test_a_model_that_was_measured_is_in_no_graph(name):
    """Else no CUDA graph could be made of its gradients: they would be on another stream."""
    made = build_model(SKELETON.spec(name, history=2))
    task = _loop._task(made)(made.train(), windows(), TrainingConfig(batch_size=8))
    assert task.bytes_of_window() > 0
    for parameter in made.parameters():
        accumulator(parameter).metadata["seen"] = True
    assert not any("seen" in accumulator(parameter).metadata for parameter in made.parameters())


def test_accuracy_does_not_depend_on_the_windows_at_a_time(monkeypatch):
    made = model()
    first = evaluate(made, windows())
    monkeypatch.setattr("openmm_stegmn.training._metrics.room", lambda device: 1.0)
    one = evaluate(made, windows())
    assert one.n_windows == first.n_windows
    assert one.torsion_rmse == pytest.approx(first.torsion_rmse, rel=1e-5)
    assert one.position_mse == pytest.approx(first.position_mse, rel=1e-5)
