"""The bridge of switched Monte Carlo moves; see `Bridge` for how and why.

===== ============================= ============================ ================================
phase positions shown               "energy"                     "forces"
===== ============================= ============================ ================================
400   where the move starts, nm     1 if the answer is unusable  0
600   anywhere, nm                  0                            displacement of one sub-step, nm
102   the velocities, nm/ps         0                            their change in that sub-step
700   where the move ended, nm      log q(back) − log q(there)   0
===== ============================= ============================ ================================

and 0, 101 and 300+k.
"""

from typing import Final

import torch
from torch import nn

from ..units import ANGSTROM_PER_NM
from ._bridge import PHASE_CHECK, PHASE_NOISE, Bridge
from ._jump_bridge import PHASE_TURN
from ._move_bridge import PHASE_PROPOSE

PHASE_SUBSTEP = 600
PHASE_BACK = 700


class DrawCall(nn.Module):
    """Turns drawn from one frame, as a ``forward``, which is what `torch.jit.trace` takes."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, base, noise):
        """Turns and block ``(n_bonds,)`` and the logarithm of their density, of a base ``(n_atoms,
        3)``, Å, and noise ``(n_noise,)``."""
        window = base.to(self.model.centres.dtype)[None, None]
        turns, block, there = self.model.draw(window, noise.to(window)[None])
        return turns[0], block[0], there[0]


class TurnCall(nn.Module):
    """Forward kinematics as a ``forward``."""

    def __init__(self, model):
        super().__init__()
        self.body = model.context.body

    def forward(self, base, turns):
        """See ``ArticulatedBody.move``."""
        return self.body.move(base, turns)


class DensityCall(nn.Module):
    """``model.log_density`` of one frame as a ``forward``."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, base, turns, block):
        """Logarithm of the density of turns from a base ``(n_atoms, 3)``, Å."""
        window = base.to(self.model.centres.dtype)[None, None]
        return self.model.log_density(window, turns.to(window)[None], block.to(window)[None])[0]


class SwitchBridge(Bridge):
    """The phases of a switched move as one torch module, eager or scripted.

    Parameters
    ----------
    calls : tuple of torch.nn.Module
        A `DrawCall`, a `TurnCall` and a `DensityCall`, or their traces.
    model : TorsionProposal
        For what `Bridge` needs of it.
    substeps : int
    pairs : torch.Tensor (n_constraints, 2), int64
    lengths : torch.Tensor (n_constraints,), float64, nm
    """

    # TorchScript sees class constants, not the module's globals.
    check_phase: Final[int] = PHASE_CHECK
    turn_phase: Final[int] = PHASE_TURN
    noise_phase: Final[int] = PHASE_NOISE
    propose_phase: Final[int] = PHASE_PROPOSE
    substep_phase: Final[int] = PHASE_SUBSTEP
    back_phase: Final[int] = PHASE_BACK
    scale: Final[float] = ANGSTROM_PER_NM

    def __init__(self, calls, model, substeps, pairs, lengths):
        super().__init__(model, 1, pairs, lengths)
        self.draw, self.turn, self.density = calls
        self.substeps: int = substeps
        n_bonds, n_atoms = len(model.folds), model.spec.n_atoms
        self.register_buffer("turns", torch.zeros(n_bonds, dtype=torch.float64))
        self.register_buffer("block", torch.zeros(n_bonds, dtype=torch.float64))
        self.register_buffer("there", torch.zeros((), dtype=torch.float64))
        self.register_buffer("rotations", torch.eye(3, dtype=torch.float64).repeat(n_atoms, 1, 1))

    def forward(self, positions: torch.Tensor, phase: torch.Tensor):
        """Answer positions (n_atoms, 3) nm and a phase with an energy () and forces (n_atoms,
        3)."""
        now = int(phase.item())
        # As in JumpBridge: data, and one chain with one return.
        shown = positions.data.to(self.nothing)
        answer, change = self.zero, self.nothing
        if now == self.check_phase:
            answer = self.constraint_error(shown)
        elif now == self.turn_phase:
            change = torch.matmul(self.rotations, shown.unsqueeze(-1)).squeeze(-1) - shown
        elif now == self.propose_phase:
            answer = self.propose(self.centred(shown))
        elif now == self.substep_phase:
            start = self.centred(shown)
            frame, rotations = self.turn(start, self.turns / self.substeps)
            self.rotations.copy_(rotations)
            change = (frame - start) / self.scale
        elif now == self.back_phase:
            answer = self.density(self.centred(shown), -self.turns, self.block) - self.there
        elif now >= self.noise_phase:
            self.noise[now - self.noise_phase].copy_(shown)
        return answer.to(self.zero), change

    def centred(self, shown: torch.Tensor):
        """Å; near the origin single precision holds the shape best."""
        return (shown - shown.mean(0)) * self.scale

    def propose(self, base: torch.Tensor):
        """Draw turns from base (n_atoms, 3) Å, and keep them; 1 if they are unusable."""
        turns, block, there = self.draw(base, self.noise_of_draws()[0])
        self.turns.copy_(turns)
        self.block.copy_(block)
        self.there.copy_(there)
        unusable = self.zero
        if not (torch.isfinite(self.turns).all() and torch.isfinite(self.there)):
            unusable = self.zero + 1.0
        return unusable
