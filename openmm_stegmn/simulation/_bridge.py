"""What stands between OpenMM and the network: a force that is no force.

During a jump OpenMM evaluates one extra force group several times, and a context parameter, the
*phase*, says what each evaluation means. What goes back is read by the jump integrator as an energy
and as forces. `JumpBridge` and `MoveBridge` have phases of their own; those of both are:

===== =========================== ================================ ============================
phase positions shown             "energy"                         "forces"
===== =========================== ================================ ============================
0     anything                    0                                0: all that physics ever sees
101   where the jump ended, nm    worst relative constraint error  0
300+k normal noise, k-th array    0                                0
===== =========================== ================================ ============================

Noise comes from OpenMM's own generators, so that seeds and checkpoints hold for it too. Each array
of it has three numbers an atom, which is enough for several draws. A restart need not save anything
of a bridge: noise is shown anew at every jump, and for windows see `_shown_window`.
"""

import torch
from torch import nn

from ._shown_window import spread

PHASE_PARAMETER = "stegmn_phase"
PHASE_CHECK = 101
PHASE_NOISE = 300
#: Answer to a jump: not all frames of the window have been shown.
FRAMES_MISSING = 2.0


def noise_arrays(model, draws):
    """Arrays of noise, three numbers an atom, that the draws of a jump take."""
    return -(-draws * model.n_noise // (3 * model.spec.n_atoms))


def unless(usable: torch.Tensor, like: torch.Tensor):
    """What tells whether an answer is unusable: 1, in the precision of another tensor, if it is.

    On a GPU this waits for nothing, as an ``if`` would.
    """
    return 1.0 - usable.to(like)


class Bridge(nn.Module):
    """What bridges share: the noise that they are shown, and the constraints that they check.

    Parameters
    ----------
    model : TrajectoryModel
        For its number of atoms and of random numbers.
    draws : int
        Draws in a jump.
    pairs : torch.Tensor (n_constraints, 2), int64
    lengths : torch.Tensor (n_constraints,), float64, nm
    """

    def __init__(self, model, draws, pairs, lengths):
        super().__init__()
        self.n_noise: int = model.n_noise
        self.draws: int = draws
        shape = (model.spec.n_atoms, 3)
        noise = torch.zeros(noise_arrays(model, draws), *shape, dtype=torch.float64)
        self.register_buffer("noise", noise)
        self.register_buffer("ends", pairs.T.flatten())
        self.register_buffer("lengths", lengths)
        self.register_buffer("nothing", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("zero", torch.zeros((), dtype=torch.float64))

    def noise_of_draws(self):
        """The noise shown, (draws, n_noise)."""
        return self.noise.flatten()[: self.draws * self.n_noise].view(self.draws, self.n_noise)

    def constraint_error(self, positions: torch.Tensor):
        """Worst ``|distance / length - 1|`` of positions (n_atoms, 3) nm; 0 without constraints."""
        worst = self.zero
        if self.ends.size(0) > 0:
            one, other = positions.index_select(0, self.ends).view(2, -1, 3).unbind(0)
            worst = ((one - other).norm(2, dim=1) / self.lengths - 1.0).abs().max()
        return worst


class TurningBridge(Bridge):
    """A bridge that knows how the fragment of each atom has turned.

    Parameters are those of `Bridge`.
    """

    def __init__(self, model, draws, pairs, lengths):
        super().__init__(model, draws, pairs, lengths)
        rotations = torch.eye(3, dtype=torch.float64).repeat(model.spec.n_atoms, 1, 1)
        self.register_buffer("rotations", rotations)

    def turned(self, velocities: torch.Tensor):
        """Change of velocities (n_atoms, 3) that turn with their fragments."""
        return torch.matmul(self.rotations, velocities.unsqueeze(-1)).squeeze(-1) - velocities


class Window(nn.Module):
    """The window of frames that a bridge was shown.

    Parameters
    ----------
    model : TrajectoryModel
    """

    def __init__(self, model):
        super().__init__()
        self.missing: float = FRAMES_MISSING
        shape = (model.spec.n_atoms, 3)
        # Not numbers until as many frames have been shown.
        frames = torch.full((model.history, *shape), torch.nan, dtype=torch.float64)
        self.register_buffer("frames", frames)
        # What is not a number in a frame is in its sum.
        self.register_buffer("sums", torch.full((model.history,), torch.nan, dtype=torch.float64))
        weights = [spread(n) for n in range(3 * model.spec.n_atoms)]
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64).view(shape))

    def keep(self, frame: torch.Tensor):
        """Take a frame (n_atoms, 3) nm for the last one; what goes back as forces."""
        self.frames.copy_(torch.cat([self.frames[1:], frame.unsqueeze(0)]))
        self.sums.copy_(torch.cat([self.sums[1:], frame.sum().unsqueeze(0)]))
        return self.weights

    def judge(self, unusable: torch.Tensor):
        """Whether an answer is unusable: 1, or 2 for want of frames."""
        whole = torch.isfinite(self.sums.sum())
        return torch.where(whole, unusable, torch.full_like(unusable, self.missing))
