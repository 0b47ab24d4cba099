"""The training loop: what the loss is, that it falls below least squares, and that it repeats."""

import gc
import weakref

import lightning
import pytest
import torch
from molecules import SMALL_STEGMN, alkane, random_walk
from torch import nn

from openmm_stegmn.data import WindowBlocks, WindowSet
from openmm_stegmn.mechanics import wrap_angle
from openmm_stegmn.models import build_model, load_model, save_model
from openmm_stegmn.training import TorsionTask, TrainingConfig, evaluate, train

SKELETON = alkane(5, hydrogens=False)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]


def rotamers(n_frames=400, seed=0):
    """Torsions pulled to three rotamers, which no linear rule of past torsions knows."""
    generator = torch.Generator().manual_seed(seed)
    body, frame, frames = SKELETON.body(), SKELETON.frame, []
    for _ in range(n_frames):
        torsions = body.torsions(frame)
        noise = 0.25 * torch.randn(body.n_bonds, generator=generator, dtype=torch.float64)
        frame, _ = body.move(frame, 0.25 * torch.sin(3 * torsions + 3) + noise)
        frames.append(frame)
    return torch.stack(frames).float()


@pytest.fixture(scope="module")
def windows():
    return WindowSet.from_trajectories([rotamers(seed=s) for s in range(4)], history=2)


def stegmn(seed=0):
    torch.manual_seed(seed)
    return build_model(SKELETON.spec("stegmn", history=2, config=SMALL_STEGMN))


class Predicts(nn.Module):
    """Increments that are those that happened, times a factor."""

    history, trained_frames = 2, 1

    def __init__(self, windows, factor):
        super().__init__()
        self.context = stegmn().context
        _, self.target = windows.take(slice(None))
        self.factor = factor

    def increments(self, window):
        torsions = self.context.body.torsions
        return self.factor * wrap_angle(torsions(self.target) - torsions(window[:, -1]))

    def take_auxiliary_loss(self):
        return None


@pytest.mark.parametrize(("factor", "loss"), [(0.0, 2.0), (1.0, 0.0)])
def test_loss_is_relative_to_the_last_frame(windows, factor, loss):
    """One for the torsions and one for the positions if nothing is predicted to happen."""
    task = TorsionTask(Predicts(windows, factor), windows, TrainingConfig())
    task.log = lambda *_, **__: None
    value = task.training_step(torch.arange(len(windows)), 0).item()
    assert value == pytest.approx(loss, abs=1e-5)


def test_loss_is_on_the_circle(windows):
    task = TorsionTask(stegmn(), windows, TrainingConfig())
    task.log = lambda *_, **__: None
    index = torch.arange(50)
    before = task.training_step(index, 0)
    increments = task.model.increments
    task.model.increments = lambda window: increments(window) + 2 * torch.pi
    torch.testing.assert_close(task.training_step(index, 0), before, atol=1e-4, rtol=0)


def run(windows, seed=3, steps=150):
    config = TrainingConfig(
        steps=steps, batch_size=64, learning_rate=1e-2, average_decay=0.9, seed=seed
    )
    model = train(stegmn(), windows, config, accelerator="cpu", progress=False)
    return model


@pytest.fixture(scope="module")
def trained(windows):
    return run(windows)


def loss_of(model, windows):
    task = TorsionTask(model, windows, TrainingConfig())
    task.log = lambda *_, **__: None
    with torch.no_grad():
        return task.training_step(torch.arange(len(windows)), 0).item()


def test_training_improves_on_least_squares(windows, trained):
    start = stegmn()
    start.fit(WindowBlocks.of_set(windows))
    assert loss_of(trained, windows) < 0.95 * loss_of(start, windows)
    least_squares, network = evaluate(start, windows), evaluate(trained, windows)
    assert network.mean_torsion_rmse < 0.97 * least_squares.mean_torsion_rmse
    # ... and on windows that it has not seen
    unseen = WindowSet.from_trajectories([rotamers(seed=9)], history=2)
    assert evaluate(trained, unseen).mean_torsion_rmse < evaluate(start, unseen).mean_torsion_rmse


