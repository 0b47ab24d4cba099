"""STEGMN: the spatiotemporal equivariant graph mechanics network."""

from torch import Tensor

from ..data import WindowBlocks
from ..mechanics import superposition
from ._articulated import ArticulatedMechanism
from ._elastic import ElasticMechanism
from ._interface import TrajectoryModel
from ._registry import register
from ._rigid_motion import RigidMotion
from ._spec import ModelSpec
from .layers import MessageNetwork, NeighbourGraph, PairInvariants

KINEMATICS = ("articulated", "elastic", "cartesian")
# Windows, and pairs of atoms in them all, that scales are measured on: their errors are far below
# what the scales are for.
_WINDOWS, _PAIRS = 2_000, 2_000_000


@register("stegmn")
class STEGMN(TrajectoryModel):
    r"""Predict the next frame as a move of the last, from the forces of a message network.

    Messages between atoms carry the whole window: what each pair of atoms did relative to each
    other, with time as channels, so that pooling over time has weights of its own for each pair
    and for what it does. They give every atom learned forces. What these move depends on the
    kinematics, and is added to a linear autoregression in the same coordinates: before training
    the model *is* that least-squares solution.

    ===============  ==============================================================================
    kinematics       what a jump moves
    ===============  ==============================================================================
    ``articulated``  the rotatable bonds, by the torques of the forces. All lengths and angles stay.
                     For intervals after which molecules have turned their bonds.
    ``elastic``      every atom, by its force; arms that are constrained turn and keep their length,
                     all others stretch too. For short intervals and flexible bonds.
    ``cartesian``    every atom, by its force. Nothing is kept.
    ===============  ==============================================================================

    Equivariant to rotation, translation and reflection.

    Parameters
    ----------
    spec : ModelSpec
    kinematics : {"articulated", "elastic", "cartesian"}
    hidden, channels : int
        Width of features, and number of force channels (articulated).
    layers, heads, radial : int
        Number of layers, of heads of the attention between bonds, of radial basis functions.
    neighbours : int
        Atoms that each atom gets messages from: the nearest ones in the last frame.
    cutoff : float
        Range of the radial basis, Å.
    superposed : bool
        Whether the frames of a window are superposed on its last frame first (mass-weighted), so
        that rotation and diffusion of the whole do not drown what happens inside. Rigid motion is
        then predicted by shared autoregression of the past one.

    References
    ----------
    Miao and Qian 2025, spatiotemporal equivariant graph mechanics networks (``stegmn-paper``). What
    differs: the start from least squares, the invariants of pairs over time in place of messages in
    each frame, pooling over time that depends on the pair, articulated and elastic kinematics.
    """

    def __init__(
        self, spec: ModelSpec, *, kinematics: str = "articulated", hidden: int = 64,
        channels: int = 8, layers: int = 2, heads: int = 4, radial: int = 16,
        neighbours: int = 32, cutoff: float = 8.0, superposed: bool = True,
    ):  # fmt: skip
        super().__init__(spec)
        _check(spec, kinematics, hidden, heads, radial)
        self.kinematics, self.neighbours, self.superposed = kinematics, neighbours, superposed
        context, history = self.context, spec.history
        articulated = kinematics == "articulated"
        self.graph = NeighbourGraph(context.near, neighbours)
        invariants = PairInvariants(spec.n_atoms, context.near.n_kinds, history, radial, cutoff)
        self.network = MessageNetwork(
            invariants, context.n_atom_types, history, hidden, channels if articulated else 1,
            layers, zero=not articulated,
        )  # fmt: skip
        if articulated:
            self.mechanism = ArticulatedMechanism(context, history, hidden, channels, heads)
        else:
            self.mechanism = ElasticMechanism(
                context, history, neighbours, constrained=kinematics == "elastic"
            )
        self.rigid_motion = RigidMotion(history)

    def increments(self, window: Tensor) -> Tensor:
        """What the mechanism is moved by.

        Parameters
        ----------
        window : Tensor, ``(..., T, n_atoms, 3)``
            Å.

        Returns
        -------
        Tensor
            ``(..., n_bonds)``, rad, of an articulated body; else ``(..., n_atoms, 3)``, Å.
        """
        return self._increments(self._at_origin(window)[0])

    def _at_origin(self, window):
        """Frames about the origin, where single precision loses no digits, and their rotations.

        These are those that superposed the frames on the last, or None.
        """
        last = window[..., -1:, :, :]
        if not self.superposed:
            return window - last.mean(-2, keepdim=True), None
        turned, _, rotation = superposition(window, last, self.context.masses.to(window))
        return turned, rotation

    def _increments(self, window):
        x = window.reshape((-1,) + window.shape[-3:])
        neighbours = self.graph(self.context.near, x[:, -1])
        h, force = self.network(x, self.context.atom_types, neighbours)
        step = self.mechanism(self.context, x, h, force)
        return step.reshape(window.shape[:-3] + step.shape[1:])

    def inner_jump(self, window: Tensor) -> Tensor:
        """Predict the next frame ``(..., n_atoms, 3)`` without the rigid motion of molecules."""
        moved, _ = self.mechanism.move(
            self.context, window[..., -1, :, :], self.increments(window), None, None
        )
        return moved

    def jump(self, window: Tensor, base: Tensor):
        """Move ``base`` by the mechanism, then its molecules rigidly."""
        frames, superposing = self._at_origin(window)
        rotation = translation = None
        if self.superposed:
            rotation, translation = self.rigid_motion(self.context.body, window, superposing)
        step = self._increments(frames)
        return self.mechanism.move(self.context, base, step, rotation, translation)

    def fit(self, windows: WindowBlocks) -> None:
        """Set the linear part by least squares, and the scales; training continues from there."""
        if self.superposed:
            self.rigid_motion.fit(self.context.body, windows)
            windows = windows.superposed(self.context.masses)
        self.mechanism.fit(self.context, windows)
        pairs = self.spec.n_atoms * min(self.neighbours, self.spec.n_atoms - 1)
        step = max(1, len(windows) // min(_WINDOWS, _PAIRS // pairs + 1))
        sample, _ = windows[::step].join()
        neighbours = self.graph(self.context.near, sample[:, -1])
        self.network.invariants.calibrate(sample, neighbours)


def _check(spec, kinematics, hidden, heads, radial):
    if kinematics not in KINEMATICS:
        raise ValueError(f"kinematics = {kinematics!r}; there are: {', '.join(KINEMATICS)}")
    if spec.history < 2:
        raise ValueError(
            f"stegmn needs a window of at least 2 frames, got history = {spec.history}"
        )
    if spec.n_atoms < 2:
        raise ValueError("stegmn needs at least 2 atoms, got 1")
    if hidden % heads:
        raise ValueError(f"hidden = {hidden} cannot be shared by heads = {heads}")
    if radial < 2:
        raise ValueError(f"radial = {radial}: at least two functions span a range of distances")
