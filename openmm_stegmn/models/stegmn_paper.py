"""STEGMN as published: sticks, isolated atoms, and weights over time that all atoms share."""

import torch
from torch import Tensor, nn

from ..mechanics import disjoint_bonds
from ._interface import TrajectoryModel
from ._registry import register
from ._spec import ModelSpec
from .layers import NeighbourGraph
from .layers._paper import (
    GeneralisedUpdate,
    PaperMessages,
    PaperTemporalAttention,
    PaperTemporalPooling,
    StickAccelerations,
    cutoff_graph,
    speed,
)
from .layers._sticks import Sticks


@register("stegmn-paper")
class PublishedSTEGMN(TrajectoryModel):
    r"""The spatiotemporal equivariant graph mechanics network as published, for comparison.

    Atoms are the ends of disjoint sticks, or isolated. Each layer acts on all T frames at once:

    1. spatial mechanics: messages give forces :math:`f_i`, those the accelerations of centres
       :math:`a_c` and of sticks :math:`β_g`; :math:`u ← φ_u(h_c) u + a`,
       :math:`ω ← φ_ω(h_c) ω + β`; forward kinematics by (u, ω);
    2. temporal mechanics attention (TMAL): :math:`\tilde a_t = \sum_s α_{ts} a_s`,
       :math:`\tilde β_t = \sum_s α_{ts} β_s`, and the same update and forward kinematics.

    Temporal mechanics pooling (TMPL) then moves the last frame by
    :math:`\sum_t θ_t (x_{c,t} - x_{c,T-1})` and turns its sticks by :math:`\sum_t w_t ω_t`,
    :math:`w = \mathrm{softmax}(\bar w)`. All that the network does to the last frame is done again
    to ``base``, so sticks keep the lengths that they have there. Everything else may change.

    Parameters
    ----------
    spec : ModelSpec
    hidden, layers : int
        Width of the features, and number of layers.
    cutoff : float
        Atoms closer than this in the last frame of a window exchange messages, Å; so do atoms one
        or two bonds apart.
    neighbours : int
        Most edges of an atom: those to its nearest.
    causal : bool
        Whether temporal attention is causal.
    sticks : list of [int, int], optional
        Pairs of atoms. By default disjoint pairs are taken greedily, from the constraints and then
        from the bonds, in their order. Constraints that share an atom with a stick are not kept.

    Raises
    ------
    ValueError
        If an option is out of range, or sticks share an atom.

    Notes
    -----
    Written from the equations alone. What they leave open, and what is chosen here:

    ======================  ======================================================================
    open                    chosen
    ======================  ======================================================================
    which bonds are sticks  greedily, in the order of the bonds: it depends on how atoms are
                            numbered, so ``sticks`` may state them
    graph                   published: a cut-off graph. Here also all atoms one or two bonds apart,
                            which hold angles in place and must not come and go with the distance;
                            one graph a window, from its last frame
    initial features        embedding of the element, linear map of the speed, learned time
                            embedding of each frame
    initial velocities      backward differences; the first frame is given those of the second
    centre                  of mass
    centre's acceleration   of a stick: as in GMN, from [force, arm, swing] and their invariants
    attention               one head; queries and keys linear in the object's features and speeds;
                            features themselves are not exchanged in time
    where TMPL starts       the last frame as the layers have moved it; θ and w̄ start at zero
    initial weights         PyTorch's, and no forces: as EGNN, which starts with tiny ones
    ======================  ======================================================================

    References
    ----------
    Miao and Qian 2025, spatiotemporal equivariant graph mechanics networks; Huang et al. 2022,
    Equivariant graph mechanics networks with constraints; Satorras et al. 2021, E(n) equivariant
    graph neural networks.
    """

    kinematics = "sticks"

    def __init__(
        self, spec: ModelSpec, *, hidden: int = 16, layers: int = 2, cutoff: float = 4.0,
        neighbours: int = 32, causal: bool = False, sticks=None,
    ):  # fmt: skip
        super().__init__(spec)
        if spec.history < 2:
            raise ValueError(
                f"stegmn-paper needs a window of at least 2 frames, got history = {spec.history}"
            )
        for name, value in (("hidden", hidden), ("layers", layers), ("neighbours", neighbours)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not cutoff > 0:
            raise ValueError(f"cutoff must be positive, got {cutoff} Å")
        self.cutoff, self.neighbours = cutoff, neighbours
        self.graph = NeighbourGraph(self.context.near, neighbours)
        if sticks is None:
            sticks = disjoint_bonds(spec.constraints + spec.bonds)
        # Part of the context, which files leave out: it follows from the specification.
        self.context.sticks = Sticks(spec.n_atoms, sticks, spec.masses)
        elements = sorted(set(spec.elements))
        index = torch.tensor([elements.index(element) for element in spec.elements])
        self.register_buffer("element", index, persistent=False)
        self.element_embedding = nn.Embedding(len(elements), hidden)
        self.speed_embedding = nn.Linear(1, hidden)
        self.time_embedding = nn.Parameter(0.1 * torch.randn(spec.history, 1, hidden))
        each = range(layers)
        self.messages = nn.ModuleList(PaperMessages(hidden) for _ in each)
        self.accelerations = nn.ModuleList(StickAccelerations(hidden) for _ in each)
        self.spatial_update = nn.ModuleList(GeneralisedUpdate(hidden) for _ in each)
        self.attention = nn.ModuleList(PaperTemporalAttention(hidden, causal) for _ in each)
        self.temporal_update = nn.ModuleList(GeneralisedUpdate(hidden) for _ in each)
        self.pooling = PaperTemporalPooling(spec.history)

    def steps(self, window: Tensor) -> list:
        """Successive moves of the last frame.

        Parameters
        ----------
        window : Tensor, ``(B, T, n_atoms, 3)``
            Å.

        Returns
        -------
        list of (Tensor, Tensor)
            Translations of centres ``(B, n_components, 3)``, Å, and rotations of sticks
            ``(B, n_groups, 3)``, axis times angle: two of each layer, then that of the pooling.
        """
        sticks = self.context.sticks
        x = window - window[:, -1:].mean(-2, keepdim=True)
        graph = cutoff_graph(x[:, -1], self.graph(self.context.near, x[:, -1]), self.cutoff)
        velocity = x[:, 1:] - x[:, :-1]
        velocity = torch.cat([velocity[:, :1], velocity], 1)
        u, omega = sticks.velocities(x, velocity)
        h = self.element_embedding(self.element) + self.time_embedding
        h = h + self.speed_embedding(speed(velocity))
        steps = []
        for messages, accelerations, spatial_update, attention, temporal_update in zip(
            self.messages, self.accelerations, self.spatial_update, self.attention,
            self.temporal_update, strict=True,
        ):  # fmt: skip
            h, force = messages(x, h, graph)
            a, beta = accelerations(sticks, x, force, omega)
            u, omega = spatial_update(sticks, h, u, omega, a, beta)
            x = sticks.step(x, u, sticks.rotations(omega))
            steps.append((u[:, -1], omega[:, -1]))
            a, beta = attention(sticks, h, u, omega, a, beta)
            u, omega = temporal_update(sticks, h, u, omega, a, beta)
            x = sticks.step(x, u, sticks.rotations(omega))
            steps.append((u[:, -1], omega[:, -1]))
        return [*steps, self.pooling(sticks.centres(x), omega)]

    def jump(self, window: Tensor, base: Tensor):
        """Move the sticks and isolated atoms of ``base`` as the network moves its last frame."""
        sticks = self.context.sticks
        steps = self.steps(window.reshape((-1,) + window.shape[-3:]))
        translations, turns = (torch.stack(part).double() for part in zip(*steps, strict=True))
        # Each turns a stick about its centre, so that one after the other they are one.
        rotation, *later = sticks.rotations(turns).unbind(0)
        for next_rotation in later:
            rotation = next_rotation @ rotation
        frame = sticks.step(
            base.reshape((-1,) + base.shape[-2:]).double(), translations.sum(0), rotation
        )
        rotations = rotation[..., sticks.forest.component, :, :]
        return (
            frame.reshape(base.shape).to(base.dtype),
            rotations.reshape(base.shape + (3,)).to(base.dtype),
        )
