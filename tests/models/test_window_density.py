"""The density of torsional moves after a window of several frames."""

import math

import pytest
import torch
from molecules import alkane, hops_of_all, random_rotation, random_walk, toluene
from small_proposals import SMALL_PROPOSAL, density_on, grid, p_value, small_proposal

from openmm_stegmn.mechanics import wrap_angle
from openmm_stegmn.models import build_model, load_model, save_model

BUTANE = alkane(4, hydrogens=False)
PENTANE = alkane(5, hydrogens=False)
LAGS = [1, 3, 10]


def density_of(molecule, history=3, **config):
    """A small model of a window; drawing for 3 frame intervals unless told otherwise."""
    return small_proposal(molecule, history=history, **{"lags": LAGS, "lag": 3} | config)


def windows_of(molecule, count, history=3, seed=0, width=1.0):
    frames = random_walk(molecule, count * history, width=width, seed=seed)
    return frames.unflatten(0, (count, history))


def noise(model, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, model.n_noise, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("history", [2, 10])
@pytest.mark.parametrize(
    ("molecule", "points"), [(BUTANE, 2000), (toluene(), 2000), (PENTANE, 200)],
    ids=["one bond", "methyl", "two bonds"],
)  # fmt: skip
def test_density_integrates_to_one(molecule, points, history):
    model = density_of(molecule, history)
    turns, volume = grid(model, points)
    for window in windows_of(molecule, 3 if points > 1000 else 1, history):
        density = density_on(model, window, turns)
        assert density.sum() * volume == pytest.approx(1.0, abs=1e-5)
        # ... and it is not even
        assert density.max() > 2 * density.mean()


def test_draws_are_distributed_as_the_density():
    model, bins, count = density_of(BUTANE, seed=1), 60, 30_000
    window = windows_of(BUTANE, 1)
    turns, volume = grid(model, 50 * bins)
    expected = count * volume * density_on(model, window[0], turns).reshape(bins, 50).sum(1)
    drawn, _, reported = model.draw(window.expand(count, -1, -1, -1), noise(model, count))
    torch.testing.assert_close(reported.exp(), density_on(model, window[0], drawn))
    found = torch.histc(drawn, bins, -math.pi, math.pi)
    assert p_value(found, expected) > 1e-3
    # ... which is another one after other frames
    other = torch.cat([windows_of(BUTANE, 1, seed=5)[:, :-1], window[:, -1:]], 1)
    unexpected = count * volume * density_on(model, other[0], turns).reshape(bins, 50).sum(1)
    assert p_value(found, unexpected) < 1e-12


def test_every_frame_counts_by_how_its_torsions_differ():
    model = density_of(PENTANE, history=4)
    body, window = PENTANE.body(), windows_of(PENTANE, 1, history=4)
    turns = 0.3 * torch.ones(1, 2, dtype=torch.float64)
    expected = model.log_density(window, turns)
    for frame in range(4):
        changed = window.clone()
        changed[:, frame] = body.move(window[:, frame], turns)[0]
        assert (model.log_density(changed, turns) - expected).abs() > 1e-3
        # Where an earlier frame is, how it lies and what its lengths are does not count.
        if frame < 3:
            changed = window.clone()
            changed[:, frame] = 1.1 * window[:, frame] @ random_rotation(frame).T + 2.0
            torch.testing.assert_close(model.log_density(changed, turns), expected)


def test_a_whole_period_is_no_difference():
    """Turning a methyl group by 120° in an earlier frame changes nothing."""
    model, molecule = density_of(toluene()), toluene()
    window = windows_of(molecule, 1)
    turned = window.clone()
    third = torch.full((1, 1), 2 * math.pi / 3, dtype=torch.float64)
    turned[:, 0] = molecule.body().move(window[:, 0], third)[0]
    for turns in (0 * third, 0.2 * third):
        torch.testing.assert_close(
            model.log_density(turned, turns), model.log_density(window, turns)
        )


@pytest.mark.parametrize("molecule", [alkane(5), toluene()], ids=["pentane", "toluene"])
def test_mirror_images_have_mirror_images_for_jumps(molecule):
    """With the same noise, and the same density."""
    model, windows = density_of(molecule), windows_of(molecule, 30)
    mirror = lambda x: x @ random_rotation(3, reflect=True).T + 2.0  # noqa: E731
    given, last = noise(model, 30), windows[:, -1]
    moved, _ = model.draw_jump(windows, last, given)
    again, _ = model.draw_jump(mirror(windows), mirror(last), given)
    torch.testing.assert_close(again, mirror(moved), atol=1e-9, rtol=0)
    assert (moved - last).abs().amax((1, 2)).min() > 1e-3
    density, mirrored = (model.draw(x, given)[2] for x in (windows, mirror(windows)))
    torch.testing.assert_close(mirrored, density, atol=1e-9, rtol=0)


def test_drawn_jumps_are_the_draws_applied_to_the_base():
    """In the precision of the base, and one for each window."""
    model, windows = density_of(PENTANE).float(), windows_of(PENTANE, 6)
    given, last = noise(model, 6).float(), windows[:, -1]
    frames, rotations = model.draw_jump(windows.float(), last, given)
    assert frames.dtype == rotations.dtype == torch.float64
    turns, _, _ = model.draw(windows.float(), given)
    torsions = model.context.body.torsions
    found = wrap_angle(torsions(frames) - torsions(last) - turns.double())
    torch.testing.assert_close(found, torch.zeros_like(found), atol=1e-6, rtol=0)
    distances = [torch.cdist(x, x)[:, hops_of_all(model) <= 2] for x in (frames, last)]
    torch.testing.assert_close(*distances, atol=1e-10, rtol=0)
    each = [model.draw_jump(*one)[0] for one in zip(windows.float(), last, given, strict=True)]
    torch.testing.assert_close(torch.stack(each), frames, atol=1e-5, rtol=0)
    still, _ = model.jump(windows.float(), last)
    torch.testing.assert_close(still, model.draw_jump(windows.float(), last, 0 * given)[0])
    assert (still - frames).abs().max() > 0.1


def test_proposals_are_draws_with_their_density():
    model, windows = density_of(PENTANE), windows_of(PENTANE, 6)
    proposal = model.propose(windows, torch.Generator().manual_seed(0))
    torsions = model.context.body.torsions
    turns = wrap_angle(torsions(proposal.frames[:, 0]) - torsions(windows[:, -1]))
    torch.testing.assert_close(proposal.log_density, model.log_density(windows, turns))


def test_a_model_for_another_time():
    model, windows = density_of(PENTANE), windows_of(PENTANE, 4)
    assert (model.jump_frames, model.spec.config["lag"]) == (3, 3)
    turns = torch.zeros(4, 2, dtype=torch.float64)
    before = model.log_density(windows, turns)
    for lag in (1, 7, 10):
        other = model.at_lag(lag)
        assert (other.jump_frames, other.spec.config["lag"]) == (lag, lag)
        assert (other.log_density(windows, turns) - before).abs().max() > 1e-3
        built = build_model(other.spec).double()
        built.load_state_dict(other.state_dict())
        assert torch.equal(built.log_density(windows, turns), other.log_density(windows, turns))
    assert torch.equal(model.log_density(windows, turns), before)
    with pytest.raises(ValueError, match="lag = 11 must be one of"):
        model.at_lag(11)
    with pytest.raises(ValueError, match="lag = None with windows of 3 frames"):
        model.at_lag(None)


def test_the_time_is_in_the_file(tmp_path):
    save_model(density_of(PENTANE).float().at_lag(10), tmp_path / "model.safetensors")
    assert load_model(tmp_path / "model.safetensors").jump_frames == 10


def test_times_of_one_frame():
    assert small_proposal(PENTANE).jump_frames is None
    assert small_proposal(PENTANE).at_lag(5).jump_frames == 5
    assert small_proposal(PENTANE, lag=50).at_lag(None).jump_frames is None


@pytest.mark.parametrize(
    "config",
    [{}, {"lags": [None, 1, 3], "lag": 3}, {"lags": [1, 3]}, {"lags": [1, 3], "lag": None}],
)
def test_equilibrium_has_no_window(config):
    with pytest.raises(ValueError, match=r"windows of 2 frames: .*\(None\) is for history = 1"):
        build_model(PENTANE.spec("stegmn-proposal", 2, config=SMALL_PROPOSAL | config))


def test_blocks_are_for_one_frame():
    with pytest.raises(ValueError, match="block = 1 with windows of 3 frames"):
        density_of(PENTANE, block=1)
    assert density_of(PENTANE, block=2).block is None


def test_trials_start_from_one_frame():
    model = density_of(PENTANE)
    with pytest.raises(ValueError, match="this model looks at 3: .* history = 1"):
        model.trials(PENTANE.frame, noise(model, 4))


def test_only_windows_have_weights_for_the_past():
    names = [set(small_proposal(PENTANE).state_dict()), set(density_of(PENTANE).state_dict())]
    assert names[1] - names[0] == {"encoder.past.weight", "encoder.past.bias"}
    assert not names[0] - names[1]
    assert not small_proposal(PENTANE).uses_window and density_of(PENTANE).uses_window
