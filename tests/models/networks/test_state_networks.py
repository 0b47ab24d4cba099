"""What every state network must do, whatever its architecture."""

import copy
import sys

import pytest
import torch
from molecules import random_rotation

from openmm_stegmn.models import STATE_NETWORKS, StateNetwork
from openmm_stegmn.models.layers import ParticleGraph, complete_graph
from openmm_stegmn.models.networks import state_network

N, BATCH, FRAMES = 6, 3, 4
NODE_FEATURES, EDGE_FEATURES = 2, 3
STICKS = [(0, 1), (2, 3), (3, 4)]
SOFTENED = ("egnn", "egnn-r", "egnn-s", "egnn-tb", "egno")


@pytest.fixture(params=[*STATE_NETWORKS, *(f"{name}, softened" for name in SOFTENED)])
def name(request):
    if request.param in ("tfn", "se3-transformer"):
        pytest.importorskip("e3nn")
    return request.param


def build(name, sticks=STICKS, **changes):
    """With random weights, none of them zero as before training."""
    name, _, softened = name.partition(", ")
    kind = STATE_NETWORKS[name]
    own = {"n_nodes": N} if kind.counts_nodes else {}
    own |= {"constraints": sticks} if name == "gmn" else {}
    own |= {"history": 3} if name in ("st-egnn", "linear-trajectory") else {}
    own |= {"horizon": FRAMES} if kind.gives_trajectory else {}
    own |= {"softening": 0.3} if softened else {}
    torch.manual_seed(0)
    network = kind(NODE_FEATURES, EDGE_FEATURES, **{"hidden": 8, "layers": 2} | own | changes)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        if hasattr(network, "structure"):
            network.structure.normal_()
    return network.eval().double()


