"""The interface that every jump model has."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data import WindowBlocks
from ._context import MoleculeContext
from ._spec import ModelSpec


@dataclass(frozen=True)
class Proposal:
    """What a model proposes for a window."""

    frames: Tensor
    """``(..., P, n_atoms, 3)``, Å."""
    velocities: Tensor | None = None
    """``(..., n_atoms, 3)``, Å/ps, or None where the model gives none."""
    log_density: Tensor | None = None
    """``(...)``, logarithm of the proposal's density, or None for a model without one."""


class TrajectoryModel(nn.Module, ABC):
    """A window of frames in, the frames that follow out.

    =============  =========================  ====  ============================================
    quantity       shape                      unit  meaning
    =============  =========================  ====  ============================================
    ``window``     ``(..., T, n_atoms, 3)``   Å     the last T frames, oldest first
    ``frames``     ``(..., P, n_atoms, 3)``   Å     the next P frames
    ``base``       ``(..., n_atoms, 3)``      Å     the frame that a jump moves: the last one
    ``rotations``  ``(..., n_atoms, 3, 3)``         how the rigid fragment of each atom turned
    =============  =========================  ====  ============================================

    Frames are ``frame_interval`` apart. Subclasses define :meth:`jump` and take their
    architecture's options as keyword arguments.

    Parameters
    ----------
    spec : ModelSpec
    """

    #: What a jump keeps: ``"articulated"`` all lengths and angles, ``"sticks"`` the lengths of
    #: disjoint pairs of atoms, ``"cartesian"`` nothing.
    kinematics = "cartesian"
    #: Whether a window is superposed on its last frame before anything else.
    superposed = False
    #: Whether the model draws from a distribution that it can give the density of.
    has_density = False
    #: Random numbers that :meth:`draw_jump` takes.
    n_noise = 0
    #: Whether :meth:`fit` gives the final parameters, with no training loop.
    closed_form = False

    def __init__(self, spec: ModelSpec):
        super().__init__()
        self.spec = spec
        self.context = MoleculeContext(spec)
        #: File that the model was loaded from and its SHA-256, or None for a model made in memory.
        self.source: Path | None = None
        self.sha256: str | None = None

    @property
    def history(self) -> int:
        """Frames in a window, T."""
        return self.spec.history

    @property
    def uses_window(self) -> bool:
        """Whether a jump depends on frames before the last."""
        return self.history > 1

    @property
    def horizon(self) -> int:
        """Frames that one evaluation predicts, P."""
        return self.spec.horizon

    @property
    def segment(self) -> int:
        """Frames before the last in the stretches that it is trained on (``WindowSet.history``)."""
        return self.history

    @property
    def jump_frames(self) -> int | None:
        """Frame intervals by which a jump goes ahead; None where it has no time."""
        return self.horizon

    @property
    def frame_interval(self) -> float:
        """Time between frames, ps."""
        return self.spec.frame_interval

    @property
    def temperature(self) -> float | None:
        """Temperature of the training data, K."""
        return self.spec.temperature

    @abstractmethod
    def jump(self, window: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the next frame as a move of ``base``.

        Parameters
        ----------
        window : Tensor, ``(..., T, n_atoms, 3)``
            Å, in the dtype of the model's parameters.
        base : Tensor, ``(..., n_atoms, 3)``
            The last frame again, in any dtype. Forward kinematics works on these positions in their
            own precision.

        Returns
        -------
        frame : Tensor, ``(..., n_atoms, 3)``
            In the dtype of ``base``.
        rotations : Tensor, ``(..., n_atoms, 3, 3)``
        """

    def draw_jump(self, window: Tensor, base: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Draw a jump, as a function of normal noise ``(..., n_noise)``.

        Of a deterministic model it is :meth:`jump`, which see for the rest.
        """
        return self.jump(window, base)

    def forward(self, window: Tensor) -> Tensor:
        """Predict ``(..., P, n_atoms, 3)`` from a window; P > 1 is a roll-out of jumps."""
        frames = []
        for _ in range(self.horizon):
            frame, _ = self.jump(window, window[..., -1, :, :])
            frames.append(frame)
            window = torch.cat([window[..., 1:, :, :], frame.unsqueeze(-3)], -3)
        return torch.stack(frames, -3)

    def propose(self, window: Tensor, generator: torch.Generator | None = None) -> Proposal:
        """Propose the next frames; a deterministic model ignores the generator."""
        return Proposal(self(window))

    def fit(self, windows: WindowBlocks) -> None:
        """Set what a closed form gives.

        That is all parameters of a linear model, and the starting point of a network.

        Parameters
        ----------
        windows : WindowBlocks
            Windows, and the frame after each, on the device of the model. Sums over them are taken
            a block at a time, in float64.
        """


def unmoved(base: Tensor) -> Tensor:
    """Identity rotations ``(..., n_atoms, 3, 3)`` for the atoms of ``base``."""
    return torch.eye(3, dtype=base.dtype, device=base.device).expand(base.shape + (3,))
