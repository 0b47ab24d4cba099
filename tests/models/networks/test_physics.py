"""Physics that can be solved on paper: free flight, a spring, and sticks that stay rigid."""

import pytest
import torch

from openmm_stegmn.models import STATE_NETWORKS
from openmm_stegmn.models.layers import complete_graph
from openmm_stegmn.models.networks import (
    GMN,
    LinearDynamics,
    LinearTrajectory,
    MeanReversion,
    MeanStructure,
)

PAIR = complete_graph(torch.ones(2, 2, 1))


def train(network, inputs, target, steps, rate):
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = (network(*inputs)[0] - target).square().mean()
        loss.backward()
        optimiser.step()
        schedule.step()
    return loss.item()


def test_linear_dynamics_is_exact_for_free_particles():
    torch.manual_seed(0)
    times = torch.tensor([0.3, 0.9, 2.0])
    x, v = torch.randn(50, 1, 4, 3), torch.randn(50, 1, 4, 3)
    network = LinearDynamics(1, 1, horizon=3)
    frames, velocities = network(x, v, torch.zeros(50, 4, 1), complete_graph(torch.ones(4, 4, 1)))
    torch.testing.assert_close(frames, x + torch.arange(1.0, 4)[:, None, None] * v)
    torch.testing.assert_close(velocities, v.expand(-1, 3, -1, -1))
    inputs = x, v, torch.zeros(50, 4, 1), complete_graph(torch.ones(4, 4, 1))
    network.fit(x, v, x + times[:, None, None] * v)
    torch.testing.assert_close(network(*inputs)[0], x + times[:, None, None] * v)


def test_linear_dynamics_of_particles_at_rest_stays_finite():
    x, rest = torch.randn(50, 1, 4, 3), torch.zeros(50, 1, 4, 3)
    network = LinearDynamics(1, 1, horizon=2)
    network.fit(x, rest, torch.randn(50, 2, 4, 3))
    frames, _ = network(x, rest, torch.zeros(50, 4, 1), complete_graph(torch.ones(4, 4, 1)))
    torch.testing.assert_close(frames, x.expand(-1, 2, -1, -1))


@pytest.mark.parametrize("seed", range(5))
def test_a_linear_trajectory_is_exact_for_constant_accelerations(seed):
    """Of two states with velocities, an acceleration follows; of one it does not.

    Both velocities tell the way between the states too, but for rounding.
    """
    generator = torch.Generator().manual_seed(seed)
    x, v, a = (torch.randn(600, 1, 4, 3, generator=generator) for _ in range(3))
    time = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0])[:, None, None]
    places, velocities = x + v * time + a * time**2 / 2, (v + a * time)[:, :2]
    network = LinearTrajectory(1, 1, history=2, horizon=3)
    network.fit(places[:300, :2], velocities[:300], places[:300, 2:])
    graph = complete_graph(torch.ones(4, 4, 1))
    states = places[300:, :2], velocities[300:], torch.zeros(300, 4, 1), graph
    torch.testing.assert_close(network(*states)[0], places[300:, 2:], atol=1e-4, rtol=0)


def test_states_that_say_the_same_twice_have_small_weights():
    x = torch.randn(50, 3, 4, 3, generator=torch.Generator().manual_seed(0))
    v = torch.cat([x.diff(dim=1), torch.zeros(50, 1, 4, 3)], 1)
    network = LinearTrajectory(1, 1, history=3, horizon=1)
    network.fit(x, v, 2 * x[:, 2:] - x[:, 1:2])
    assert network.weight.abs().max() < 1
    graph = complete_graph(torch.ones(4, 4, 1))
    frames, _ = network(x, v, torch.zeros(50, 4, 1), graph)
    torch.testing.assert_close(frames, 2 * x[:, 2:] - x[:, 1:2], atol=1e-4, rtol=0)


