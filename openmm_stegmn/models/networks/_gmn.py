"""GMN: the graph mechanics network, which moves constrained nodes by generalised coordinates."""

import torch
from torch import Tensor, nn

from ...mechanics import KinematicForest
from ..layers import EdgeMessages, Edges, ParticleGraph, Perceptron
from ._interface import StateNetwork, state_network


class GMNLayer(nn.Module):
    r"""Messages give forces, and forces the accelerations of centres and of rotation groups.

    :math:`u ← φ_u(h_c) u + a`, :math:`ω ← φ_ω(h_g) ω + β`, with a the mean force of the atoms of a
    component and β its torque over its moment (:meth:`KinematicForest.accelerations`).

    Parameters
    ----------
    hidden, edge_features : int
    """

    def __init__(self, hidden: int, edge_features: int):
        super().__init__()
        self.messages = EdgeMessages(hidden, edge_features)
        self.force = Perceptron(hidden, hidden, 1, zero=True)
        self.keep = Perceptron(hidden, hidden, 2)
        self.update = Perceptron(2 * hidden, hidden, hidden)

    def forward(self, network, x: Tensor, u: Tensor, omega: Tensor, h: Tensor, edges: Edges):
        """New velocities of components and groups, and features."""
        separation, message = self.messages(x, h, edges)
        force = edges.mean(separation * self.force(message))
        a, beta = network.forest.accelerations(x, force)
        keep = self.keep(network.pool(h))
        u = keep[..., :1] * u + a
        omega = keep[..., network.component_of_group, 1:] * omega + beta
        return u, omega, h + self.update(torch.cat([h, edges.sum(message)], -1))


@state_network("gmn")
class GMN(StateNetwork):
    r"""The graph mechanics network, from one state to one frame; constraints are kept.

    Nodes that constraints join (sticks, hinges, stars, rigid bodies: see
    :class:`~openmm_stegmn.mechanics.KinematicForest`) move by the velocity of their centre and the
    angular velocities of their rotation groups, by forward kinematics; others freely.

    Parameters
    ----------
    node_features, edge_features, hidden, layers
        See :class:`StateNetwork`.
    n_nodes : int
    constraints : sequence of (int, int)
        Nodes at a fixed distance.
    masses : sequence of float, optional
        All alike if None.

    References
    ----------
    Huang et al. 2022, Equivariant graph mechanics networks with constraints.
    """

    gives_trajectory = False
    counts_nodes = True

    def __init__(
        self, node_features: int, edge_features: int, *, n_nodes: int, constraints, masses=None,
        **sizes,
    ):  # fmt: skip
        super().__init__(node_features, edge_features, **sizes)
        masses = [1.0] * n_nodes if masses is None else masses
        self.forest = forest = KinematicForest.from_constraints(n_nodes, constraints, masses)
        for module in forest.modules():
            for name, buffer in list(module.named_buffers(recurse=False)):
                # It follows from the constraints: nothing that is learned, and that files hold
                module.register_buffer(name, buffer, persistent=False)
        belongs = torch.nn.functional.one_hot(forest.component, forest.n_components).T.double()
        self.register_buffer("average", belongs / belongs.sum(1, keepdim=True), persistent=False)
        component = torch.zeros(forest.n_groups, dtype=torch.long)
        ends = forest.arms[:, 1]
        component[forest.group[ends]] = forest.component[ends]
        self.register_buffer("component_of_group", component, persistent=False)
        self.embed = nn.Linear(node_features, self.hidden)
        self.layers = nn.ModuleList(
            GMNLayer(self.hidden, edge_features) for _ in range(self.n_layers)
        )

    def pool(self, h: Tensor) -> Tensor:
        """Mean features of components, ``(..., N, F)`` to ``(..., n_components, F)``."""
        return self.average.to(h.dtype) @ h

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """The frame after all layers; the velocity is the last layer's displacement."""
        h, edges = self.embed(h).unsqueeze(1), Edges(graph, self.relative_distances)
        u, omega = self.forest.velocities(x, v)
        before = x
        for layer in self.layers:
            u, omega, h = layer(self, x, u, omega, h, edges)
            before, x = x, self.forest.step(x, u, omega)
        return x, x - before
