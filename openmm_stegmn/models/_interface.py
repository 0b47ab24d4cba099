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

    Frames are ``frame_interval`` apart. Subclasses define :meth:`jump`, to the next frame, and take
    their architecture's options as keyword arguments. P frames are then a roll-out of jumps, each
    feeding the next; a model that gives all of them in one evaluation says so by ``at_once``, and
    defines :meth:`jumps` too.

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
    #: Whether one evaluation gives all P frames, and training fits them all; else they are a
    #: roll-out, and training fits the next frame.
    at_once = False
    #: Whether rotations and reflections of a window do the same to what is predicted.
    equivariant = True

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
        """Frames before the last in the stretches that it is trained on (``WindowSet.history``).

        Those of its window, and those before the last that it predicts.
        """
        return self.history + self.horizon - 1

    @property
    def trained_frames(self) -> int:
        """Frames after a window that training fits: P if they come at once, else the next one."""
        return self.horizon if self.at_once else 1

    @property
    def trained_on_torsions(self) -> bool:
        """Whether training fits turns of rotatable bonds, or positions."""
        return self.kinematics == "articulated"

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

    def jumps(self, window: Tensor, base: Tensor, noise: Tensor | None = None):
        """Predict all P frames as moves of ``base``; here a roll-out of jumps, each to the next.

        A propagator jumps to the last of them, by :attr:`jump_frames` intervals.

        Parameters
        ----------
        window : Tensor, ``(..., T, n_atoms, 3)``
        base : Tensor, ``(..., n_atoms, 3)``
            As for :meth:`jump`.
        noise : Tensor, ``(..., n_noise)``, optional
            To draw the first jump by.

        Returns
        -------
        frames : Tensor, ``(..., P, n_atoms, 3)``
            In the dtype of ``base``.
        rotations : Tensor, ``(..., P, n_atoms, 3, 3)``
            From ``base`` to each.
        """
        if noise is None:
            frame, rotation = self.jump(window, base)
        else:
            frame, rotation = self.draw_jump(window, base, noise)
        frames, rotations = [frame], [rotation]
        for _ in range(1, self.horizon):
            check_frame(frame, base)
            window = torch.cat([window[..., 1:, :, :], frame.to(window).unsqueeze(-3)], -3)
            frame, turned = self.jump(window, frame)
            frames.append(frame)
            rotations.append(turned @ rotations[-1])
        check_frame(frame, base)
        return torch.stack(frames, -3), torch.stack(rotations, -4)

    def forward(self, window: Tensor) -> Tensor:
        """Predict ``(..., P, n_atoms, 3)`` from a window."""
        return self.jumps(window, window[..., -1, :, :])[0]

    def propose(self, window: Tensor, generator: torch.Generator | None = None) -> Proposal:
        """Propose the next frames; a deterministic model ignores the generator."""
        return Proposal(self(window))

    def fit(self, windows: WindowBlocks) -> None:
        """Set what a closed form gives.

        That is all parameters of a linear model, and the starting point of a network.

        Parameters
        ----------
        windows : WindowBlocks
            Windows, and the frame after each, on the device of the model; of models that give P
            frames at once those, ``(n, P, n_atoms, 3)``. Sums over them are taken a block at a
            time, in float64.
        """

    def take_auxiliary_loss(self) -> Tensor | None:
        """What training adds to the loss of the last evaluation, once; None where there is none."""
        return None


def check_frame(frame: Tensor, base: Tensor) -> None:
    """Raise ValueError unless a model's frame has the shape of the one that it moves.

    Another shape might broadcast, to all atoms on one spot.
    """
    if frame.shape != base.shape:
        raise ValueError(
            f"The model made a frame of shape {tuple(map(int, frame.shape))}, expected "
            f"{tuple(map(int, base.shape))}."
        )


def unmoved(base: Tensor) -> Tensor:
    """Identity rotations ``(..., n_atoms, 3, 3)`` for the atoms of ``base``."""
    return torch.eye(3, dtype=base.dtype, device=base.device).expand(base.shape + (3,))