def trembling(count, spread, seed=0):
    """States and two frames of a molecule that trembles about a structure, wherever it is turned.

    Its frames have nothing in common but the structure; velocities say nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    structure = 3 * torch.randn(6, 3, generator=torch.Generator().manual_seed(7))
    frames = structure + spread * torch.randn(count, 3, 6, 3, generator=generator)
    turns, _ = torch.linalg.qr(torch.randn(count, 1, 3, 3, generator=generator))
    turns = turns * torch.linalg.det(turns)[..., None, None]
    frames = frames @ turns + torch.randn(count, 1, 1, 3, generator=generator)
    return frames[:, :1], torch.zeros(count, 1, 6, 3), frames[:, 1:], structure


def test_the_mean_structure_is_found_and_halves_the_error_of_standing_still():
    x, v, following, structure = trembling(2000, 0.1)
    network = MeanStructure(1, 1, n_nodes=6, horizon=2)
    network.fit(x, v, following)
    apart = torch.cdist(network.structure, network.structure) - torch.cdist(structure, structure)
    # bending lowers mean distances by the square of the spread over the distance
    assert apart.abs().max() < 0.02
    x, v, following, _ = trembling(500, 0.1, seed=1)
    inputs = x, v, torch.zeros(500, 6, 1), complete_graph(torch.ones(6, 6, 1))
    error = (network(*inputs)[0] - following).square().mean()
    # turning with the state costs a little of the half
    assert 0.5 < error / (x - following).square().mean() < 0.75


def test_gains_begin_with_the_mean_structure_where_nothing_is_remembered():
    x, v, following, _ = trembling(2000, 0.1)
    network = MeanReversion(
        1, 1, n_nodes=6, horizon=2, hidden=8, layers=1, vector_scale=0.0
    )  # fmt: skip
    network.fit(x, v, following)
    assert (network.gain > 0.9).all()
    following = x.expand_as(following)
    network.fit(x, v, following)
    assert (network.gain < 0.05).all()


def spring(count, times, seed=0):
    """Two particles on a harmonic spring of length zero: states, and frames at some times."""
    generator = torch.Generator().manual_seed(seed)
    x, v = (torch.randn(count, 1, 2, 3, generator=generator) for _ in range(2))
    centre, drift = x.mean(2, keepdim=True), v.mean(2, keepdim=True)
    time = torch.tensor(times)[:, None, None]
    return x, v, centre + drift * time + (x - centre) * time.cos() + (v - drift) * time.sin()


@pytest.mark.parametrize(
    ("name", "times", "steps"),
    [("egnn", [0.8], 250), ("radial-field", [0.8], 250), ("egno", [0.2, 0.4, 0.6, 0.8], 120)],
)
def test_a_spring_is_learned(name, times, steps):
    torch.manual_seed(0)
    x, v, target = spring(200, times)
    network = STATE_NETWORKS[name](1, 1, hidden=16, layers=2, horizon=len(times))
    speed = v.norm(dim=-1).movedim(1, -1)
    train(network, (x, v, speed, PAIR), target, steps, 1e-2)
    x, v, target = spring(500, times, seed=1)
    speed = v.norm(dim=-1).movedim(1, -1)
    error = (network(x, v, speed, PAIR)[0] - target).square().mean()
    straight = (x + torch.tensor(times)[:, None, None] * v - target).square().mean()
    assert error < 0.02 * straight


def test_gmn_keeps_sticks_hinges_and_stars():
    torch.manual_seed(0)
    pairs = [(0, 1), (2, 3), (3, 4), (5, 6), (5, 7), (5, 8)]
    network = GMN(1, 1, hidden=8, layers=3, n_nodes=10, constraints=pairs).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    x, v = torch.randn(5, 1, 10, 3).double(), torch.randn(5, 1, 10, 3).double()
    graph = complete_graph(torch.ones(10, 10, 1).double())
    frames, _ = network(x, v, torch.zeros(5, 10, 1).double(), graph)
    first, second = torch.tensor(pairs).T
    lengths = [(f[..., first, :] - f[..., second, :]).norm(dim=-1) for f in (x, frames)]
    torch.testing.assert_close(lengths[1], lengths[0], atol=1e-12, rtol=0)
    assert (frames - x).norm(dim=-1).min() > 1e-3
    assert not any(name.startswith("forest") for name in network.state_dict())
