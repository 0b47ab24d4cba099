"""What bridges share whose jumps are walked in sub-steps; see `Bridge` for how and why.

===== ============================= ============================ ================================
phase positions shown               "energy"                     "forces"
===== ============================= ============================ ================================
600   anywhere, nm                  0                            displacement of one sub-step, nm
102   the velocities, nm/ps         0                            their change in that sub-step
650   anything                      0                            1 for the atoms that jump
===== ============================= ============================ ================================
"""

from typing import Final

import torch
from torch import nn

from ..mechanics import wrap_angle
from ..units import ANGSTROM_PER_NM
from ._bridge import PHASE_CHECK, PHASE_NOISE, TurningBridge, Window, unless
from ._jump_bridge import PHASE_FRAME, PHASE_JUMP, PHASE_TURN, JumpCall

PHASE_SUBSTEP = 600
PHASE_WHO = 650


class TurnCall(nn.Module):
    """Forward kinematics as a ``forward``, which is what `torch.jit.trace` takes."""

    def __init__(self, model):
        super().__init__()
        self.body = model.context.body

    def forward(self, base, turns):
        """See ``ArticulatedBody.move``."""
        return self.body.move(base, turns)


class WalkBridge(TurningBridge):
    """Turns that are walked; the base of what finds them.

    Parameters
    ----------
    turn : torch.nn.Module
        A `TurnCall` or its trace.
    model : TrajectoryModel
        It turns rotatable bonds.
    substeps : int
    pairs : torch.Tensor (n_constraints, 2), int64
    lengths : torch.Tensor (n_constraints,), float64, nm
    """

    def __init__(self, turn, model, substeps, pairs, lengths):
        super().__init__(model, 1, pairs, lengths)
        self.turn = turn
        self.substeps: int = substeps
        self.scale: float = ANGSTROM_PER_NM
        # TorchScript sees attributes, not the module's globals, nor constants of a base class.
        self.turn_phase: int = PHASE_TURN
        self.substep_phase: int = PHASE_SUBSTEP
        self.who_phase: int = PHASE_WHO
        turns = torch.zeros(model.context.body.n_bonds, dtype=torch.float64)
        self.register_buffer("turns", turns)

    def centred(self, shown: torch.Tensor):
        """Å; near the origin single precision holds the shape best."""
        return (shown - shown.mean(0)) * self.scale

    def substep(self, shown: torch.Tensor):
        """Displacement, nm, of positions (n_atoms, 3) nm by one sub-step."""
        start = self.centred(shown)
        frame, rotations = self.turn(start, self.turns / self.substeps)
        self.rotations.copy_(rotations)
        return (frame - start) / self.scale

    def walks(self, now: int):
        """Whether a phase is one of those above."""
        return now == self.turn_phase or now == self.substep_phase or now == self.who_phase

    def walk(self, now: int, shown: torch.Tensor):
        """What goes back as forces in such a phase."""
        change = torch.ones_like(shown)
        if now == self.turn_phase:
            change = self.turned(shown)
        elif now == self.substep_phase:
            change = self.substep(shown)
        return change


class TurnsCall(JumpCall):
    """The turns of a jump from a window as a ``forward``. Its rigid motion is left to physics."""

    def forward(self, frames, shown, noise):
        """Turns ``(n_bonds,)``, rad; the arguments are those of `JumpCall`."""
        start, frame, _ = self.predict(frames, shown, noise)
        body = self.model.context.body
        return wrap_angle(body.torsions(frame) - body.torsions(start))


class WalkedJumpBridge(WalkBridge):
    """The phases of a jump that is walked, as one torch module, eager or scripted: those of
    `JumpBridge` with 600 and 650 beside them, where 100 gives no displacement.

    Parameters
    ----------
    turns_of, turn : torch.nn.Module
        A `TurnsCall` and a `TurnCall`, or their traces.
    model, substeps, pairs, lengths
        See `WalkBridge`.
    """

    # TorchScript sees class constants, not the module's globals.
    frame_phase: Final[int] = PHASE_FRAME
    jump_phase: Final[int] = PHASE_JUMP
    check_phase: Final[int] = PHASE_CHECK
    noise_phase: Final[int] = PHASE_NOISE

    def __init__(self, turns_of, turn, model, substeps, pairs, lengths):
        super().__init__(turn, model, substeps, pairs, lengths)
        self.turns_of = turns_of
        self.window = Window(model)

    def forward(self, positions: torch.Tensor, phase: torch.Tensor):
        """Answer positions (n_atoms, 3) nm and a phase with an energy () and forces (n_atoms,
        3)."""
        now = int(phase.item())
        # As in JumpBridge: data, and one chain with one return.
        shown = positions.data.to(self.nothing)
        answer, change = self.zero, self.nothing
        if now == 0:
            pass
        elif now == self.frame_phase:
            change = self.window.keep(shown)
        elif now == self.jump_phase:
            answer, change = self.leap(self.window.frames, shown)
        elif now == self.check_phase:
            answer = self.constraint_error(shown)
        elif self.walks(now):
            change = self.walk(now, shown)
        elif now >= self.noise_phase:
            self.noise[now - self.noise_phase].copy_(shown)
        return answer, change

    def leap(self, frames: torch.Tensor, shown: torch.Tensor):
        """Find the turns of a jump from a window (T, n_atoms, 3) nm, that starts at positions
        (n_atoms, 3) nm, and keep them."""
        self.turns.copy_(self.turns_of(frames, shown, self.noise_of_draws()[0]))
        usable = torch.isfinite(self.turns).all()
        return self.window.judge(unless(usable, self.zero)), self.nothing
