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
from ._bridge import PHASE_CHECK, PHASE_NOISE, TurningBridge, Window, unless

PHASE_FRAME = 1
PHASE_JUMP = 100
PHASE_TURN = 102
#: A displacement beyond this (nm) is treated as non-finite: no molecule goes a micrometre in one
#: frame.
LARGEST_DISPLACEMENT = 1.0e3


class JumpCall(nn.Module):
    """``model.jumps`` in the units of OpenMM as a ``forward``, which is what `torch.jit.trace`
    takes.

    All of a jump is in it, so that a GPU runs all of it at once. Of a horizon of several frames it
    gives the last, whether they come at once or by a roll-out.
    """

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, frames, shown, noise):
        """Displacement of the jump, nm, rotations of the atoms' fragments, and whether these are of
        no use: 1 if they are not finite.

        Parameters
        ----------
        frames : Tensor (T, n_atoms, 3), nm
        shown : Tensor (n_atoms, 3), float64, nm
            Where the jump starts.
        noise : Tensor (n_noise,)
        """
        start, frame, rotations = self.predict(frames, shown, noise)
        moved = (frame - start) / ANGSTROM_PER_NM
        # What is not a number is the largest, and is not less than anything.
        largest = torch.cat([moved.flatten(), rotations.flatten()]).abs().max()
        return moved, rotations, unless(largest < LARGEST_DISPLACEMENT, shown)

    def predict(self, frames, shown, noise):
        """Where the jump starts and where it ends, Å, and the rotations; see ``forward``."""
        # Near the origin single precision holds the shape best; models do not mind where they are.
        base = shown * ANGSTROM_PER_NM
        origin = base.mean(0)
        start = base - origin
        window = (frames * ANGSTROM_PER_NM - origin).to(torch.float32)
        made, turned = self.model.jumps(window, start, noise)
        check_frame(made[-1], start)
        return start, made[-1], turned[-1]


class JumpBridge(TurningBridge):
    """The phases of a jump as one torch module, eager or scripted.

    Parameters
    ----------
    jump : torch.nn.Module
        A `JumpCall` or its trace.
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
        moved, rotations, unusable = self.jump(frames, shown, self.noise_of_draws()[0])
        self.rotations.copy_(rotations)
        answer = self.window.judge(unusable)
        return answer, torch.where(answer < 0.5, moved, self.nothing)
