"""The bridge of exact Monte Carlo moves; see `Bridge` for how and why.

===== ============================= ============================ ================================
phase positions shown               "energy"                     "forces"
===== ============================= ============================ ================================
400   where the trials start, nm    1 if the answer is unusable  0
500+k anything                      log q(back) − log q(there)   displacement of trial k, nm
===== ============================= ============================ ================================

and 0, 101 and 300+k.
"""

from typing import Final

import torch
from torch import nn

from ..units import ANGSTROM_PER_NM
from ._bridge import PHASE_CHECK, PHASE_NOISE, Bridge, unless

PHASE_PROPOSE = 400
PHASE_TRIAL = 500
#: Most trials in a jump: phases are a hundred apart.
MOST_TRIES = 100


class TrialsCall(nn.Module):
    """``model.trials`` in the units of OpenMM as a ``forward``, which is what `torch.jit.trace`
    takes; all of a proposal is in it, so that a GPU runs all of it at once."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, shown, noise):
        """Displacements (tries, n_atoms, 3), nm, of trials from positions (n_atoms, 3), nm, with
        noise (tries, n_noise); log ratios (tries,), see ``TorsionProposal.trials``; and whether
        these are of no use: 1 if they are not finite."""
        base = shown * ANGSTROM_PER_NM
        # Near the origin single precision holds the shape best.
        start = base - base.mean(0)
        frames, log_ratio = self.model.trials(start, noise)
        moved = (frames - start) / ANGSTROM_PER_NM
        # What is not a number is in a sum.
        usable = torch.isfinite(moved.sum() + log_ratio.sum())
        return moved, log_ratio, unless(usable, shown)


class MoveBridge(Bridge):
    """The phases of exact moves as one torch module, eager or scripted.

    Parameters
    ----------
    trials : torch.nn.Module
        A `TrialsCall` or its trace.
    model : TorsionProposal
        For what `Bridge` needs of it.
    tries : int
    pairs : torch.Tensor (n_constraints, 2), int64
    lengths : torch.Tensor (n_constraints,), float64, nm
    """

    # TorchScript sees class constants, not the module's globals.
    check_phase: Final[int] = PHASE_CHECK
    noise_phase: Final[int] = PHASE_NOISE
    propose_phase: Final[int] = PHASE_PROPOSE
    trial_phase: Final[int] = PHASE_TRIAL

    def __init__(self, trials, model, tries, pairs, lengths):
        super().__init__(model, tries, pairs, lengths)
        self.trials = trials
        moved = torch.zeros(tries, model.spec.n_atoms, 3, dtype=torch.float64)
        self.register_buffer("moved", moved)
        self.register_buffer("log_ratio", torch.zeros(tries, dtype=torch.float64))

    def forward(self, positions: torch.Tensor, phase: torch.Tensor):
        """Answer positions (n_atoms, 3) nm and a phase with an energy () and forces (n_atoms,
        3)."""
        now = int(phase.item())
        # As in JumpBridge: data, and one chain with one return.
        shown = positions.data.to(self.nothing)
        answer, change = self.zero, self.nothing
        if now == self.check_phase:
            answer = self.constraint_error(shown)
        elif now >= self.trial_phase:
            # Copies: OpenMM may read them after the next proposals have been drawn.
            answer = self.log_ratio[now - self.trial_phase].clone()
            change = self.moved[now - self.trial_phase].clone()
        elif now == self.propose_phase:
            answer = self.propose(shown)
        elif now >= self.noise_phase:
            self.noise[now - self.noise_phase].copy_(shown)
        return answer, change

    def propose(self, shown: torch.Tensor):
        """Draw proposals from positions (n_atoms, 3) nm, and keep them; 1 if they are of no use."""
        moved, log_ratio, unusable = self.trials(shown, self.noise_of_draws())
        self.moved.copy_(moved)
        self.log_ratio.copy_(log_ratio)
        return unusable
