"""Training and measuring models that give several frames from one evaluation."""

import pytest
import torch
from molecules import alkane, perturbed_model, random_walk, small_config

from openmm_stegmn.data import WindowBlocks, WindowSet, superpose_windows
from openmm_stegmn.mechanics import superpose
from openmm_stegmn.models import build_model
from openmm_stegmn.training import TrainingConfig, evaluate, measure_stability, train
from openmm_stegmn.training._tasks import PositionTask, TorsionTask, split

SKELETON = alkane(5, hydrogens=False)
HISTORY, HORIZON = 2, 3

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]


def model(name, seed=0, horizon=HORIZON, **config):
    torch.manual_seed(seed)
    config = small_config(name) | config
    return build_model(SKELETON.spec(name, HISTORY, config=config, horizon=horizon))


def windows_of(frames, history=HISTORY + HORIZON - 1):
    return WindowSet.from_trajectories([f.float() for f in frames], history=history)


@pytest.fixture(scope="module")
def walks():
    return windows_of([random_walk(SKELETON, 40, seed=s) for s in range(2)])


def flights(count=20, length=8):
    """Atoms that fly apart at constant velocities, which differ from trajectory to trajectory."""
    generator = torch.Generator().manual_seed(0)
    v = 0.1 * torch.randn(count, 1, SKELETON.n_atoms, 3, generator=generator)
    return list(SKELETON.frame.float() + torch.arange(length)[:, None, None] * v)


def quiet(task):
    task.log = lambda *_, **__: None
    return task


def test_stretches_are_split_by_the_model(walks):
    made = model("egno")
    assert made.segment == 4 and made.trained_frames == 3
    index = torch.tensor([0, 5])
    stretches = walks.take_stretches(index)
    window, following = split(stretches, made)
    torch.testing.assert_close(torch.cat([window, following], 1), stretches)
    assert following.shape == (2, HORIZON, SKELETON.n_atoms, 3)
    # Backwards, what came before is what follows.
    task = PositionTask(made, walks, TrainingConfig())
    mirrored, before = task.example(walks, index + len(walks))
    torch.testing.assert_close(torch.cat([before.flip(1), mirrored.flip(1)], 1), stretches)
    # A roll-out is trained on the next frame.
    rolled_out = model("stegmn", kinematics="elastic")
    assert (rolled_out.segment, rolled_out.trained_frames) == (4, 1)
    torch.testing.assert_close(split(stretches, rolled_out)[1], following[:, :1])


def test_windows_that_are_too_short_are_told(walks):
    made = model("egno")
    with pytest.raises(ValueError, match="windows of 3 frames are shorter .* history=4"):
        train(made, windows_of([random_walk(SKELETON, 20)], 3), accelerator="cpu", progress=False)


def test_loss_is_the_mean_over_the_frames():
    """Each frame counts: against frames that follow, and relative to before training."""
    windows = windows_of(flights())
    made = model("linear-dynamics", superposed=False)
    with torch.no_grad():
        made.network.time.copy_(torch.tensor([1.0, 2.0, 2.0]))
    task = quiet(PositionTask(made, windows, TrainingConfig()))
    index = torch.arange(len(windows))
    assert task.training_step(index, 0).item() == pytest.approx(1.0, abs=1e-5)
    last = windows.take_stretches(index)
    v = last[:, 1] - last[:, 0]
    # A third frame that is short by one velocity, averaged over three
    torch.testing.assert_close(task.scale, v.square().mean((0, 2)) / 3)
    with torch.no_grad():
        made.network.time.copy_(torch.tensor([1.0, 2.0, 3.0]))
    assert task.training_step(index, 0).item() == pytest.approx(0.0, abs=1e-5)


def test_least_squares_sees_all_frames():
    windows, made = windows_of(flights()), model("linear-dynamics", superposed=False)
    with torch.no_grad():
        made.network.time.zero_()
    train(made, windows, accelerator="cpu", progress=False)
    torch.testing.assert_close(made.network.time, torch.arange(1.0, 4), atol=1e-4, rtol=0)


