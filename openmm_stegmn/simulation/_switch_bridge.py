"""The bridge of switched Monte Carlo moves; see `Bridge` for how and why.

===== ============================= ============================ ================================
phase positions shown               "energy"                     "forces"
===== ============================= ============================ ================================
400   where the move starts, nm     1 if the answer is unusable  0
700   where the move ended, nm      log q(back) − log q(there)   0
===== ============================= ============================ ================================

and 0, 101, 300+k, and 102, 600 and 650 as in `WalkBridge`.
"""

from typing import Final

import torch
from torch import nn

from ._bridge import PHASE_CHECK, PHASE_NOISE, unless
from ._move_bridge import PHASE_PROPOSE
from ._walk_bridge import WalkBridge

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


class DensityCall(nn.Module):
    """``model.log_density`` of one frame as a ``forward``."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, base, turns, block):
        """Logarithm of the density of turns from a base ``(n_atoms, 3)``, Å."""
        window = base.to(self.model.centres.dtype)[None, None]
        return self.model.log_density(window, turns.to(window)[None], block.to(window)[None])[0]


class SwitchBridge(WalkBridge):
    """The phases of a switched move as one torch module, eager or scripted.

    Parameters
    ----------
    draw, turn, density : torch.nn.Module
        A `DrawCall`, a `TurnCall` and a `DensityCall`, or their traces.
    model, substeps, pairs, lengths
        See `WalkBridge`.
    """

    # TorchScript sees class constants, not the module's globals.
    check_phase: Final[int] = PHASE_CHECK
    noise_phase: Final[int] = PHASE_NOISE
    propose_phase: Final[int] = PHASE_PROPOSE
    back_phase: Final[int] = PHASE_BACK

    def __init__(self, draw, turn, density, model, substeps, pairs, lengths):
        super().__init__(turn, model, substeps, pairs, lengths)
        self.draw, self.density = draw, density
        self.register_buffer("block", torch.zeros_like(self.turns))
        self.register_buffer("there", torch.zeros((), dtype=torch.float64))

    def forward(self, positions: torch.Tensor, phase: torch.Tensor):
        """Answer positions (n_atoms, 3) nm and a phase with an energy () and forces (n_atoms,
        3)."""
        now = int(phase.item())
        # As in JumpBridge: data, and one chain with one return.
        shown = positions.data.to(self.nothing)
        answer, change = self.zero, self.nothing
        if now == self.check_phase:
            answer = self.constraint_error(shown)
        elif self.walks(now):
            change = self.walk(now, shown)
        elif now == self.propose_phase:
            answer = self.propose(self.centred(shown))
        elif now == self.back_phase:
            answer = self.density(self.centred(shown), -self.turns, self.block) - self.there
        elif now >= self.noise_phase:
            self.noise[now - self.noise_phase].copy_(shown)
        return answer.to(self.zero), change

    def propose(self, base: torch.Tensor):
        """Draw turns from base (n_atoms, 3) Å, and keep them; 1 if they are unusable."""
        turns, block, there = self.draw(base, self.noise_of_draws()[0])
        self.turns.copy_(turns)
        self.block.copy_(block)
        self.there.copy_(there)
        finite = torch.isfinite(self.turns).all() & torch.isfinite(self.there)
        return unless(finite, self.zero)