def test_a_trained_model_is_ready_for_use(trained):
    assert not trained.training
    assert {p.device.type for p in trained.parameters()} == {"cpu"}


def test_the_molecule_is_not_averaged(trained):
    """Atom indices are buffers; those of an exponential average would drift to other atoms."""
    fresh = dict(stegmn().context.named_buffers())
    for name, value in trained.context.named_buffers():
        assert torch.equal(value, fresh[name]), name


def test_training_repeats(windows):
    first, second = run(windows, steps=10), run(windows, steps=10)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    other = run(windows, seed=4, steps=10)
    assert any(
        not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)
    )


def test_training_leaves_torch_as_it_was(windows):
    model, config = stegmn(), TrainingConfig(steps=2)
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    with torch.no_grad():
        train(model, windows, config, accelerator="cpu", progress=False)
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.rand(3), expected)


def test_training_lets_go_of_its_windows():
    windows = WindowSet.from_trajectories([rotamers(60)], history=2)
    kept = weakref.ref(windows)
    gc.disable()
    try:
        train(stegmn(), windows, TrainingConfig(steps=2), accelerator="cpu", progress=False)
        del windows
        assert kept() is None
    finally:
        gc.enable()


def test_a_trained_model_is_of_no_file_until_it_is_saved(windows, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(stegmn(), path)
    model = load_model(path)
    before = model.sha256
    options = {"accelerator": "cpu", "progress": False, "fitted": True}
    train(model.requires_grad_(True), windows, TrainingConfig(steps=2), **options)
    assert model.source is None and model.sha256 is None
    save_model(model, tmp_path / "more.safetensors")
    assert model.source == tmp_path / "more.safetensors"
    assert model.sha256 == load_model(model.source).sha256 != before


def test_training_leaves_no_files(windows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(windows, steps=2)
    assert list(tmp_path.iterdir()) == []


def test_interrupt_within_lightning_is_an_interrupt(windows, monkeypatch):
    """Lightning makes a SystemExit of Ctrl-C."""

    def as_lightning(*arguments, **options):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise SystemExit(1)  # noqa: B904

    monkeypatch.setattr(lightning.Trainer, "fit", as_lightning)
    with pytest.raises(KeyboardInterrupt):
        run(windows, steps=2)


@pytest.mark.parametrize("name", ["persistence", "linear-ar", "torsion-linear-ar-full"])
def test_closed_forms_are_fitted_and_done(windows, name, monkeypatch):
    monkeypatch.setattr("lightning.Trainer", None)  # would fail if it were used
    model = train(build_model(SKELETON.spec(name, history=2)), windows)
    assert not model.training
    if name != "persistence":
        weights = [
            v for k, v in model.state_dict().items()
            if k.endswith("weights") and not k.startswith("context.")
        ]  # fmt: skip
        assert weights[0].abs().max() > 0


@pytest.mark.parametrize(
    ("option", "value"),
    [("steps", 0), ("batch_size", -1), ("learning_rate", 0.0), ("gradient_clip", float("nan"))],
)
def test_options_that_make_no_sense(option, value):
    with pytest.raises(ValueError, match=f"{option} must be positive, got {value}"):
        TrainingConfig(**{option: value})


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_average_decay(decay):
    with pytest.raises(ValueError, match=rf"average_decay must be in \[0, 1\), got {decay}"):
        TrainingConfig(average_decay=decay)


def test_random_walk_has_nothing_to_learn():
    """On a free random walk the fitted start predicts next to nothing."""
    frames = random_walk(SKELETON, 3000, width=0.3).float()
    windows = WindowSet.from_trajectories([frames], history=2)
    model = train(build_model(SKELETON.spec("torsion-linear-ar-full", history=2)), windows)
    still = evaluate(build_model(SKELETON.spec("persistence", history=2)), windows)
    assert evaluate(model, windows).mean_torsion_rmse == pytest.approx(
        still.mean_torsion_rmse, rel=0.01
    )
