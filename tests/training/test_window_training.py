"""Training a density of what follows a window, on torsions that remember how they turned.

The increments of a torsion are an autoregressive process of first order, Δ' = a Δ + s ξ, so that
the torsion itself is one of second order: two frames tell all there is to know, one frame less.
"""

import math

import pytest
import torch
from molecules import alkane, random_walk
from small_proposals import SMALL_PROPOSAL, small_proposal

from openmm_stegmn.data import WindowSet
from openmm_stegmn.mechanics import wrap_angle
from openmm_stegmn.models import build_model, log_lag
from openmm_stegmn.training import ProposalTask, TrainingConfig, train

SKELETON = alkane(4, hydrogens=False)
LAGS = (1, 2, 5)
MEMORY, KICK = 0.8, 0.15

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]


def remembering(n_frames, seed):
    """Frames of a skeleton whose one torsion walks with memory, stationary from the start."""
    generator = torch.Generator().manual_seed(seed)
    body = SKELETON.body()
    kicks = torch.randn(n_frames, generator=generator, dtype=torch.float64) * KICK
    kicks[0] /= math.sqrt(1 - MEMORY**2)
    turn, turns = 0.0, []
    for kick in kicks.tolist():
        turn = MEMORY * turn + kick
        turns.append(turn)
    start = 2 * math.pi * torch.rand(1, generator=generator, dtype=torch.float64)
    angles = (start + torch.tensor(turns).double().cumsum(0)).unsqueeze(1)
    frames, _ = body.move(
        SKELETON.frame.expand(n_frames, -1, -1), angles - body.torsions(SKELETON.frame)
    )
    return frames.float()


def least_loss(history, lag):
    """Entropy of the conditional density less that of an even one: no density has a lower loss."""
    gains = [(1 - MEMORY**k) / (1 - MEMORY) for k in range(1, lag + 1)]
    variance = KICK**2 * sum(gain**2 for gain in gains)
    if history == 1:
        variance += (MEMORY * gains[-1] * KICK) ** 2 / (1 - MEMORY**2)
    return 0.5 * math.log(2 * math.pi * math.e * variance) - math.log(2 * math.pi)


def trained(history):
    torch.manual_seed(0)
    config = SMALL_PROPOSAL | {"lags": LAGS, "lag": 1}
    model = build_model(SKELETON.spec("stegmn-proposal", history, config=config))
    windows = WindowSet.from_trajectories(
        [remembering(600, seed) for seed in range(4)], history=model.segment
    )
    config = TrainingConfig(steps=200, batch_size=128, learning_rate=1e-2, average_decay=0.95)
    return train(model, windows, config, accelerator="cpu", progress=False)


@pytest.fixture(scope="module")
def models():
    return {history: trained(history) for history in (1, 10)}


def loss_of(model, lag):
    """On frames it was not trained on, forwards."""
    windows = WindowSet.from_trajectories([remembering(3000, 99)], history=model.segment)
    task = ProposalTask(model, windows, TrainingConfig())
    numbers = model.lags.index(lag) * len(windows) + torch.arange(len(windows))
    with torch.no_grad():
        return task.loss(*task.example(windows, numbers)).item()


@pytest.mark.parametrize("lag", LAGS)
def test_windows_of_frames_tell_more_than_one(models, lag):
    losses = {history: loss_of(model, lag) for history, model in models.items()}
    possible = least_loss(1, lag) - least_loss(10, lag)
    assert possible > 0.2
    assert losses[10] < losses[1] - 0.7 * possible
    for history, loss in losses.items():
        # What is left to learn, and chance: 3000 frames.
        assert -0.05 < loss - least_loss(history, lag) < 0.15


def test_jumps_of_the_trained_model_move_as_the_walk_does(models):
    """Each drawn from a window that ends with the one before: variance of the torsion in time."""
    model, count, jumps = models[10].at_lag(1), 2000, 8
    frames = remembering(10 + 10 * count, 7)
    body = model.context.body
    window = torch.stack([frames[10 * i : 10 * i + 10] for i in range(count)])
    generator = torch.Generator().manual_seed(0)
    turned, found = torch.zeros(count), []
    with torch.no_grad():
        for _ in range(jumps):
            frame = model.propose(window, generator).frames
            step = wrap_angle(body.torsions(frame[:, 0]) - body.torsions(window[:, -1]))
            turned = turned + step[:, 0]
            found.append(turned.var().item())
            window = torch.cat([window[:, 1:], frame], 1)
    free = [(MEMORY * (1 - MEMORY**n) / (1 - MEMORY)) ** 2 for n in range(1, jumps + 1)]
    expected = [
        KICK**2 * (sum(((1 - MEMORY**k) / (1 - MEMORY)) ** 2 for k in range(1, n + 1)))
        + first * KICK**2 / (1 - MEMORY**2)
        for n, first in enumerate(free, 1)
    ]
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=0.35)
    # A walk without memory would be half as far after as many jumps.
    assert found[-1] > 2 * jumps * found[0]


@pytest.mark.parametrize("stride", [1, 2])
def test_examples_are_windows_and_what_comes_after_them(stride):
    """Of all times and in both directions, each from one trajectory."""
    lags, history, lengths = (1, 3), 3, (20, 25)
    frames = [random_walk(SKELETON, n, seed=n).float() for n in lengths]
    model = small_proposal(SKELETON, history=history, lags=lags, lag=1).float()
    assert model.segment == 5
    windows = WindowSet.from_trajectories(frames, history=5, stride=stride)
    task = ProposalTask(model, windows, TrainingConfig())
    count = len(windows)
    numbers = torch.arange(4 * count)
    shown, turns, log_lags, _ = task.example(windows, numbers)
    torsions = model.context.body.torsions
    seen = set()
    for number, window, turn, time in zip(numbers.tolist(), shown, turns, log_lags, strict=True):
        lag = round(math.exp(time))
        backwards = number >= 2 * count
        start = int(windows.starts[number % count])
        steps = [0, 1, 2, 2 + lag]
        if backwards:
            steps = [2 + lag - step for step in steps]
        expected = windows.frames[[start + stride * step for step in steps]]
        assert torch.equal(window, expected[:-1])
        torch.testing.assert_close(
            turn, wrap_angle(torsions(expected[-1]) - torsions(expected[-2])), atol=1e-6, rtol=0
        )
        last = start + stride * max(steps)
        assert (start < lengths[0]) == (last < lengths[0]) and last < sum(lengths)
        seen.add((start, lag, backwards))
    assert len(seen) == 4 * count


def test_times_are_told_to_the_density(models):
    """Turns are wider after a longer time."""
    model = models[10]
    frames = remembering(2010, 5)
    window = torch.stack([frames[10 * i : 10 * i + 10] for i in range(200)])
    turns, block = torch.zeros(2, 200, 1), torch.ones(200, 1)
    with torch.no_grad():
        widths = [
            -model.log_density(window, turns[0], block, log_lag(lag).expand(200)).mean()
            for lag in LAGS
        ]
    assert widths[0] < widths[1] < widths[2]


def test_windows_too_short_for_both_are_refused():
    model = small_proposal(SKELETON, history=10, lags=LAGS, lag=1)
    windows = WindowSet.from_trajectories([remembering(50, 0)], history=13)
    with pytest.raises(ValueError, match="13 frames .* window of 10 .* 5 frame .*history=14"):
        ProposalTask(model, windows, TrainingConfig())
    ProposalTask(
        model, WindowSet.from_trajectories([remembering(50, 0)], history=14), TrainingConfig()
    )