def test_training_fits_all_frames():
    """The first and the last frame of a linear flight each have a displacement of their own."""
    windows, made = windows_of(flights()), model("egnn-tb", superposed=False, layers=1)
    config = TrainingConfig(
        steps=150, batch_size=64, learning_rate=2e-2, average_decay=0.9, weight_decay=0.0
    )
    train(made, windows, config, accelerator="cpu", progress=False)
    window, following = split(windows.take_stretches(slice(None)), made)
    with torch.no_grad():
        error = (made(window) - following).square().mean((0, 2, 3))
    assert (error < 0.02 * (window[:, -1:] - following).square().mean((0, 2, 3))).all()


@pytest.mark.parametrize("name", ["egno", "egno-rigid", "egnn"])
def test_training_lowers_the_loss(walks, name):
    made = model(name)
    kind = TorsionTask if name == "egno-rigid" else PositionTask
    index = torch.arange(len(walks))
    config = TrainingConfig(steps=40, batch_size=64, learning_rate=1e-2, average_decay=0.5)
    window, following = split(walks.take_stretches(index), made)
    made.fit(WindowBlocks.of(window, following if made.at_once else following[:, 0]))
    task = quiet(kind(made, walks, TrainingConfig()))
    with torch.no_grad():
        before = task.loss(*task.example(walks, index)).item()
    train(made, walks, config, accelerator="cpu", progress=False, fitted=True)
    with torch.no_grad():
        assert task.loss(*task.example(walks, index)).item() < before


def test_auxiliary_loss_is_added_in_training(walks):
    made = model("eghn", horizon=1, auxiliary_weight=0.5).train()
    task = quiet(PositionTask(made, walks, TrainingConfig()))
    index = torch.arange(20)
    total = task.training_step(index, 0)
    bare = task.loss(*task.example(walks, index))
    cut = made.network.hierarchy.cut_loss
    torch.testing.assert_close(total, bare + 0.5 * cut)
    assert made.eval().take_auxiliary_loss() is not None  # that of the last evaluation
    task.loss(*task.example(walks, index))
    assert made.take_auxiliary_loss() is None


def test_a_network_that_moves_whole_molecules_is_trained_on_positions():
    """Rigid motion of a body that flies and does not turn is learned, with superposed=False."""
    flight = torch.tensor([0.2, 0.1, 0.0])
    frames = SKELETON.frame.float() + torch.arange(12)[:, None, None] * flight
    made = model("egno-rigid", superposed=False)
    assert not made.trained_on_torsions and model("egno-rigid").trained_on_torsions
    config = TrainingConfig(steps=60, batch_size=8, learning_rate=2e-2, average_decay=0.5)
    train(made, windows_of([frames]), config, accelerator="cpu", progress=False)
    with torch.no_grad():
        predicted = made(frames[:HISTORY])[-1]
    assert (predicted - frames[HISTORY + HORIZON - 1]).norm(dim=-1).max() < 0.3 * HORIZON * 0.2


@pytest.mark.parametrize("name", ["egno", "linear"])
def test_accuracy_is_that_of_the_last_frame(walks, name):
    """Whether frames come at once, or linear extrapolation is rolled out."""
    made = perturbed_model(SKELETON, name, HISTORY, scale=0.1, horizon=HORIZON)
    stretches = walks.take_stretches(torch.arange(len(walks)))
    masses = made.context.masses
    window, target = superpose_windows(stretches[:, :HISTORY], stretches[:, -1], masses)
    with torch.no_grad():
        frame = superpose(made(window)[:, -1], window[:, -1], masses.float())
    mse = (frame - target).square().mean().item()
    assert evaluate(made, walks).position_mse == pytest.approx(mse, rel=1e-4)
    with pytest.raises(ValueError, match="windows of 3 frames are too short .* history=4"):
        evaluate(made, windows_of([random_walk(SKELETON, 20)], 3))


def test_free_jumps_go_ahead_by_all_frames(walks):
    """Three jumps of three frames are nine frames of flight at the velocity of the window."""
    made = model("linear-dynamics", superposed=False).eval()
    shapes = measure_stability(made, windows_of(flights(2, 5)), jumps=(3,), starts=2)
    ahead = torch.stack([f[1] + 9 * (f[1] - f[0]) for f in flights(2, 5)])
    share = (made.context.masses / made.context.masses.sum()).float()[:, None]
    centred = ahead - (share * ahead).sum(1, keepdim=True)
    gyration = (share * centred.square()).sum((1, 2)).sqrt().mean().item()
    assert shapes[-1].gyration == pytest.approx(gyration, rel=1e-4)
