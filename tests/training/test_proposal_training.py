"""Training a density of moves: what the loss is, which pairs it is of, and that it falls."""

import math

import pytest
import torch
from molecules import alkane, random_walk
from small_proposals import SMALL_PROPOSAL, small_proposal
from torch import nn

from openmm_stegmn.data import WindowBlocks, WindowSet
from openmm_stegmn.mechanics import wrap_angle
from openmm_stegmn.models import build_model, log_lag
from openmm_stegmn.training import ProposalTask, TrainingConfig, train

SKELETON = alkane(5, hydrogens=False)
LAGS = (None, 1, 3)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]


def wells(n_frames=400, seed=0):
    """Torsions that stay in one of three wells and jump to the next, both the same way."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    body, frame, frames, well = SKELETON.body(), SKELETON.frame, [], 0
    for _ in range(n_frames):
        if draw(1) > 1.3:
            well += 1 if draw(1) > 0 else -1
        goal = 2 * math.pi / 3 * well + 0.15 * draw(2)
        frame, _ = body.move(frame, goal - body.torsions(frame))
        frames.append(frame)
    return torch.stack(frames).float()


@pytest.fixture(scope="module")
def windows():
    return WindowSet.from_trajectories([wells(seed=s) for s in range(3)], history=3)


@pytest.fixture(scope="module")
def unseen():
    return WindowSet.from_trajectories([wells(seed=9)], history=3)


def untrained(**config):
    torch.manual_seed(0)
    return build_model(
        SKELETON.spec("stegmn-proposal", 1, config=SMALL_PROPOSAL | {"lags": LAGS} | config)
    )


def run(windows, steps=120, seed=3, **options):
    config = TrainingConfig(
        steps=steps, batch_size=64, learning_rate=1e-2, average_decay=0.9, seed=seed
    )
    model = untrained(**options.pop("model", {}))
    return train(model, windows, config, accelerator="cpu", progress=False, **options)


def loss_of(model, windows, config=None):
    """Over every window, time and direction."""
    task = ProposalTask(model, windows, config or TrainingConfig())
    numbers = torch.arange(2 * len(windows) * task.variants)
    with torch.no_grad():
        return task.loss(*task.example(windows, numbers)).item()


@pytest.fixture(scope="module")
def trained(windows):
    return run(windows)


class Even(nn.Module):
    """A density that does not look, for a molecule whose bonds have one position each."""

    history, lags, segment = 1, LAGS, 3

    def __init__(self, block):
        super().__init__()
        blocks = untrained(block=block)
        self.context, self.draw_block = blocks.context, blocks.draw_block
        self.mean_block = blocks.mean_block

    def log_density(self, window, turns, block, lag):
        return -math.log(2 * math.pi) * block.sum(1)

    def take_auxiliary_loss(self):
        return None


@pytest.mark.parametrize("block", [None, 1])
def test_loss_of_an_even_density_is_zero(windows, block):
    assert loss_of(Even(block), windows) == pytest.approx(0, abs=1e-5)


def test_loss_is_the_mean_of_minus_the_logarithm_for_each_bond(windows):
    model = small_proposal(SKELETON, lags=LAGS).float()
    task = ProposalTask(model, windows, TrainingConfig())
    start, turns, lag, noise = task.example(windows, torch.arange(0, 6 * len(windows), 31))
    each = [
        model.log_density(s[None], t[None], lag=one[None])
        for s, t, one in zip(start, turns, lag, strict=True)
    ]
    by_hand = -torch.cat(each).mean().item() / 2 - math.log(2 * math.pi)
    assert task.loss(start, turns, lag, noise).item() == pytest.approx(by_hand, abs=1e-4)


def test_loss_of_blocks_is_of_the_bonds_that_turn(windows):
    model = small_proposal(SKELETON, lags=LAGS, block=1).float()
    task = ProposalTask(model, windows, TrainingConfig())
    start, turns, lag, noise = task.example(windows, torch.arange(0, 6 * len(windows), 31))
    blocks = model.draw_block(noise)
    assert 0 < blocks[:, 0].mean() < 1
    by_hand = -model.log_density(start, turns, blocks, lag).mean().item() - math.log(2 * math.pi)
    assert task.loss(start, turns, lag, noise).item() == pytest.approx(by_hand, abs=1e-4)


def longer(stretches, block=2):
    """Of a chain with more bonds, so that blocks differ in size."""
    chain = alkane(8, hydrogens=False)
    torch.manual_seed(0)
    config = SMALL_PROPOSAL | {"lags": (None,), "block": block}
    model = build_model(chain.spec("stegmn-proposal", 1, config=config))
    walk = random_walk(chain, stretches).float()
    return model, WindowSet.from_trajectories([walk], history=1)


def test_the_loss_of_a_batch_is_the_mean_of_those_of_its_parts():
    model, windows = longer(49)
    with torch.no_grad():
        model.log_density = lambda window, turns, block, lag: -turns.abs().sum(-1) * block.sum(-1)
        numbers = torch.arange(48)
        whole = ProposalTask(model, windows, TrainingConfig(seed=3))
        example = whole.example(windows, numbers)
        sizes = model.draw_block(example[-1]).sum(-1)
        assert len(sizes.unique()) > 1
        for parts in (2, 12):
            task = ProposalTask(model, windows, TrainingConfig(seed=3))
            losses = [task.loss(*task.example(windows, n)) for n in numbers.chunk(parts)]
            assert torch.stack(losses).mean().item() == pytest.approx(
                whole.loss(*example).item(), rel=1e-5
            )


def test_mean_block():
    model, _ = longer(9)
    noise = torch.special.ndtri(torch.linspace(0, 1, 60_001, dtype=torch.float64)[1:-1])
    assert model.draw_block(noise).sum(-1).mean() == pytest.approx(model.mean_block, rel=1e-3)
    assert longer(9, None)[0].mean_block == 5


def test_processes_draw_what_one_would(windows, monkeypatch):
    model, numbers = untrained(), torch.arange(32)
    one = ProposalTask(model, windows, TrainingConfig(seed=3)).example(windows, numbers)[-1]
    assert abs(one.mean()) < 0.6 and 0.6 < one.std() < 1.4
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    for process in (0, 1):
        monkeypatch.setattr("torch.distributed.get_rank", lambda rank=process: rank)
        task = ProposalTask(model, windows, TrainingConfig(seed=3), validation=windows.subset(8))
        assert torch.equal(task.example(windows, numbers[process::2])[-1], one[process::2])
        task = ProposalTask(model, windows, TrainingConfig(seed=3), validation=windows.subset(8))
        assert torch.equal(task.example(task.validation, numbers[:8])[-1], one[:8])


@pytest.mark.parametrize("stride", [1, 2])
def test_pairs_are_of_all_times_and_both_directions(stride):
    frames = random_walk(SKELETON, 20).float(), random_walk(SKELETON, 25, seed=1).float()
    windows = WindowSet.from_trajectories(frames, history=3, stride=stride)
    task = ProposalTask(untrained(), windows, TrainingConfig())
    count, numbers = len(windows), torch.arange(6 * len(windows))
    starts, turns, lags, _ = task.example(windows, numbers)
    torsions = task.model.context.body.torsions
    seen = set()
    for number, start, turn, lag in zip(numbers, starts, turns, lags, strict=True):
        step = 0 if torch.isinf(lag) else stride * round(math.exp(lag))
        first = next(i for i, frame in enumerate(windows.frames) if torch.equal(frame, start[0]))
        window = int(windows.starts[number % count])
        # Where the pair begins: at the window's first frame, or so much later and back from there
        backwards = first != window or (step == 0 and number >= 3 * count)
        assert first == window + (step if backwards else 0)
        other = windows.frames[window + (0 if backwards else step)]
        expected = wrap_angle(torsions(other) - torsions(start[0]))
        torch.testing.assert_close(turn, expected, atol=1e-6, rtol=0)
        # One trajectory's frames alone
        assert (first < 20) == (window < 20)
        seen.add((window, step, backwards))
    assert len(seen) == 6 * count


def test_times_are_told_as_the_density_is_asked_for_them(windows):
    task = ProposalTask(untrained(), windows, TrainingConfig())
    _, _, lags, _ = task.example(windows, len(windows) * torch.arange(3))
    assert torch.equal(lags, torch.stack([log_lag(lag) for lag in LAGS]))


@pytest.mark.parametrize("lag", LAGS)
def test_training_lowers_the_loss_on_frames_it_has_not_seen(windows, unseen, trained, lag):
    start = untrained()
    start.fit(WindowBlocks.of_set(windows))
    losses = [mean_loss(model, unseen, lag) for model in (start, trained)]
    assert losses[1] < losses[0] - 0.1
    # Less than even: it has learned something.
    assert losses[1] < -0.5


def mean_loss(model, windows, lag):
    """Of one time, forwards."""
    starts = windows.starts[:]
    first = windows.frames[starts]
    last = windows.frames[starts + (lag or 0)]
    torsions = model.context.body.torsions
    turns = wrap_angle(torsions(last) - torsions(first))
    with torch.no_grad():
        density = model.log_density(first[:, None], turns, lag=log_lag(lag).expand(len(first)))
    return -density.mean().item() / turns.shape[1] - math.log(2 * math.pi)


def test_it_learns_that_bonds_turn_together(unseen, trained):
    """Both or none: turns of one alone to another well are far less likely."""
    frame = unseen.frames[:200, None]
    both = 2 * math.pi / 3 * torch.ones(200, 2)
    alone = both * torch.tensor([1.0, 0.0])
    lag = log_lag(1).expand(200)
    with torch.no_grad():
        gain = trained.log_density(frame, both, lag=lag) - trained.log_density(
            frame, alone, lag=lag
        )
    assert gain.median() > 3


def test_a_trained_model_is_ready_for_use(trained):
    assert not trained.training
    noise = torch.randn(4, trained.n_noise, generator=torch.Generator().manual_seed(0))
    frames, log_ratio = trained.trials(SKELETON.frame, noise)
    assert torch.isfinite(frames).all() and torch.isfinite(log_ratio).all()


def test_training_repeats(windows):
    first, second = (run(windows, steps=8, model={"block": 1}) for _ in range(2))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    other = run(windows, steps=8, seed=4, model={"block": 1})
    assert not torch.equal(first.centres, other.centres)


def test_blocks_are_trained(windows, unseen):
    """The density of one bond depends on how the other is said to turn, in the right way."""
    model = run(windows, model={"block": 1})
    task = ProposalTask(model, unseen, TrainingConfig())
    numbers = torch.arange(len(unseen)) + len(unseen)  # one frame on
    start, turns, lag, _ = task.example(unseen, numbers)
    block = torch.tensor([1.0, 0.0]).expand_as(turns)
    with torch.no_grad():
        told = model.log_density(start, turns, block, lag)
        # Told of another turn than the one that happened
        wrong = model.log_density(start, turns + torch.tensor([0.0, 2.1]), block, lag)
    assert told.mean() > wrong.mean() + 0.3
    assert -told.mean() - math.log(2 * math.pi) < -0.5


def test_weights_before_training_are_kept_if_they_do_best(windows, unseen):
    config = TrainingConfig(
        steps=40, batch_size=32, learning_rate=3.0, validate_every=10, average_decay=0.0,
        time_reversal=False,
    )  # fmt: skip
    model = train(
        untrained(), windows, config, validation=unseen, accelerator="cpu", progress=False
    )
    start = untrained()
    start.fit(WindowBlocks.of_set(windows))
    # So long steps only do harm.
    assert loss_of(model, unseen) <= loss_of(start, unseen) + 1e-5


def test_windows_shorter_than_the_longest_time_are_refused():
    windows = WindowSet.from_trajectories([wells(50)], history=2)
    with pytest.raises(ValueError):
        ProposalTask(untrained(), windows, TrainingConfig()).example(
            windows, torch.arange(6 * len(windows))
        )
