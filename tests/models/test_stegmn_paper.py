"""The published STEGMN: sticks stay sticks, and each layer does what its equation says."""

import pytest
import torch
from molecules import Molecule, alkane, hops_of_all, perturbed_model, random_walk, water

from openmm_stegmn.mechanics import disjoint_bonds
from openmm_stegmn.models import build_model
from openmm_stegmn.models.layers import NeighbourGraph
from openmm_stegmn.models.layers._paper import (
    PaperMessages,
    PaperTemporalAttention,
    PaperTemporalPooling,
    StickAccelerations,
    cutoff_graph,
)
from openmm_stegmn.models.layers._sticks import Sticks

PENTANE = alkane(5)
HISTORY = 4


def paper(molecule=PENTANE, history=HISTORY, **config):
    torch.manual_seed(0)
    return build_model(molecule.spec("stegmn-paper", history, config=config))


def windows(count=3, molecule=PENTANE, seed=0):
    frames = random_walk(molecule, count * HISTORY, seed=seed)
    return frames.reshape(count, HISTORY, molecule.n_atoms, 3)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def perturb(layer):
    """Leave no weight zero as before training."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))


def lengths(frame, ends):
    return (frame[..., ends[:, 0], :] - frame[..., ends[:, 1], :]).norm(dim=-1)


def pentane_sticks():
    pairs = disjoint_bonds(PENTANE.bonds)
    return Sticks(PENTANE.n_atoms, pairs, PENTANE.masses).double()


def test_sticks_are_chosen_greedily():
    assert disjoint_bonds([(0, 1), (1, 2), (2, 3), (0, 3), (3, 4)]) == ((0, 1), (2, 3))
    assert disjoint_bonds([]) == ()


def test_sticks_of_a_model():
    """Constraints come first; what is in no stick is isolated."""
    model = build_model(
        alkane(4, hydrogens=False).spec(
            "stegmn-paper", constraints=[(1, 2)], constraint_lengths=[1.53]
        )
    )
    assert [sorted(ends) for ends in model.context.sticks.ends.tolist()] == [[1, 2]]
    assert model.context.sticks.forest.n_components == 3
    stated = paper(sticks=[[1, 2], [4, 14]])
    assert sorted(sorted(e) for e in stated.context.sticks.ends.tolist()) == [[1, 2], [4, 14]]


def test_tables():
    """Ends, members and groups agree with the forest, whatever way it is numbered."""
    sticks = pentane_sticks()
    forest = sticks.forest
    for group, (i, j) in enumerate(sticks.ends.tolist()):
        assert forest.component[i] == forest.component[j] == sticks.stick[group]
        assert max(forest.group[i], forest.group[j]) == group
        assert sticks.group[sticks.stick[group]] == group
        assert sorted(sticks.members[sticks.stick[group]].tolist()) == sorted((i, j))
    values = draw(PENTANE.n_atoms, 2)
    for component, mean in enumerate(sticks.pool(values)):
        torch.testing.assert_close(mean, values[forest.component == component].mean(0))
    one = sticks.spread(torch.ones(len(sticks.ends), 1))
    assert one.squeeze(-1).tolist() == (sticks.group < len(sticks.ends)).double().tolist()


@pytest.mark.parametrize("seed", range(3))
def test_a_network_far_off_keeps_the_sticks(seed):
    """Steps of several ångström and turns of more than π, at random weights."""
    model = perturbed_model(PENTANE, "stegmn-paper", HISTORY, seed=seed, scale=0.1)
    with torch.no_grad():
        model.temporal_update[-1].keep.net[2].bias.add_(100)
    ends, window = model.context.sticks.ends, windows()
    base = window[:, -1]
    frame, _ = model.jump(window.float(), base)
    assert (frame - base).norm(dim=-1).max() > 5
    assert model.steps(window.float())[-1][1].norm(dim=-1).max() > torch.pi
    torch.testing.assert_close(lengths(frame, ends), lengths(base, ends), rtol=1e-12, atol=0)
    single = model(window.float())[:, 0]
    # float32 rounds coordinates of tens of Å
    error = 1e-6 * single.abs().max().item()
    torch.testing.assert_close(
        lengths(single.double(), ends), lengths(base, ends), rtol=0, atol=error
    )


def test_a_network_that_overflows_gives_nan_and_raises_nothing():
    """The propagator looks for NaN; an exception inside OpenMM would end the simulation."""
    model = perturbed_model(PENTANE, "stegmn-paper", HISTORY, scale=10.0)
    window = windows()
    frame, _ = model.jump(window.float(), window[:, -1])
    assert torch.isnan(frame).any()


def test_no_sticks_and_nothing_but_a_stick():
    ions = water(bonds=False)
    window = windows(molecule=ions)
    model = perturbed_model(ions, "stegmn-paper", HISTORY, scale=0.1).double()
    assert model.context.sticks.forest.n_groups == 0
    assert torch.isfinite(model(window)).all()
    pair = Molecule()
    pair.add("C", [0, 0, 0])
    pair.add("O", [1.2, 0, 0], 0)
    window = draw(2, HISTORY, 2, 3)
    model = perturbed_model(pair, "stegmn-paper", HISTORY, scale=0.1).double()
    ends = model.context.sticks.ends
    torch.testing.assert_close(lengths(model(window)[:, 0], ends), lengths(window[:, -1], ends))


def test_all_weights_zero_leave_the_last_frame():
    """No force, no velocity kept, θ = 0: nothing moves."""
    model = paper().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    window = windows()
    torch.testing.assert_close(model(window)[:, 0], window[:, -1], rtol=0, atol=1e-12)


def test_pooling_alone_is_shared_autoregression_of_the_centres():
    model = paper().double()
    sticks, window = model.context.sticks, windows()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.pooling.theta.copy_(draw(HISTORY - 1))
    centres = sticks.forest.centres(window)
    past = centres[:, :-1] - centres[:, -1:]
    expected = centres[:, -1] + torch.einsum("t,btcx->bcx", model.pooling.theta, past)
    frame = model(window)[:, 0]
    torch.testing.assert_close(sticks.forest.centres(frame), expected)
    arms = lambda x: x[:, sticks.ends[:, 0]] - x[:, sticks.ends[:, 1]]  # noqa: E731
    torch.testing.assert_close(arms(frame), arms(window[:, -1]))


def test_velocities_kept_move_the_last_frame():
    """φ_u = φ_ω = k and no force, one layer: k v, then k² v, and the pooled turn k² Σ w_t ω_t."""
    model, keep = paper(layers=1).double(), 0.3
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        for update in (*model.spatial_update, *model.temporal_update):
            update.keep.net[2].bias.fill_(keep)
    sticks, window = model.context.sticks, windows()
    velocity = window.diff(dim=1)
    velocity = torch.cat([velocity[:, :1], velocity], 1)
    u, omega = sticks.forest.velocities(window, velocity)
    frame = window[:, -1]
    for factor in (keep, keep**2):
        frame = sticks.forest.step(frame, factor * u[:, -1], factor * omega[:, -1])
    frame = sticks.forest.step(frame, torch.zeros_like(u[:, -1]), keep**2 * omega.mean(1))
    torch.testing.assert_close(model(window)[:, 0], frame)


def test_pooling_weights_sum_to_one():
    pooling = PaperTemporalPooling(HISTORY).double()
    with torch.no_grad():
        pooling.logits.copy_(draw(HISTORY))
        pooling.theta.copy_(draw(HISTORY - 1, seed=1))
    centres, same = draw(2, HISTORY, 5, 3), draw(2, 1, 4, 3, seed=2)
    translation, turn = pooling(centres, same.expand(-1, HISTORY, -1, -1))
    torch.testing.assert_close(turn, same[:, 0])
    shifted, _ = pooling(centres + draw(3, seed=3), same.expand(-1, HISTORY, -1, -1))
    torch.testing.assert_close(shifted, translation)


def attend(causal=False, order=None):
    sticks = pentane_sticks()
    torch.manual_seed(1)
    attention = PaperTemporalAttention(8, causal).double()
    order = torch.arange(HISTORY) if order is None else order
    sizes = (
        (PENTANE.n_atoms, 8),
        *((count, 3) for count in 2 * (sticks.forest.n_components, sticks.forest.n_groups)),
    )
    inputs = [draw(2, HISTORY, *size, seed=seed)[:, order] for seed, size in enumerate(sizes)]
    return attention(sticks, *inputs), inputs[3:]


def test_attention_goes_with_the_order_of_frames():
    order = torch.tensor([2, 0, 3, 1])
    (a, beta), _ = attend()
    (a_permuted, beta_permuted), _ = attend(order=order)
    torch.testing.assert_close(a_permuted, a[:, order])
    torch.testing.assert_close(beta_permuted, beta[:, order])


def test_attention_is_an_average_over_time():
    (a, beta), (a_in, beta_in) = attend()
    for out, given in ((a, a_in), (beta, beta_in)):
        assert (out <= given.amax(1, keepdim=True) + 1e-12).all()
        assert (out >= given.amin(1, keepdim=True) - 1e-12).all()


def test_causal_attention_sees_no_later_frame():
    (a, beta), (a_in, beta_in) = attend(causal=True)
    torch.testing.assert_close(a[:, 0], a_in[:, 0])
    torch.testing.assert_close(beta[:, 0], beta_in[:, 0])


def test_messages_and_forces_atom_by_atom():
    torch.manual_seed(2)
    layer = PaperMessages(8).double()
    perturb(layer)
    x = windows(2)
    h = draw(2, HISTORY, PENTANE.n_atoms, 8)
    model = paper()
    hops = hops_of_all(model)
    graph = cutoff_graph(x[:, -1], model.graph(model.context.near, x[:, -1]), 3.0)
    h_out, force = layer(x, h, graph)
    for batch, frame, i in ((0, 0, 0), (1, 2, 4), (1, 3, 16)):
        messages, pushes = [], []
        for j in range(PENTANE.n_atoms):
            near = (x[batch, -1, i] - x[batch, -1, j]).norm() < 3.0
            if i == j or not (near or hops[i, j] <= 2):
                continue
            apart = x[batch, frame, i] - x[batch, frame, j]
            inner = layer.receive(h[batch, frame, i]) + layer.send(h[batch, frame, j])
            inner = inner + layer.square(apart.square().sum()[None])
            inner = inner + layer.edge_type.weight[min(hops[i, j].item(), 3) - 1]
            messages.append(layer.message(inner))
            pushes.append(apart * layer.force(messages[-1]))
        torch.testing.assert_close(force[batch, frame, i], torch.stack(pushes).mean(0))
        gathered = torch.cat([h[batch, frame, i], torch.stack(messages).mean(0)])
        expected = h[batch, frame, i] + layer.update(gathered)
        torch.testing.assert_close(h_out[batch, frame, i], expected)


def test_accelerations_object_by_object():
    torch.manual_seed(3)
    layer, sticks = StickAccelerations(8).double(), pentane_sticks()
    perturb(layer)
    x, masses = windows(1)[0, 0], torch.tensor(PENTANE.masses, dtype=torch.float64)
    force, omega = draw(PENTANE.n_atoms, 3), draw(len(sticks.ends), 3, seed=1)
    a, beta = layer(sticks, x, force, omega)
    for group, ends in enumerate(sticks.ends):
        centre = (masses[ends, None] * x[ends]).sum(0) / masses[ends].sum()
        arms, pushes = x[ends] - centre, force[ends]
        torque = torch.linalg.cross(arms, pushes).sum(0)
        torch.testing.assert_close(beta[group], torque / arms.square().sum())
        total = torch.zeros(3, dtype=torch.float64)
        for arm, push in zip(arms, pushes, strict=True):
            z = torch.stack([push, arm, torch.linalg.cross(omega[group], arm)], -1)
            gram = z.T @ z
            total += z @ layer.mix((gram / (1 + gram.trace())).flatten()) / 2
        torch.testing.assert_close(a[sticks.stick[group]], total)
    isolated = (sticks.group == len(sticks.ends)).nonzero().flatten()
    assert len(isolated) > 0
    torch.testing.assert_close(a[isolated], force[sticks.members[isolated, 0]])


def test_graph():
    """Two bonds count whatever the distance; more only within the cut-off."""
    frame = torch.tensor([[0.0, 0, 0], [5, 0, 0], [10, 0, 0], [15, 0, 0], [15, 3, 0]])
    near = paper(alkane(5, hydrogens=False)).context.near
    neighbours = NeighbourGraph(near, 32)(near, frame[None])
    _, types, weights = cutoff_graph(frame[None], neighbours, 4.0)
    assert types[0].tolist() == [0, 1, 2, 2]
    assert weights[0, 0].tolist() == [0.5, 0.5, 0, 0]
    far = neighbours._replace(hops=torch.full_like(neighbours.hops, 5))
    _, _, weights = cutoff_graph(frame[None], far, 4.0)
    assert weights[0].sum(-1).tolist() == [0, 0, 0, 1, 1]
    table, _, _ = cutoff_graph(frame[None], NeighbourGraph(near, 2)(near, frame[None]), 4.0)
    assert sorted(table[0, 0].tolist()) == [1, 2]


def test_every_parameter_gets_a_gradient():
    model = perturbed_model(PENTANE, "stegmn-paper", HISTORY, scale=0.1)
    window = windows().float()
    (model(window)[:, 0] - window[:, 0]).square().sum().backward()
    silent = {
        name for name, p in model.named_parameters()
        if not torch.isfinite(p.grad).all() or p.grad.abs().max() == 0
    }  # fmt: skip
    assert not silent


def test_few_neighbours_in_a_batch():
    model = perturbed_model(PENTANE, "stegmn-paper", HISTORY, scale=0.1).double()
    model.neighbours = 5
    window = windows()
    each = torch.stack([model(w) for w in window])
    torch.testing.assert_close(model(window), each, atol=1e-9, rtol=0)


def test_refusals():
    with pytest.raises(ValueError, match="at least 2 frames, got history = 1"):
        paper(history=1)
    with pytest.raises(ValueError, match="hidden must be at least 1, got 0"):
        paper(hidden=0)
    with pytest.raises(ValueError, match="layers must be at least 1, got 0"):
        paper(layers=0)
    with pytest.raises(ValueError, match="neighbours must be at least 1, got 0"):
        paper(neighbours=0)
    with pytest.raises(ValueError, match="cutoff must be positive, got 0"):
        paper(cutoff=0.0)
    with pytest.raises(ValueError, match=r"sticks \(0, 1\) and \(1, 2\) share atom 1"):
        paper(sticks=[[0, 1], [1, 2]])
    with pytest.raises(ValueError, match=r"stick \(0, 17\) is no pair of atoms 0..16"):
        paper(sticks=[[0, 17]])
    with pytest.raises(ValueError, match="does not take the options"):
        paper(depth=3)
