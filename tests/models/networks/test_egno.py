"""EGNO: times of its frames, other numbers of them, and what its switches turn off."""

import pytest
import torch

from openmm_stegmn.models.layers import complete_graph
from openmm_stegmn.models.networks import EGNO

N, P = 4, 5


def network(seed=0, **changes):
    torch.manual_seed(seed)
    made = EGNO(1, 1, **{"hidden": 8, "layers": 2, "horizon": P, "modes": 2} | changes)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made.eval()


def state(history=1):
    generator = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    x, v, h = draw(2, history, N, 3), draw(2, history, N, 3), draw(2, N, 1)
    return x, v, h, complete_graph(draw(N, N, 1))


def test_times_of_frames():
    uniform, last = network(), network(discretisation="last")
    assert uniform.times(P).tolist() == last.times(P).tolist() == [0, 1, 2, 3, 4]
    # All the way in twice as many steps, or as few as there are: always to the same end
    assert uniform.times(10).tolist() == [-0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]
    assert uniform.times(1).tolist() == [4]
    # The last ones
    assert last.times(2).tolist() == [3, 4] and last.times(7).tolist() == [-2, -1, 0, 1, 2, 3, 4]


def test_decodes_other_numbers_of_frames():
    made, (x, v, h, graph) = network(), state()
    for frames in (1, 2, 10, 40):
        found, velocities = made(x, v, h, graph, frames=frames)
        assert found.shape == velocities.shape == (2, frames, N, 3)
        assert found.isfinite().all()
    torch.testing.assert_close(made(x, v, h, graph, frames=P)[0], made(x, v, h, graph)[0])


def test_a_trajectory_learned_at_some_frames_is_right_between_them():
    """Zero shot: uniform circular motion, trained on 8 frames, decoded at 16."""

    def circle(turns):
        angle = 2 * torch.pi * turns
        radius = torch.tensor([1.0, 0.5])[:, None]
        arms = torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)], -1)
        return (radius[:, None] * arms * torch.tensor([1.0, -1.0])[:, None, None]).movedim(0, 1)

    # Two bodies about their centre, a quarter of a turn in all
    ahead = lambda frames: torch.arange(1, frames + 1) / frames / 4  # noqa: E731
    x = circle(torch.zeros(1))[None]
    v = torch.stack([-x[..., 1], x[..., 0], x[..., 2]], -1)
    # What tells the bodies apart
    h, graph = v.norm(dim=-1).movedim(1, -1), complete_graph(torch.ones(2, 2, 1))
    torch.manual_seed(0)
    made, steps = EGNO(1, 1, hidden=16, layers=2, horizon=8, modes=2), 150
    optimiser = torch.optim.Adam(made.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = (made(x, v, h, graph)[0][0] - circle(ahead(8))).square().mean()
        loss.backward()
        optimiser.step()
        schedule.step()
    assert loss < 1e-3
    between, _ = made(x, v, h, graph, frames=16)
    error = (between[0] - circle(ahead(16))).square().mean()
    persistence = (x[0] - circle(ahead(16))).square().mean()
    assert error < 0.01 * persistence


@pytest.mark.parametrize("convolved", [(), ("h",), ("x",), ("v",), ("x", "v"), ("h", "x", "v")])
def test_switches_turn_off_what_they_say(convolved):
    """Frames are only told apart by times, and only exchange what is convolved."""
    made, (x, v, h, graph) = network(convolved=convolved), state()
    names = {name.split(".")[2] for name, _ in made.named_parameters() if "temporal" in name}
    of = {"h": "scalar", "x": "vector", "v": "vector"}
    assert names == {of[part] for part in convolved}
    mixes = _depends_on_other_frames(made, x, v, h, graph)
    assert mixes == bool(convolved)


def _depends_on_other_frames(made, x, v, h, graph):
    """Whether the first frame changes when the second is told another time."""
    before = made(x, v, h, graph)[0]
    times = made.times
    made.times = lambda frames: times(frames) + 0.5 * (torch.arange(frames) == 1)
    after = made(x, v, h, graph)[0]
    assert (after[:, 1] - before[:, 1]).abs().max() > 1e-6
    return bool((after[:, 0] - before[:, 0]).abs().max() > 1e-7)


def test_without_times_and_convolutions_all_frames_are_one():
    x, v, h, graph = state()
    frames, _ = network(time_features=0, convolved=())(x, v, h, graph)
    torch.testing.assert_close(frames, frames[:, :1].expand_as(frames))
    frames, _ = network(convolved=())(x, v, h, graph)
    assert (frames[:, 1:] - frames[:, :-1]).abs().amax((0, 2, 3)).min() > 1e-4


def test_from_trajectory_to_trajectory():
    """Frame p starts from state ⌊p T / P⌋."""
    x, v, h, graph = state(history=3)
    made = network(history=3)
    assert made(x, v, h, graph)[0].shape == (2, P, N, 3)
    lifted, _, _ = made.lift(x, v, h, None)
    assert torch.equal(lifted, x[:, [0, 0, 1, 1, 2]])
    other = x.clone()
    other[:, 0] += 0.1 * torch.randn(2, N, 3)
    assert (made(other, v, h, graph)[0] - made(x, v, h, graph)[0]).abs().max() > 1e-3
