"""State networks as jump models of molecules: EGNO and all that it is compared with."""

import torch
from torch import Tensor, nn

from ..data import WindowBlocks
from ..mechanics import generalised_velocities, rotation_matrix, superpose
from ._interface import TrajectoryModel, unmoved
from ._registry import register
from ._rigid_motion import RigidMotion
from ._spec import ModelSpec
from .layers import NeighbourGraph, ParticleGraph
from .networks import GMN, STATE_NETWORKS

KINEMATICS = ("articulated", "elastic", "cartesian")
# Windows that speed and linear dynamics are fitted on, and atoms in one frame of them all
_FITTED, _FITTED_ATOMS = 5_000, 5_000_000
# Å per frame interval: keeps the gradient of a speed finite at rest
_SLOW = 1e-3


@register("egnn", network="egnn")
@register("egnn-r", network="egnn-r")
@register("egnn-s", network="egnn-s")
@register("egnn-tb", network="egnn-tb")
@register("egno", network="egno")
@register("egno-rigid", network="egno", kinematics="articulated")
@register("eghn", network="eghn")
@register("eghno", network="eghno")
@register("st-egnn", network="st-egnn")
@register("gmn", network="gmn", kinematics="elastic")
@register("radial-field", network="radial-field")
@register("tfn", network="tfn")
@register("se3-transformer", network="se3-transformer")
@register("mpnn", network="mpnn")
@register("linear-dynamics", network="linear-dynamics")
class StateModel(TrajectoryModel):
    r"""A state network as a model of a molecule: window in, P frames out of one evaluation.

    Velocities are the last differences of frames, Å per frame interval. Nodes know the kind of
    their atom and their speed, edges the kind of their pair. The graph is that of atoms one and two
    bonds apart, and the nearest others. The network's displacements move the last frame by

    ===============  ==============================================================================
    kinematics       what they are read as
    ===============  ==============================================================================
    ``articulated``  generalised velocities (least squares, see
                     :func:`~openmm_stegmn.mechanics.generalised_velocities`): rotatable bonds turn,
                     and all lengths and angles stay, so that every constraint does
    ``elastic``      where atoms go; arms that are constrained turn there at their length
    ``cartesian``    where atoms go. Nothing is kept
    ===============  ==============================================================================

    A network that gives one frame gives the next, and more by a roll-out of jumps.

    Parameters
    ----------
    spec : ModelSpec
        ``history`` of at least 2, for a velocity; ``horizon`` is the network's.
    network : str
        Name in :data:`STATE_NETWORKS`.
    kinematics : {"articulated", "elastic", "cartesian"}
        ``egno-rigid`` is ``egno`` with articulated kinematics.
    hidden, layers : int
        Of the network.
    type_features, pair_features : int
        Width of the embeddings of kinds of atoms and of pairs.
    neighbours : int
        Atoms that each atom gets messages from.
    states : int, optional
        States that the network reads, the last ones of the window. Default: one, or the whole
        window of ``st-egnn``. More make ``egno`` a map from trajectory to trajectory.
    superposed : bool
        Whether the frames of a window are superposed on its last frame first (mass-weighted).
        Rigid motion is then predicted by shared autoregression of the past one; else it is the
        network's.
    auxiliary_weight : float
        Of what a network adds to the loss, such as the cut loss of ``eghn``.
    **options
        Of the network, such as ``modes``, ``convolved`` (``egno``, ``eghno``) or ``clusters``.

    References
    ----------
    Xu et al. 2024, Equivariant graph neural operator for modeling 3D dynamics.
    """

    def __init__(
        self, spec: ModelSpec, *, network: str, kinematics: str = "cartesian", hidden: int = 64,
        layers: int = 4, type_features: int = 16, pair_features: int = 8, neighbours: int = 16,
        states: int | None = None, superposed: bool = True, auxiliary_weight: float = 0.01,
        **options,
    ):  # fmt: skip
        super().__init__(spec)
        kind = STATE_NETWORKS[network]
        if states is None:
            states = spec.history if network == "st-egnn" else 1
        self._check(kinematics, states)
        self.kinematics, self.superposed = kinematics, superposed
        self.neighbours, self.states, self.auxiliary_weight = neighbours, states, auxiliary_weight
        self.at_once, self.equivariant = kind.gives_trajectory, kind.equivariant
        self.closed_form = kind.closed_form
        context = self.context
        if kind is GMN:
            options |= {
                "n_nodes": spec.n_atoms, "constraints": spec.constraints, "masses": spec.masses
            }  # fmt: skip
        self.type_embedding = nn.Embedding(context.n_atom_types, type_features)
        self.pair_embedding = nn.Embedding(context.near.n_kinds, pair_features)
        self.network = kind(
            type_features + 1, pair_features, hidden=hidden, layers=layers, history=states,
            horizon=self.trained_frames, **options,
        )  # fmt: skip
        self.neighbour_graph = NeighbourGraph(context.near, neighbours, bonded_first=True)
        #: Typical speed, Å per frame interval.
        self.register_buffer("speed", torch.ones(()))
        self.rigid_motion = RigidMotion(spec.history, self.trained_frames)

    def _check(self, kinematics, states):
        spec = self.spec
        if kinematics not in KINEMATICS:
            raise ValueError(f"kinematics = {kinematics!r}; there are: {', '.join(KINEMATICS)}")
        if spec.history < 2:
            raise ValueError(
                f"{spec.architecture} needs a window of at least 2 frames for a velocity, got "
                f"history = {spec.history}"
            )
        if not 1 <= states <= spec.history:
            raise ValueError(f"states = {states}: expected between 1 and history = {spec.history}")
        if kinematics == "articulated" and self.context.body.n_bonds == 0:
            raise ValueError(
                "articulated kinematics turns rotatable bonds, and this molecule has none; "
                'choose kinematics = "elastic"'
            )

    @property
    def trained_on_torsions(self) -> bool:
        """Not where the network's displacements move whole molecules too: turns do not show it."""
        return self.kinematics == "articulated" and self.superposed

    def graph(self, frame: Tensor) -> ParticleGraph:
        """Neighbours of the atoms in a frame ``(B, N, 3)``."""
        table, kinds, _ = self.neighbour_graph(self.context.near, frame)
        present = torch.ones_like(table, dtype=torch.bool)
        return ParticleGraph(table, present, self.pair_embedding(kinds)).batched(len(frame))

    def displacements(self, window: Tensor) -> Tensor:
        """From the last frame to each of P, by the network, ``(B, P, N, 3)``.

        Parameters
        ----------
        window : Tensor, ``(B, T, N, 3)``
        """
        # Far from the origin single precision loses digits.
        x = window - window[:, -1:].mean(-2, keepdim=True)
        v = x.diff(dim=1)
        # The first frame has no velocity of its own
        v = torch.cat([v[:, :1], v], 1)
        speed = torch.sqrt(v[:, -1].square().sum(-1, keepdim=True) + _SLOW**2) / self.speed
        types = self.type_embedding(self.context.atom_types).expand(len(x), -1, -1)
        h = torch.cat([types, speed], -1)
        read, graph = slice(-self.states, None), self.graph(x[:, -1])
        frames, _ = self.network(x[:, read], v[:, read], h, graph)
        return frames - x[:, -1:]

    def increments(self, window: Tensor) -> Tensor:
        """What the last frame is moved by, without rigid motion of molecules.

        Parameters
        ----------
        window : Tensor, ``(..., T, n_atoms, 3)``
            Å.

        Returns
        -------
        Tensor
            ``(..., P, n_bonds)``, rad, of an articulated body; else ``(..., P, n_atoms, 3)``, Å,
            and free of rigid motion only if the model is superposed.
        """
        return self._motion(window)[0]

    def _motion(self, window):
        """Increments, and what rotation and translation of molecules the network gives or None."""
        if self.superposed:
            window = superpose(window, window[..., -1:, :, :], self.context.masses.to(window))
        step = self.displacements(window.reshape((-1,) + window.shape[-3:]))
        step = step.reshape(window.shape[:-3] + step.shape[1:])
        if self.kinematics != "articulated":
            return step, None, None
        return generalised_velocities(self.context.body, window[..., -1:, :, :], step)

    def inner_jump(self, window: Tensor) -> Tensor:
        """Predict the P frames without the rigid motion of molecules, ``(..., P, n_atoms, 3)``."""
        return self._move(window[..., -1, :, :], self.increments(window), None, None)[0]

    def jump(self, window: Tensor, base: Tensor):
        """The first of :meth:`jumps`."""
        frames, rotations = self._all(window, base)
        return frames[..., 0, :, :], rotations[..., 0, :, :, :]

    def jumps(self, window: Tensor, base: Tensor, noise: Tensor | None = None):
        """Move ``base`` to each of the P frames; by a roll-out if the network gives one."""
        return self._all(window, base) if self.at_once else super().jumps(window, base, noise)

    def _all(self, window, base):
        step, *rigid = self._motion(window)
        if self.superposed:
            rigid = self.rigid_motion(self.context.body, window)
        return self._move(base, step, *rigid)

    def _move(self, base, step, rotation, translation):
        body, forest = self.context.body, self.context.forest
        frames = base.shape[:-2] + (self.trained_frames,)
        base, step = base.unsqueeze(-3).expand(frames + base.shape[-2:]), step.to(base.dtype)
        if rotation is not None:
            rotation, translation = rotation.to(base.dtype), translation.to(base.dtype)
        if self.kinematics == "articulated":
            return body.move(base, step, rotation, translation)
        moved = base + step
        if self.kinematics == "elastic" and forest.n_arms > 0:
            # The least rotation of each arm that takes it to where it was sent, at its length.
            shift, turn, _ = forest.increments(base, moved)
            moved = forest.step(base, shift, turn)
        if rotation is None:
            return moved, unmoved(moved)
        return body.place(moved, rotation_matrix(rotation), body.centres(moved) + translation)

    def fit(self, windows: WindowBlocks) -> None:
        """Set the typical speed, and by least squares the rigid motion, and linear dynamics."""
        if not self.at_once:
            windows = windows.changed(lambda window, target: (window, target.unsqueeze(1)))
        if self.superposed:
            self.rigid_motion.fit(self.context.body, windows)
            windows = windows.superposed(self.context.masses)
        sample = windows.evenly(min(_FITTED, _FITTED_ATOMS // self.spec.n_atoms + 1))
        states, targets = sample.changed(lambda w, following: (w[:, -2:], following)).join()
        velocity = states[:, 1:] - states[:, :1]
        self.speed.copy_(velocity.square().sum(-1).mean().sqrt().clamp_min(_SLOW))
        self.network.fit(states[:, 1:], velocity, targets)

    def take_auxiliary_loss(self) -> Tensor | None:
        """That of the network, times its weight."""
        loss = self.network.take_auxiliary_loss()
        return None if loss is None else self.auxiliary_weight * loss
