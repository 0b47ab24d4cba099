"""The bridge of jumps from a window, drawn or not; see `Bridge` for how and why.

===== =========================== ================================ ============================
phase positions shown             "energy"                         "forces"
===== =========================== ================================ ============================
1     next frame of the window,   0                                weight of each coordinate in
      nm                                                           the window's fingerprint
100   where the jump starts, nm   1 if the answer is unusable,     displacement of the jump, nm
                                  2 if frames were not shown
102   the velocities, nm/ps       0                                their change when they turn
                                                                   with the fragments
===== =========================== ================================ ============================

and 0, 101 and, for models that draw, 300+k.
"""

from typing import Final

import torch
from torch import nn

from ..models import check_frame
from ..units import ANGSTROM_PER_NM
from ._bridge import PHASE_CHECK, PHASE_NOISE, TurningBridge, Window

PHASE_FRAME = 1
PHASE_JUMP = 100
PHASE_TURN = 102
#: A displacement beyond this (nm) is treated as non-finite: no molecule goes a micrometre in one
#: frame.
LARGEST_DISPLACEMENT = 1.0e3


class JumpCall(nn.Module):
    """``model.jumps`` as a ``forward``, which is what `torch.jit.trace` takes.

    Of a horizon of several frames it gives the last, whether they come at once or by a roll-out.
    """

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, window, base, noise):
        """See ``TrajectoryModel.jumps``; the frame is `jump_frames` intervals ahead."""
        frames, turned = self.model.jumps(window, base, noise)
        check_frame(frames[-1], base)
        return frames[-1], turned[-1]


class JumpBridge(TurningBridge):
    """The phases of a jump as one torch module, eager or scripted.

    Parameters
    ----------
    jump : torch.nn.Module
        ``(window (T, n_atoms, 3) float32 Å, base (n_atoms, 3) float64 Å, noise (n_noise,) float64)
        -> (frame (n_atoms, 3), rotations (n_atoms, 3, 3))``.
    model : TrajectoryModel
        For what `Bridge` and `Window` need of it.
    pairs : torch.Tensor (n_constraints, 2), int64
    lengths : torch.Tensor (n_constraints,), float64, nm
    """

    # TorchScript sees class constants, not the module's globals.
    frame_phase: Final[int] = PHASE_FRAME
    jump_phase: Final[int] = PHASE_JUMP
    check_phase: Final[int] = PHASE_CHECK
    turn_phase: Final[int] = PHASE_TURN
    noise_phase: Final[int] = PHASE_NOISE
    scale: Final[float] = ANGSTROM_PER_NM
    largest: Final[float] = LARGEST_DISPLACEMENT

    def __init__(self, jump, model, pairs, lengths):
        super().__init__(model, 1, pairs, lengths)
        self.jump = jump
        self.window = Window(model)

    def forward(self, positions: torch.Tensor, phase: torch.Tensor):
        """Answer positions (n_atoms, 3) nm and a phase with an energy () and forces (n_atoms,
        3)."""
        now = int(phase.item())
        # Positions of a TorchForce ask for gradients, and the buffers written here would hold on to
        # the graph of every jump there ever was. `data` and not detach(), which is removed when
        # TorchForce freezes the module; nor no_grad(), in which an exception crashes torch.
        shown = positions.data.to(self.nothing)
        answer, change = self.zero, self.nothing
        # One chain and one return: torch crashes on an exception in a frozen module that has early
        # returns.
        if now == 0:
            pass
        elif now == self.frame_phase:
            change = self.window.keep(shown)
        elif now == self.jump_phase:
            answer, change = self.leap(self.window.frames, shown)
        elif now == self.check_phase:
            answer = self.constraint_error(shown)
        elif now == self.turn_phase:
            change = self.turned(shown)
        elif now >= self.noise_phase:
            self.noise[now - self.noise_phase].copy_(shown)
        return answer, change

    def leap(self, frames: torch.Tensor, shown: torch.Tensor):
        """Answer a jump from a window (T, n_atoms, 3) nm, that starts at positions (n_atoms, 3)
        nm."""
        # Near the origin single precision holds the shape best; models do not mind where they are.
        base = shown * self.scale
        origin = base.mean(0)
        start = base - origin
        window = (frames * self.scale - origin).to(torch.float32)
        frame, rotations = self.jump(window, start, self.noise_of_draws()[0])
        moved = (frame - start) / self.scale
        self.rotations.copy_(rotations)
        usable = (
            torch.isfinite(moved).all()
            & torch.isfinite(self.rotations).all()
            & (moved.abs().max() < self.largest)
        )
        answer = self.window.judge(self.unless(usable))
        return answer, torch.where(answer < 0.5, moved, self.nothing)
