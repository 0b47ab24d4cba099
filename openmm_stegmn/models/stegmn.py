"""STEGMN: the spatiotemporal equivariant graph mechanics network over an articulated body."""

import torch
from torch import Tensor, nn

from ..mechanics import rotation_vector, wrap_angle
from ._interface import TrajectoryModel
from ._registry import register
from ._spec import ModelSpec
from .baselines import relative_torsions
from .layers import (
    LagRegression,
    Perceptron,
    SpatialMechanicsLayer,
    TemporalMechanicsAttention,
    TemporalMechanicsPooling,
    neighbour_table,
    shared_regression,
)

# sin nτ and cos nτ for n up to this: a threefold methyl needs 3
_HARMONICS = 3


@register("stegmn")
class STEGMN(TrajectoryModel):
    """Predict the turn of every rotatable bond from a window of frames.

    Each layer passes messages in all T frames at once (time is a batch dimension), turns forces
    into torques about the bonds (spatial mechanics layer), lets every bond attend to its own past
    (TMAL), updates the angular velocities and moves each frame by forward kinematics. Pooling over
    time (TMPL) gives one angle a bond, added to the coupled linear autoregression of the torsions:
    before training the model *is* that least-squares solution. Translation and rotation of whole
    molecules are predicted by shared autoregression of the past ones.

    Equivariant to rotation, translation and reflection: angles are odd under reflection, see
    :class:`~openmm_stegmn.models.layers.SpatialMechanicsLayer`.

    Parameters
    ----------
    spec : ModelSpec
    hidden, channels : int
        Width of even features, and of odd features (force channels).
    layers, heads, radial : int
        Number of layers, of attention heads, of radial basis functions.
    neighbours : int
        Atoms that each atom gets messages from: the nearest ones in the last frame.
    cutoff : float
        Range of the radial basis, Å.
    causal : bool
        Whether temporal attention is causal.

    References
    ----------
    Miao and Qian 2025, spatiotemporal equivariant graph mechanics networks. What differs:
    articulated bodies in place of disjoint sticks, several force channels and heads, bond features,
    and the start from least squares.
    """

    kinematics = "articulated"

    def __init__(
        self, spec: ModelSpec, *, hidden: int = 64, channels: int = 16, layers: int = 2,
        heads: int = 4, radial: int = 16, neighbours: int = 32, cutoff: float = 8.0,
        causal: bool = False,
    ):  # fmt: skip
        super().__init__(spec)
        if spec.history < 2:
            raise ValueError(
                f"stegmn needs a window of at least 2 frames, got history = {spec.history}"
            )
        if hidden % heads:
            raise ValueError(f"hidden = {hidden} cannot be shared by heads = {heads}")
        if radial < 2:
            raise ValueError(f"radial = {radial}: at least two functions span a range of distances")
        if self.context.body.n_bonds == 0:
            raise ValueError("stegmn turns rotatable bonds, and this molecule has none")
        self.neighbours = neighbours
        self.atom_embedding = nn.Embedding(self.context.n_atom_types, hidden)
        self.time_embedding = nn.Parameter(0.1 * torch.randn(spec.history, 1, hidden))
        self.bond_input = Perceptron(2 * hidden + _HARMONICS + 1, hidden, hidden + channels)
        self.odd_input = nn.Linear(_HARMONICS + 2, channels, bias=False)
        self.spatial = nn.ModuleList(
            SpatialMechanicsLayer(
                hidden, channels, radial, heads, self.context.MAX_HOPS + 1, cutoff
            )
            for _ in range(layers)
        )
        self.temporal = nn.ModuleList(
            TemporalMechanicsAttention(hidden, channels, heads, causal) for _ in range(layers)
        )
        # φ_ω: how much of its angular velocity a bond keeps, how far a layer moves it along that
        self.keep = nn.ModuleList(Perceptron(hidden, hidden, 2) for _ in range(layers))
        self.pooling = TemporalMechanicsPooling(hidden, channels)
        self.torsion_regression = LagRegression(
            self.context.body.n_bonds, spec.history, coupled=True, ridge=1e-6
        )
        self.register_buffer("rotation_weights", torch.zeros(spec.history - 1))
        self.register_buffer("translation_weights", torch.zeros(spec.history - 1))

    def increments(self, window: Tensor) -> Tensor:
        """Turns of the rotatable bonds, ``(..., T, n_atoms, 3)`` to ``(..., n_bonds)``, rad."""
        batch = window.shape[:-3]
        x = window.reshape((-1,) + window.shape[-3:])
        return self._increments(x).reshape(batch + (self.context.body.n_bonds,))

    def _increments(self, x: Tensor) -> Tensor:
        body = self.context.body
        x = x - x[:, -1:].mean(-2, keepdim=True)
        torsions = body.torsions(x)
        past = relative_torsions(body, x)
        linear = self.torsion_regression(past)
        past = torch.cat([past, torch.zeros_like(past[:, :1])], 1)
        velocity = wrap_angle(torsions - torch.cat([torsions[:, :1], torsions[:, :-1]], 1))

        table = neighbour_table(x[:, -1], self.neighbours)
        types = self.context.hops.long()[torch.arange(x.shape[2], device=x.device)[:, None], table]
        h = self.atom_embedding(self.context.atom_types) + self.time_embedding
        h = h.expand(x.shape[:3] + h.shape[-1:])
        even, odd = self._bond_features(h, torsions, past, velocity)
        for spatial, temporal, keep in zip(self.spatial, self.temporal, self.keep, strict=True):
            h, even, odd, torque = spatial(body, x, h, even, odd, (table, types))
            even, odd, acceleration = temporal(even, odd, torque)
            retained, reach = keep(even).unbind(-1)
            velocity = (1 + retained) * velocity + acceleration
            # Half a turn at most, however far off the network is: forward kinematics is exact for
            # any angle, and a bounded one keeps training stable.
            x, _ = body.turn(x, torch.pi * torch.tanh(reach * velocity / torch.pi))
        return linear + self.pooling(even, odd, velocity, past)

    def _bond_features(self, h, torsions, past, velocity):
        j, k = self.context.body.torsion_atoms[:, 1], self.context.body.torsion_atoms[:, 2]
        cosines = [torch.cos(n * torsions) for n in range(1, _HARMONICS + 1)]
        cosines += [torch.cos(past)]
        sines = [torch.sin(n * torsions) for n in range(1, _HARMONICS + 1)]
        sines += [torch.sin(past), velocity]
        features = self.bond_input(
            torch.cat([h[:, :, j], h[:, :, k], torch.stack(cosines, -1)], -1)
        )
        even, gate = features[..., : h.shape[-1]], features[..., h.shape[-1] :]
        return even, (1 + gate) * self.odd_input(torch.stack(sines, -1))

    def rigid_motion(self, window: Tensor):
        """Rotation vectors and translations of the molecules, each ``(..., n_molecules, 3)``."""
        turned, shifted = self._past_motion(window)
        rotation = torch.einsum("t,...tmx->...mx", self.rotation_weights, turned)
        return rotation, torch.einsum("t,...tmx->...mx", self.translation_weights, shifted)

    def _past_motion(self, window):
        """Rigid motion from the last frame to earlier ones, ``(..., T - 1, n_molecules, 3)``."""
        body, last, past = self.context.body, window[..., -1:, :, :], window[..., :-1, :, :]
        turned = rotation_vector(body.superposition(last.expand_as(past), past))
        return turned, body.centres(past) - body.centres(last)

    def jump(self, window: Tensor, base: Tensor):
        """Turn the fragments of ``base`` and move its molecules rigidly."""
        rotation, translation = self.rigid_motion(window)
        angles = self.increments(window)
        kind = base.dtype
        return self.context.body.move(
            base, angles.to(kind), rotation.to(kind), translation.to(kind)
        )

    def fit(self, windows: Tensor, targets: Tensor) -> None:
        """Set the linear part by least squares; training continues from there."""
        body, last = self.context.body, windows[:, -1]
        angles, rotation, translation = body.increments(last, targets)
        self.torsion_regression.fit(relative_torsions(body, windows), angles)
        turned, shifted = self._past_motion(windows)
        for buffer, step, past in (
            (self.rotation_weights, rotation, turned),
            (self.translation_weights, translation, shifted),
        ):
            features = past.transpose(0, 1).flatten(1).T
            # Superposed training windows have no rigid motion to learn from: predict none.
            if features.abs().max() > 1e-3:
                buffer.copy_(shared_regression(features, step.flatten()))
