"""A bridge for a part of a system, and in a periodic box; see `Bridge` for how and why.

OpenMM shows all particles and reads a displacement of each; the model sees and moves its own. In a
box, OpenMM keeps molecules whole but may put each into another image from one frame to the next,
and so may the physics, which do not mind. The model does: of each molecule, the image is taken that
is nearest to where it was in the frame that was shown before; in the first frame, nearest to the
first molecule.
"""

from typing import Final

import torch
from torch import nn

from ._jump_bridge import PHASE_FRAME, PHASE_JUMP
from ._move_bridge import PHASE_PROPOSE
from ._switch_bridge import PHASE_BACK
from ._walk_bridge import PHASE_SUBSTEP


class PartBridge(nn.Module):
    """A bridge that is shown all particles of a system without a box.

    Parameters
    ----------
    bridge : Bridge
        For the model's atoms alone.
    atoms : torch.Tensor (n_atoms,), int64
        Their particles.
    n_particles : int
    """

    def __init__(self, bridge, atoms, n_particles):
        super().__init__()
        self.bridge = bridge
        self.whole: bool = atoms.tolist() == list(range(n_particles))
        self.register_buffer("atoms", atoms)
        nothing = torch.zeros(n_particles, 3, dtype=torch.float64)
        self.register_buffer("nothing", nothing)

    def forward(self, positions: torch.Tensor, phase: torch.Tensor):
        """Answer positions (n_particles, 3) nm and a phase with an energy () and forces
        (n_particles, 3)."""
        answer, change = self.bridge(self.part_of(positions), phase)
        return answer, self.to_all(change)

    def part_of(self, positions: torch.Tensor):
        """Those (n_atoms, 3) of the model's atoms."""
        shown = positions.data.to(self.nothing)
        return shown if self.whole else shown.index_select(0, self.atoms)

    def to_all(self, change: torch.Tensor):
        """The change of all particles (n_particles, 3)."""
        return change if self.whole else self.nothing.index_copy(0, self.atoms, change)


class PeriodicBridge(PartBridge):
    """A bridge that is shown all particles of a periodic system, and the box.

    Parameters
    ----------
    bridge, atoms, n_particles
        See `PartBridge`.
    molecules : torch.Tensor (n_atoms,), int64
        Number of the molecule that each atom belongs to.
    masses : torch.Tensor (n_atoms,)
        Turns leave centres of mass where they are, so that the way back finds the same images.
    """

    # TorchScript sees class constants, not the module's globals.
    propose_phase: Final[int] = PHASE_PROPOSE
    substep_phase: Final[int] = PHASE_SUBSTEP
    back_phase: Final[int] = PHASE_BACK

    def __init__(self, bridge, atoms, n_particles, molecules, masses):
        super().__init__(bridge, atoms, n_particles)
        self.register_buffer("molecules", molecules)
        belongs = torch.nn.functional.one_hot(molecules).T.double() * masses.double()
        self.register_buffer("average", belongs / belongs.sum(1, keepdim=True))
        self.register_buffer("centres", torch.zeros(len(belongs), 3, dtype=torch.float64))

    def forward(self, positions: torch.Tensor, box: torch.Tensor, phase: torch.Tensor):
        """Answer positions (n_particles, 3) nm, box vectors (3, 3) nm and a phase with an energy ()
        and forces (n_particles, 3)."""
        now = int(phase.item())
        shown = self.part_of(positions)
        if now == self.propose_phase:
            shown = self.followed(shown.unsqueeze(0), box)[0]
        elif now == self.substep_phase or now == self.back_phase:
            shown = self.continued(shown, box)
        answer, change = self.bridge(shown, phase)
        return answer, self.to_all(change)

    def followed(self, frames: torch.Tensor, box: torch.Tensor):
        """Frames (T, n_atoms, 3) in the images that follow each other from the first on."""
        centres = torch.matmul(self.average, frames)
        # Whole numbers, so that their sums are exact.
        images = self.images(steps_between(centres), box).cumsum(0)
        shift = torch.matmul(images, box.data.to(centres))
        self.centres.copy_(centres[-1] - shift[-1])
        return frames - shift.index_select(1, self.molecules)

    def continued(self, shown: torch.Tensor, box: torch.Tensor):
        """The images (n_atoms, 3) of molecules that are nearest to where they were."""
        centres = torch.matmul(self.average, shown)
        shift = torch.matmul(self.images(centres - self.centres, box), box.data.to(centres))
        self.centres.copy_(centres - shift)
        return shown - shift.index_select(0, self.molecules)

    def images(self, steps: torch.Tensor, box: torch.Tensor):
        """Box vectors (..., 3), as numbers of each, by which steps (..., 3) are too long."""
        vectors, left = box.data.to(steps), steps
        images = torch.zeros_like(steps)
        # They are lower triangular.
        for axis in range(3):
            row = 2 - axis
            count = torch.round(left[..., row] / vectors[row, row])
            left = left - count.unsqueeze(-1) * vectors[row]
            images[..., row] = count
        return images


def steps_between(centres: torch.Tensor):
    """Steps of centres (T, n_molecules, 3), each from the frame before; in the first frame, from
    the first molecule."""
    before = torch.cat([centres[:1, :1].expand(1, centres.size(1), 3), centres[:-1]])
    return centres - before


class PeriodicWindowBridge(PeriodicBridge):
    """Such a bridge with a window.

    Parameters are those of `PeriodicBridge`.
    """

    # TorchScript does not see constants of a base class.
    substep_phase: Final[int] = PHASE_SUBSTEP
    frame_phase: Final[int] = PHASE_FRAME
    jump_phase: Final[int] = PHASE_JUMP

    def __init__(self, bridge, atoms, n_particles, molecules, masses):
        super().__init__(bridge, atoms, n_particles, molecules, masses)
        shape = (bridge.window.frames.size(0), *self.centres.shape)
        # Not numbers until as many frames have been shown.
        window_centres = torch.full(shape, torch.nan, dtype=torch.float64)
        self.register_buffer("window_centres", window_centres)

    def forward(self, positions: torch.Tensor, box: torch.Tensor, phase: torch.Tensor):
        """See `PeriodicBridge`."""
        now = int(phase.item())
        shown = self.part_of(positions)
        if now == self.jump_phase:
            frames = self.bridge.window.frames
            centres = self.with_centre_of(shown, self.window_centres)
            # Seldom: to follow takes longer than all else here.
            if self.apart(steps_between(centres), box):
                both = self.followed(torch.cat([frames, shown.unsqueeze(0)]), box)
                frames, shown = both[:-1], both[-1]
            else:
                self.centres.copy_(centres[-1])
            answer, change = self.bridge.leap(frames, shown)
        else:
            if now == self.substep_phase:
                shown = self.continued(shown, box)
            elif now == self.frame_phase:
                self.window_centres.copy_(self.with_centre_of(shown, self.window_centres[1:]))
            answer, change = self.bridge(shown, phase)
        return answer, self.to_all(change)

    def with_centre_of(self, shown: torch.Tensor, centres: torch.Tensor):
        """Centres of molecules (T, n_molecules, 3), and those of a frame (n_atoms, 3) after
        them."""
        return torch.cat([centres, torch.matmul(self.average, shown).unsqueeze(0)])

    def apart(self, steps: torch.Tensor, box: torch.Tensor):
        """Whether any of the steps (..., 3) has `images`."""
        return bool(torch.round(steps / box.data.to(steps).diagonal()).any())
