"""Articulated bodies: rigid fragments joined by rotatable bonds, and their forward kinematics."""

import torch
from torch import Tensor, nn

from ._fragments import FragmentTree, find_fragments
from ._range_sums import RangeSums
from ._rotations import axis_rotation, dihedral, rotation_matrix, rotation_vector, wrap_angle
from ._superpose import nearest_rotation


class ArticulatedBody(nn.Module):
    r"""Molecules as trees of rigid fragments that turn about rotatable bonds.

    The generalised coordinates of a step are one angle for each rotatable bond and, for each
    molecule, a translation and a rotation. Bond lengths, bond angles and ring shapes are those of
    the frame that is moved, so every distance that OpenMM can constrain is kept to rounding.

    ===============  ==========================  ====  ===========================================
    quantity         shape                       unit  meaning
    ===============  ==========================  ====  ===========================================
    ``frame``        ``(..., n_atoms, 3)``       Å     positions
    ``angles``       ``(..., n_bonds)``          rad   turn of all that is distal, IUPAC sign
    ``rotation``     ``(..., n_molecules, 3)``   rad   rotation vector about the centre of mass
    ``translation``  ``(..., n_molecules, 3)``   Å     of the molecule's centre of mass
    ===============  ==========================  ====  ===========================================

    Angles are pseudoscalars (they change sign under reflection), rotations pseudovectors,
    translations vectors.

    Parameters
    ----------
    tree : FragmentTree
    masses : sequence of float
        Da. Massless atoms move with their fragment.
    """

    def __init__(self, tree: FragmentTree, masses):
        super().__init__()
        self.n_bonds, self.n_molecules = len(tree.axes), tree.n_molecules
        self.register_buffer(
            "fragment_of_atom", torch.tensor(tree.fragment_of_atom, dtype=torch.long)
        )
        self.register_buffer(
            "molecule_of_atom", torch.tensor(tree.molecule_of_atom, dtype=torch.long)
        )
        # reshape: a molecule without rotatable bonds gives empty lists
        axes = torch.tensor(tree.axes, dtype=torch.long).reshape(-1, 2)
        references = torch.tensor(tree.references, dtype=torch.long).reshape(-1, 2)
        #: Atoms i, j, k, l of each torsion, ``(n_bonds, 4)``; j–k is the axis and k's side turns.
        self.register_buffer(
            "torsion_atoms",
            torch.stack([references[:, 0], axes[:, 0], axes[:, 1], references[:, 1]], 1),
        )
        #: Atoms j and k of each torsion one after the other, ``(2 n_bonds,)``.
        self.register_buffer("axis_atoms", axes.flatten(), persistent=False)
        self.register_buffer("_unmoved", torch.eye(4, dtype=torch.float64), persistent=False)
        masses = torch.as_tensor(masses, dtype=torch.float64)
        total = torch.zeros(tree.n_molecules, dtype=torch.float64)
        total = total.index_add(0, self.molecule_of_atom, masses)
        if (total <= 0).any():
            raise ValueError(
                "a molecule has no mass: an articulated body needs an atom with mass in each"
            )
        #: Mass of each atom relative to its molecule's.
        self.register_buffer("share", masses / total[self.molecule_of_atom])
        order, start, stop = _ranges(tree)
        roots, bonds = slice(tree.n_molecules), slice(tree.n_molecules, None)
        self._average = RangeSums(order, start[roots], stop[roots], self.share)
        self._distal = RangeSums(order, start[bonds], stop[bonds])
        self.register_buffer("_place", order.argsort())
        self.register_buffer("_start", start[bonds])
        self.register_buffer("_stop", stop[bonds])
        # Of each bond the bonds 1, 2, 4, … further up. Bonds are sorted by depth, so those that
        # have one are the last ones.
        above = torch.tensor(tree.parents, dtype=torch.long) - tree.n_molecules
        self._n_passes = 0
        while (above >= 0).any():
            self.register_buffer(f"_above_{self._n_passes}", above[above >= 0])
            above = torch.where(above >= 0, above[above.clamp_min(0)], -1)
            self._n_passes += 1

    @classmethod
    def from_bonds(cls, n_atoms, bonds, masses, constraints=(), elements=None, allowed=None):
        """Find the fragments (:func:`find_fragments`) and build the body."""
        return cls(find_fragments(n_atoms, bonds, constraints, elements, allowed), masses)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.fragment_of_atom)

    @property
    def distal(self) -> Tensor:
        """``(n_bonds, n_atoms)``, whether the atom moves when the bond turns.

        It grows with the square of a molecule; :meth:`distal_sums` does not.
        """
        return (self._place >= self._start[:, None]) & (self._place < self._stop[:, None])

    def distal_sums(self, values: Tensor) -> Tensor:
        """Sums of ``(..., n_atoms, k)`` over what is distal to each bond, ``(..., n_bonds, k)``."""
        return self._distal(values)

    def average(self, values: Tensor) -> Tensor:
        """Mass-weighted means of ``(..., n_atoms, k)``, ``(..., n_molecules, k)``."""
        return self._average(values)

    def torsions(self, frame: Tensor) -> Tensor:
        """Torsion of each rotatable bond, ``(..., n_bonds)``, rad."""
        atoms = frame.index_select(-2, self.torsion_atoms.flatten())
        return dihedral(*atoms.unflatten(-2, (-1, 4)).unbind(-2))

    def axes(self, frame: Tensor):
        """Pivot and unit axis of each rotatable bond, ``(..., n_bonds, 3)`` each."""
        ends = frame.index_select(-2, self.axis_atoms)
        end, pivot = ends.unflatten(-2, (-1, 2)).unbind(-2)
        axis = pivot - end
        return pivot, axis / torch.linalg.vector_norm(axis, dim=-1, keepdim=True)

    def turning(self, frame: Tensor) -> Tensor:
        """Velocities of the atoms when a bond turns, ``(..., n_bonds, n_atoms, 3)``.

        Those of distal atoms, about the axis, per radian; the others stay where they are.
        """
        pivot, axis = self.axes(frame)
        arms = frame.unsqueeze(-3) - pivot.unsqueeze(-2)
        velocities = torch.linalg.cross(axis.unsqueeze(-2).expand_as(arms), arms)
        return velocities * self.distal.to(frame.dtype).unsqueeze(-1)

    def turn(self, frame: Tensor, angles: Tensor):
        """Turn every fragment about its bond, the root fragments staying where they are.

        Returns
        -------
        moved : Tensor, ``(..., n_atoms, 3)``
        rotations : Tensor, ``(..., n_atoms, 3, 3)``
            Of the fragment of each atom.
        """
        pivot, axis = self.axes(frame)
        local = axis_rotation(axis, angles.to(frame.dtype))
        # The bond's own move as an affine map in the old frame, y = L (x − p) + p, as a matrix
        shift = pivot - (local @ pivot.unsqueeze(-1)).squeeze(-1)
        unmoved = self._unmoved.to(frame.dtype)
        maps = torch.cat([local, shift.unsqueeze(-1)], -1)
        maps = torch.cat([maps, unmoved[3:].expand(maps.shape[:-2] + (1, 4))], -2)
        # After each pass a map has those of twice as many bonds above in it.
        for number in range(self._n_passes):
            above = getattr(self, f"_above_{number}")
            alone = self.n_bonds - len(above)
            below = maps.index_select(-3, above) @ maps[..., alone:, :, :]
            maps = torch.cat([maps[..., :alone, :, :], below], -3)
        roots = unmoved.expand(frame.shape[:-2] + (self.n_molecules, 4, 4))
        maps = torch.cat([roots, maps], -3)
        own = maps.index_select(-3, self.fragment_of_atom)
        rotations = own[..., :3, :3]
        return (rotations @ frame.unsqueeze(-1)).squeeze(-1) + own[..., :3, 3], rotations

    def centres(self, frame: Tensor) -> Tensor:
        """Centre of mass of each molecule, ``(..., n_molecules, 3)``."""
        return self.average(frame)

    def superposition(self, mobile: Tensor, target: Tensor) -> Tensor:
        """Mass-weighted best rotation of each molecule, ``(..., n_molecules, 3, 3)``."""
        return self._nearest_rotation(self._arms(mobile)[0], self._arms(target)[0])

    def _arms(self, frame):
        """The atoms relative to the centre of mass of their molecule, and these centres."""
        centres = self.centres(frame)
        return frame - self._of_atoms(centres), centres

    def _of_atoms(self, values):
        """Each atom's molecule's ``(..., n_molecules, 3)``; of one molecule they broadcast."""
        if self.n_molecules == 1:
            return values
        return values.index_select(-2, self.molecule_of_atom)

    def _nearest_rotation(self, mobile, target):
        products = (target.unsqueeze(-1) * mobile.unsqueeze(-2)).flatten(-2)
        return nearest_rotation(self.average(products).unflatten(-1, (3, 3)))

    def move(self, frame: Tensor, angles: Tensor, rotation=None, translation=None):
        r"""Forward kinematics of one step.

        The fragments turn; each molecule is then superposed on where it was (mass-weighted, so that
        torsions alone neither rotate nor shift it), rotated about its centre of mass and
        translated.

        Returns
        -------
        moved : Tensor, ``(..., n_atoms, 3)``
            Å, in the dtype of ``frame``.
        rotations : Tensor, ``(..., n_atoms, 3, 3)``
            How the fragment of each atom turned in all.

        Notes
        -----
        The superposition depends on the frame before and after symmetrically, so the step that
        undoes a step is ``move(moved, -angles)``.

        The kinematics are in float64. A float64 frame keeps its bond lengths and angles to 1e-12,
        whatever the dtype of the angles; in float32 the error is that of rounding coordinates.
        """
        dtype, frame = frame.dtype, frame.double()
        turned, rotations = self.turn(frame, angles)
        (before, centre), (after, _) = self._arms(frame), self._arms(turned)
        overall = self._nearest_rotation(after, before)
        if rotation is not None:
            overall = rotation_matrix(rotation.double()) @ overall
        if translation is not None:
            centre = centre + translation
        moved, own = self._placed(after, overall, centre)
        return moved.to(dtype), (own @ rotations).to(dtype)

    def place(self, frame: Tensor, rotation: Tensor, centre: Tensor):
        """Rotate each molecule about its centre of mass, and put that where it belongs.

        Parameters
        ----------
        frame : Tensor, ``(..., n_atoms, 3)``
        rotation : Tensor, ``(..., n_molecules, 3, 3)``
        centre : Tensor, ``(..., n_molecules, 3)``
            Where the centres of mass go.

        Returns
        -------
        placed : Tensor, ``(..., n_atoms, 3)``
        rotations : Tensor, ``(..., n_atoms, 3, 3)``
            Of the molecule of each atom.
        """
        return self._placed(self._arms(frame)[0], rotation, centre)

    def _placed(self, arms, rotation, centre):
        own = rotation.index_select(-3, self.molecule_of_atom)
        return (own @ arms.unsqueeze(-1)).squeeze(-1) + self._of_atoms(centre), own

    def increments(self, start: Tensor, end: Tensor):
        """Generalised coordinates of the step between two frames: the inverse of :meth:`move`.

        Returns
        -------
        angles : Tensor, ``(..., n_bonds)``
            In (−π, π].
        rotation, translation : Tensor, ``(..., n_molecules, 3)``
            Of the best superposition. Exact if the two frames differ by articulated motion only.
        """
        angles = wrap_angle(self.torsions(end) - self.torsions(start))
        return angles, *self.rigid_increments(start, end)

    def rigid_increments(self, start: Tensor, end: Tensor):
        """Rotation and translation of each molecule by best superposition, as in increments."""
        rotation = rotation_vector(self.superposition(start, end))
        return rotation, self.centres(end) - self.centres(start)


def _ranges(tree):
    """Atoms in an order in which every fragment with all that hangs from it is a range, and these.

    Depth first; numbers of fragments are breadth first, parents before what hangs from them.
    """
    fragments = torch.tensor(tree.fragment_of_atom)
    own = torch.bincount(fragments).tolist()
    total, first = list(own), tree.n_molecules
    for b, parent in reversed(list(enumerate(tree.parents))):
        total[parent] += total[first + b]
    start, following = [], []
    for fragment, size in enumerate(own):
        if fragment < first:
            begin = start[-1] + total[fragment - 1] if fragment else 0
        else:
            parent = tree.parents[fragment - first]
            begin = following[parent]
            following[parent] += total[fragment]
        start.append(begin)
        following.append(begin + size)
    start = torch.tensor(start)
    return start[fragments].argsort(stable=True), start, start + torch.tensor(total)
