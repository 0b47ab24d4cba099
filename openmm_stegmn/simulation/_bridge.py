"""What stands between OpenMM and the network: a force that is no force.

During a jump OpenMM evaluates one extra force group several times, and a context parameter, the
*phase*, says what each evaluation means. Positions arrive in nm; what goes back is read by the jump
integrator as an energy and as forces:

===== =========================== ================================ ============================
phase positions shown             "energy"                         "forces"
===== =========================== ================================ ============================
0     anything                    0                                0: all that physics ever sees
k+1   frame k of the window       0                                0
100   where the jump starts       1 if the answer is unusable      displacement of the jump, nm
101   where the jump ended        worst relative constraint error  0
102   the velocities, nm/ps       0                                their change when they turn
                                                                   with the fragments
===== =========================== ================================ ============================

The window is shown anew at every jump, so nothing here outlives a jump and a restart need not save
it.
"""

from typing import Final

import torch
from torch import nn

from ..units import ANGSTROM_PER_NM

PHASE_PARAMETER = "stegmn_phase"
PHASE_JUMP = 100
PHASE_CHECK = 101
PHASE_TURN = 102
#: A displacement beyond this (nm) is treated as non-finite: no molecule goes a micrometre in one
#: frame.
LARGEST_DISPLACEMENT = 1.0e3


class JumpCall(nn.Module):
    """``model.jump`` as a ``forward``, which is what `torch.jit.trace` takes.

    A model with a horizon of several frames is rolled out: each jump feeds the next.
    """

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, window, base):
        """See ``TrajectoryModel.jump``; the frame is `horizon` intervals ahead."""
        frame, rotations = self.model.jump(window, base)
        for _ in range(1, self.model.horizon):
            window = torch.cat([window[1:], frame.to(window).unsqueeze(0)])
            frame, turned = self.model.jump(window, frame)
            rotations = turned @ rotations
        return frame, rotations


class JumpBridge(nn.Module):
    """The phases of a jump (see the module's table) as one torch module, eager or scripted.

    Parameters
    ----------
    jump : torch.nn.Module
        ``(window (T, n_atoms, 3) float32 Å, base (n_atoms, 3) float64 Å) -> (frame (n_atoms, 3),
        rotations (n_atoms, 3, 3))``.
    spec : ModelSpec
        For its history and number of atoms.
    pairs : torch.Tensor (n_constraints, 2), int64
    lengths : torch.Tensor (n_constraints,), float64, nm
    """

    # TorchScript sees class constants, not the module's globals.
    jump_phase: Final[int] = PHASE_JUMP
    check_phase: Final[int] = PHASE_CHECK
    turn_phase: Final[int] = PHASE_TURN
    scale: Final[float] = ANGSTROM_PER_NM
    largest: Final[float] = LARGEST_DISPLACEMENT

    def __init__(self, jump, spec, pairs, lengths):
        super().__init__()
        self.jump = jump
        self.history: int = spec.history
        n_atoms = spec.n_atoms
        self.register_buffer("window", torch.zeros(spec.history, n_atoms, 3, dtype=torch.float64))
        self.register_buffer("rotations", torch.eye(3, dtype=torch.float64).repeat(n_atoms, 1, 1))
        self.register_buffer("pairs", pairs)
        self.register_buffer("lengths", lengths)
        self.register_buffer("nothing", torch.zeros(n_atoms, 3, dtype=torch.float64))
        self.register_buffer("zero", torch.zeros((), dtype=torch.float64))

    def forward(self, positions: torch.Tensor, phase: torch.Tensor):
        """Answer positions (n_atoms, 3) nm and a phase with an energy () and forces (n_atoms,
        3)."""
        now = int(phase.item())
        # Positions of a TorchForce ask for gradients, and the buffers written here would hold on to
        # the graph of every jump there ever was. `data` and not detach(), which is removed when
        # TorchForce freezes the module; nor no_grad(), in which an exception crashes torch.
        shown = positions.data.to(self.window)
        answer, change = self.zero, self.nothing
        # One chain and one return: torch crashes on an exception in a frozen module that has early
        # returns.
        if now == 0:
            pass
        elif now <= self.history:
            self.window[now - 1].copy_(shown * self.scale)
        elif now == self.jump_phase:
            answer, change = self.displacement(shown * self.scale)
        elif now == self.check_phase:
            answer = constraint_error(shown, self.pairs, self.lengths)
        elif now == self.turn_phase:
            change = torch.matmul(self.rotations, shown.unsqueeze(-1)).squeeze(-1) - shown
        return answer, change

    def displacement(self, base: torch.Tensor):
        """Jump from base (n_atoms, 3) Å: 1 if the answer is unusable, and the displacement, nm."""
        # Near the origin single precision holds the shape best; models do not mind where they are.
        origin = base.mean(0)
        start = base - origin
        frame, rotations = self.jump((self.window - origin).to(torch.float32), start)
        moved = (frame - start) / self.scale
        self.rotations.copy_(rotations)
        usable = (
            torch.isfinite(moved).all()
            and torch.isfinite(self.rotations).all()
            and moved.abs().max() < self.largest
        )
        unusable, change = self.zero, moved
        if not usable:
            unusable, change = self.zero + 1.0, self.nothing
        return unusable, change


def constraint_error(positions: torch.Tensor, pairs: torch.Tensor, lengths: torch.Tensor):
    """Worst ``|distance / length - 1|`` of positions (n_atoms, 3) nm; 0 without constraints."""
    worst = torch.zeros((), dtype=positions.dtype, device=positions.device)
    if pairs.size(0) > 0:
        arms = positions[pairs[:, 0]] - positions[pairs[:, 1]]
        worst = (arms.pow(2).sum(1).sqrt() / lengths - 1.0).abs().max()
    return worst
