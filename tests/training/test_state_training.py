"""Training of state networks: what is minimised, which weights are kept, when it ends."""

import copy
import logging
from dataclasses import replace

import pytest
import torch

from openmm_stegmn.models.layers import complete_graph
from openmm_stegmn.models.networks import (
    EGHN,
    EGNN,
    STATE_NETWORKS,
    LinearDynamics,
    MeanReversion,
)
from openmm_stegmn.training import (
    StateTrainingConfig,
    StateWindows,
    Surroundings,
    _state_training,
    train_states,
)
from openmm_stegmn.training._state_training import Batches, StateTask

logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


class Pairs(Surroundings):
    """No features but a one, and all pairs."""

    node_features, edge_features = 1, 1

    def forward(self, x, v, window):
        ones = torch.ones(len(x), x.shape[1], x.shape[1], 1, device=x.device)
        return ones[:, 0], complete_graph(ones)


def flying(count, seed=0, times=(0.3, 0.7), noise=0.0):
    """Windows of four particles that fly on; frames are ``times`` later."""
    random = torch.Generator().manual_seed(seed)
    x, v = (torch.randn(count, 4, 3, generator=random) for _ in range(2))
    frames = torch.stack([x, *(x + time * v for time in times)], 1)
    frames[:, 1:] += noise * torch.randn(frames[:, 1:].shape, generator=random)
    starts = torch.arange(count) * frames.shape[1]
    return StateWindows(
        frames.flatten(0, 1), v.repeat_interleave(frames.shape[1], 0), starts, torch.tensor([0]),
        torch.arange(1, frames.shape[1]), Pairs(),
    )  # fmt: skip


def network(name="egnn", seed=1, **options):
    torch.manual_seed(seed)
    return STATE_NETWORKS[name](1, 1, hidden=8, layers=2, **options)


def error(model, windows):
    states, following = windows.take(torch.arange(len(windows)))
    with torch.no_grad():
        frames, _ = model(*states)
    return (frames[:, -1] - following[:, -1]).square().mean().item()


QUICK = StateTrainingConfig(epochs=12, batch_size=16, learning_rate=1e-2, validate_every=2)


def test_defaults_are_the_published_ones():
    config = StateTrainingConfig()
    assert (config.epochs, config.batch_size, config.learning_rate) == (5000, 100, 1e-4)
    assert (config.validate_every, config.patience) == (5, 50)


def test_least_squares_finds_the_times():
    windows = flying(50)
    both, last = LinearDynamics(1, 1, horizon=2), LinearDynamics(1, 1)
    assert train_states(both, windows, windows) == (0, None)
    assert both.time.detach() == pytest.approx([0.3, 0.7], rel=1e-5)
    train_states(last, windows.looking([2]), windows)
    assert last.time.detach() == pytest.approx([0.7], rel=1e-5)


def test_large_windows_are_evaluated_no_more_at_a_time_than_trained():
    small, large = flying(10), flying(10)
    large = replace(large, frames=torch.zeros(40, 2500, 3))
    assert (small.evaluation_batch(100), large.evaluation_batch(4)) == (400, 4)
    assert large.evaluation_batch(1) == 1


def test_training_goes_on_from_what_least_squares_gives():
    windows = flying(64)
    made = MeanReversion(1, 1, n_nodes=windows.frames.shape[1], horizon=2, hidden=8, layers=1)
    fitted = copy.deepcopy(made)
    fitted.fit(*windows.motion(torch.arange(64)))
    train_states(made, windows, windows, replace(QUICK, epochs=1, learning_rate=1e-6))
    assert torch.equal(made.structure, fitted.structure) and made.structure.any()
    torch.testing.assert_close(made.gain, fitted.gain, atol=1e-4, rtol=0)
    assert fitted.gain.any()


def test_a_network_learns_and_is_as_good_as_it_ever_was(monkeypatch):
    seen, step = [], StateTask.validation_step

    def watching(task, index, number):
        seen.append(task.loss(*task.example(task.validation, index)).item())
        return step(task, index, number)

    monkeypatch.setattr(StateTask, "validation_step", watching)
    model, windows, validation = network(), flying(64), flying(40, seed=5)
    before = error(model, validation)
    assert train_states(model, windows, validation, QUICK)[0] == 12
    after = error(model, validation)
    assert len(seen) == 6 and not model.training
    assert after == pytest.approx(min(before, *seen), rel=1e-4)
    assert after < 0.5 * before


def test_weights_before_training_are_kept_if_they_are_better():
    model, windows = network(), flying(32)
    train_states(model, windows, windows, QUICK)
    good = error(model, windows)
    wild = StateTrainingConfig(epochs=2, batch_size=16, learning_rate=10.0)
    train_states(model, windows, windows, wild)
    assert error(model, windows) == pytest.approx(good, rel=1e-5)


@pytest.mark.parametrize("name", ["egnn-s", "egno"])
def test_all_frames_are_fitted_where_all_are_given(name):
    windows = flying(64)
    model = network(name, horizon=2)
    train_states(model, windows, windows, QUICK)
    states, following = windows.take(torch.arange(64))
    with torch.no_grad():
        errors = (model(*states)[0] - following).square().mean((0, 2, 3))
    # what staying where it is has
    still = (states.positions - following).square().mean((0, 2, 3))
    assert (errors < 0.6 * still).all()