def states(network, seed=0):
    """x, v, h and the features of all pairs."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (
        (BATCH, network.history, N, 3), (BATCH, network.history, N, 3), (BATCH, N, NODE_FEATURES),
        (BATCH, N, N, EDGE_FEATURES),
    )  # fmt: skip
    return [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]


def assert_near(actual, expected, error=1e-9):
    torch.testing.assert_close(actual, expected, atol=error, rtol=0)


@pytest.mark.parametrize("reflect", [False, True])
def test_equivariant_or_says_that_it_is_not(name, reflect):
    network = build(name)
    x, v, h, pairs = states(network)
    graph, orthogonal = complete_graph(pairs), random_rotation(1, reflect)
    shift = torch.tensor([30.0, -20.0, 10.0])
    frames, velocities = network(x, v, h, graph)
    horizon = FRAMES if network.gives_trajectory else 1
    assert frames.shape == velocities.shape == (BATCH, horizon, N, 3)
    turned = network(x @ orthogonal.T + shift, v @ orthogonal.T, h, graph)
    if not network.equivariant:
        assert (turned[0] - frames @ orthogonal.T - shift).abs().max() > 1e-2
        frames = frames + shift
        assert_near(network(x + shift, v, h, graph)[0], frames)
        return
    if reflect and not network.mirrors:
        assert (turned[0] - frames @ orthogonal.T - shift).abs().max() > 1e-2
        return
    assert_near(turned[0], frames @ orthogonal.T + shift)
    assert_near(turned[1], velocities @ orthogonal.T)


def test_equivariant_in_single_precision(name):
    network = build(name).float()
    if not network.equivariant:
        pytest.skip("not equivariant")
    x, v, h, pairs = (part.float() for part in states(network))
    graph, orthogonal = complete_graph(pairs), random_rotation(1).float()
    frames, _ = network(x, v, h, graph)
    turned, _ = network(x @ orthogonal.T, v @ orthogonal.T, h, graph)
    assert (turned - frames @ orthogonal.T).abs().max() < 1e-5 * frames.abs().max()


def test_equivariant_to_the_order_of_nodes(name):
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    place = order.argsort().tolist()
    network = build(name)
    other = build(name, sticks=[(place[i], place[j]) for i, j in STICKS])
    of_nodes = {"structure": 0, "identity": 0, "gain": 1}
    other.load_state_dict({
        key: values.index_select(of_nodes[key], order) if key in of_nodes else values
        for key, values in network.state_dict().items()
    })  # fmt: skip
    x, v, h, pairs = states(network)
    frames, velocities = network(x, v, h, complete_graph(pairs))
    graph = complete_graph(pairs[:, order][:, :, order])
    moved = other(x[:, :, order], v[:, :, order], h[:, order], graph)
    assert_near(moved[0], frames[:, :, order])
    assert_near(moved[1], velocities[:, :, order])


def test_batch_equals_loop_and_one_graph_serves_all(name):
    network = build(name)
    x, v, h, pairs = states(network)
    graph = complete_graph(pairs[0])
    frames, velocities = network(x, v, h, graph)
    for each in range(BATCH):
        one = slice(each, each + 1)
        assert_near(network(x[one], v[one], h[one], graph)[0], frames[one])
        assert_near(network(x[one], v[one], h[one], graph)[1], velocities[one])


def test_padding_of_the_graph_counts_for_nothing(name):
    """As do nodes with no neighbours at all: their gradients are finite."""
    network = build(name)
    x, v, h, pairs = states(network)
    graph = complete_graph(pairs)
    keep = torch.rand(graph.table.shape, generator=torch.Generator().manual_seed(3)) > 0.4
    keep[:, 0] = False
    frames, _ = network(x, v, h, graph._replace(present=keep))
    elsewhere = torch.where(keep, graph.table, (graph.table + 2) % N)
    features = torch.where(keep.unsqueeze(-1), graph.features, 7.0)
    x = x.requires_grad_()
    again, _ = network(x, v, h, ParticleGraph(elsewhere, keep, features))
    assert_near(again, frames)
    again.square().sum().backward()
    assert x.grad.isfinite().all()


def test_traced(name):
    network = build(name).float().requires_grad_(False)
    x, v, h, pairs = (part.float() for part in states(network))
    graph = complete_graph(pairs)

    class Flat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x, v, h, table, present, features):
            return self.network(x, v, h, ParticleGraph(table, present, features))[0]

    with torch.no_grad():
        traced = torch.jit.trace(Flat().eval(), (x, v, h, *graph), check_trace=False)
        frozen = torch.jit.freeze(traced)
        x, v, h, pairs = (part.float() for part in states(network, seed=1))
        expected = network(x, v, h, graph)[0]
        assert (frozen(x, v, h, *graph) - expected).abs().max() < 1e-4


def test_a_network_is_copied_after_an_evaluation_in_training(name):
    network = build(name).train()
    x, v, h, pairs = states(network)
    frames, _ = network(x.requires_grad_(), v, h, complete_graph(pairs))
    loss = network.take_auxiliary_loss()
    assert (loss is not None) == (name in ("eghn", "eghno"))
    assert network.take_auxiliary_loss() is None
    (frames.square().sum() + (0 if loss is None else loss)).backward()
    copied = copy.deepcopy(network).eval()
    assert_near(copied(x, v, h, complete_graph(pairs))[0], frames)
    assert copied.take_auxiliary_loss() is None


@pytest.mark.parametrize(
    ("name", "changes", "found"),
    [
        ("egnn", {"horizon": 2}, "EGNN gives one frame, got horizon = 2"),
        ("egnn-s", {"history": 2}, "EGNNSequence reads one state, got history = 2"),
        ("egno", {"modes": 4}, "modes = 4: 4 frames have between 1 and 3 modes"),
        ("egno", {"convolved": ["h", "y"]}, "expected some of h, x and v"),
        ("egno", {"discretisation": "even"}, "discretisation = 'even'; there are: uniform, last"),
        ("egno", {"softening": 0.0}, "softening must be positive, got 0.0"),
        ("egno", {"time_features": 3}, "time_features must be even and not negative, got 3"),
        ("eghn", {"clusters": 0}, "clusters must be at least 1, got 0"),
        ("mpnn", {"hidden": 0}, "hidden must be at least 1, got 0"),
        ("mean-reversion", {"network": "mpnn"}, "network = 'mpnn'; there are: egnn-r, egnn-s"),
    ],
)
def test_options_that_make_no_sense(name, changes, found):
    with pytest.raises(ValueError, match=found):
        build(name, **changes)


@pytest.mark.parametrize("name", ["tfn", "se3-transformer"])
def test_networks_that_need_e3nn_say_so(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "e3nn", None)
    with pytest.raises(ValueError, match=r"need e3nn, .* pip install 'openmm-stegmn\[e3nn\]'"):
        build(name)


def test_another_number_of_states_is_told():
    network = build("st-egnn")
    x, v, h, pairs = states(network)
    with pytest.raises(ValueError, match="made for 3 states, got 2"):
        network(x[:, 1:], v[:, 1:], h, complete_graph(pairs))


@pytest.mark.parametrize("name", ["mean-structure", "mean-reversion"])
def test_another_number_of_nodes_is_told(name):
    network = build(name)
    x, v, h, pairs = states(network)
    with pytest.raises(ValueError, match="made for 6 nodes, got 5"):
        network(x[:, :, 1:], v[:, :, 1:], h[:, 1:], complete_graph(pairs[:, 1:, 1:]))


def test_names_are_given_once():
    with pytest.raises(ValueError, match="'egnn' is registered already"):
        state_network("egnn")(StateNetwork)