def test_seeds():
    def trained(seed):
        model = network()
        config = StateTrainingConfig(epochs=2, batch_size=8, learning_rate=1e-2, seed=seed)
        train_states(model, flying(32), flying(16, 3), config)
        return torch.nn.utils.parameters_to_vector(model.parameters())

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_stops_early():
    # what is to be learned is noise
    windows, validation = flying(16, noise=3.0), flying(16, seed=9, noise=3.0)
    config = StateTrainingConfig(
        epochs=200, batch_size=16, learning_rate=2e-2, validate_every=2, patience=3
    )
    epochs, _ = train_states(network(), windows, validation, config)
    assert epochs < 200 and epochs % 2 == 0 and epochs >= 6


@pytest.fixture
def rates(monkeypatch):
    """Learning rates of the steps that are made, in their order."""
    found, step = [], StateTask.training_step

    def watching(task, index, number):
        found.append(task.optimizers().param_groups[0]["lr"])
        return step(task, index, number)

    monkeypatch.setattr(StateTask, "training_step", watching)
    return found


def test_learning_rate_is_halved(rates):
    config = StateTrainingConfig(epochs=5, batch_size=16, learning_rate=0.4, halve_every=2)
    train_states(network(), flying(16), flying(16), config)
    assert rates == pytest.approx([0.4, 0.4, 0.2, 0.2, 0.1])


def test_one_cycle_and_averages(rates):
    options = {"epochs": 20, "batch_size": 16, "learning_rate": 0.02, "validate_every": 2}
    weights = {}
    for decay in (None, 0.9):
        model = network()
        config = StateTrainingConfig(**options, one_cycle=True, average_decay=decay)
        epochs, validation = train_states(model, flying(16), flying(16), config)
        assert epochs == 20 and validation == pytest.approx(error(model, flying(16)), rel=1e-4)
        weights[decay] = torch.nn.utils.parameters_to_vector(model.parameters())
    first = rates[:20]
    assert first == rates[20:] and max(first) == pytest.approx(0.02)
    assert first.index(max(first)) in (1, 2) and first[-1] < 1e-4
    assert not torch.equal(*weights.values())
    for changes, found in (
        ({"one_cycle": True, "halve_every": 2}, "halve_every = 2: a one-cycle"),
        ({"average_decay": 1.0}, "average_decay must be in"),
    ):
        with pytest.raises(ValueError, match=found):
            StateTrainingConfig(**changes)


@pytest.mark.parametrize("clip", [None, 1e-3])
def test_gradients_are_clipped(monkeypatch, clip):
    norms, step = [], torch.optim.Adam.step

    def watching(optimizer, closure=None):
        def closed():
            loss = closure()
            gradients = [p.grad for p in optimizer.param_groups[0]["params"] if p.grad is not None]
            norms.append(torch.nn.utils.get_total_norm(gradients).item())
            return loss

        return step(optimizer, closed)

    monkeypatch.setattr(torch.optim.Adam, "step", watching)
    config = StateTrainingConfig(epochs=3, batch_size=16, gradient_clip=clip)
    train_states(network(), flying(16), flying(16), config)
    assert len(norms) == 3
    assert norms == pytest.approx([clip] * 3, rel=1e-3) if clip else min(norms) > 1e-2


def test_auxiliary_losses_count():
    windows, index = flying(16), torch.arange(16)
    losses = {}
    for weight in (0.0, 2.0):
        torch.manual_seed(0)
        model = EGHN(1, 1, hidden=8, layers=1, clusters=2).train()
        task = StateTask(model, windows, windows, StateTrainingConfig(auxiliary=weight))
        losses[weight] = task.training_step(index, 0).item()
        states, following = windows.take(index)
        frames, _ = model(*states)
        extra = model.take_auxiliary_loss().item()
        plain = (frames[:, -1] - following[:, -1]).square().mean().item()
    assert losses[0.0] == pytest.approx(plain, rel=1e-5)
    assert losses[2.0] == pytest.approx(plain + 2 * extra, rel=1e-5) and extra > 0


def test_batches():
    batches = Batches(10, 4, "cpu", seed=3)
    first, second = ([batch.tolist() for batch in batches] for _ in range(2))
    assert len(batches) == len(first) == 2 and first != second
    drawn = [number for batch in first for number in batch]
    assert len(set(drawn)) == 8 and set(drawn) <= set(range(10))
    assert [b.tolist() for b in Batches(10, 4, "cpu", seed=3)] == first
    whole = Batches(10, 4, "cpu")
    assert len(whole) == 3 and torch.cat(list(whole)).tolist() == list(range(10))
    # all there are, if they do not fill a batch
    assert [len(batch) for batch in Batches(3, 4, "cpu", seed=0)] == [3]


def test_windows_stay_where_they_were():
    windows = flying(8)
    before = windows.frames.clone()
    train_states(network(), windows, windows, StateTrainingConfig(epochs=1, batch_size=4))
    assert torch.equal(windows.frames, before)


def test_ctrl_c_is_what_it_is(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_state_training.StateTask, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_states(network(), flying(8), flying(8), StateTrainingConfig(epochs=1))


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"epochs": 0}, "epochs must be positive"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"gradient_clip": 0.0}, "gradient_clip must be positive"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"halve_every": 0}, "halve_every must be at least 1"),
    ],
)
def test_bad_settings(changes, found):
    with pytest.raises(ValueError, match=found):
        StateTrainingConfig(**changes)


def test_one_frame_is_fitted_to_the_last():
    windows, index = flying(16), torch.arange(16)
    task = StateTask(network(), windows, windows, StateTrainingConfig())
    assert isinstance(task.model, EGNN)
    expected = error(task.model, windows)
    assert task.training_step(index, 0).item() == pytest.approx(expected, rel=1e-5)
