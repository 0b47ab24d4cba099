"""Molecules that the periodic box has cut, put together again."""

import numpy as np


class WholeMolecules:
    """Positions of atoms, molecules whole and without jumps from one side of the box to the other.

    Each molecule is put together along its bonds, and then in the image that is nearest to where it
    was in the frame before. Without a box positions are left as they are; a box of zeros is none in
    MDAnalysis, whatever the format.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
    source : str
        Named in errors.
    """

    def __init__(self, atoms, source: str):
        self.atoms, self.source = atoms, source
        self._molecules = self._centres = self._periodic = None

    def positions(self) -> np.ndarray:
        """Positions ``(n_atoms, 3)`` of the trajectory's present frame, Å.

        Raises
        ------
        ValueError
            If there is a box and no bond is known, or the atoms of a molecule are not all there;
            if a box has no volume, or some frames have a box and others none.
        """
        vectors = self._box_vectors()
        if vectors is None:
            return self.atoms.positions
        if self._molecules is None:
            self._molecules = self._find()
        try:
            whole = self.atoms.unwrap(compound="fragments", reference=None, inplace=False)
        except ValueError as error:
            raise ValueError(
                f"{self.source} has a periodic box, and its molecules cannot be made whole "
                f"({error}): take whole molecules, or write them whole and without the box"
            ) from error
        return whole + self._to_last_image(whole, vectors)

    def _box_vectors(self):
        """Those of the present frame's box ``(3, 3)``, Å, None without one."""
        from MDAnalysis.lib.mdamath import triclinic_vectors  # half a second, which runs do without

        box, frame = self.atoms.dimensions, self.atoms.universe.trajectory.frame
        vectors = None if box is None else triclinic_vectors(box)
        # MDAnalysis makes zeros of what is no box.
        if box is not None and not (np.isfinite(box).all() and vectors.any()):
            raise ValueError(
                f"{self.source}: the box of frame {frame} is {' '.join(f'{x:g}' for x in box)} (Å, "
                f"degrees), which has no volume: expected three lengths and three angles, or zeros "
                f"where there is no box; write whole molecules to a file without a box"
            )
        periodic = box is not None
        if self._periodic not in (None, periodic):
            raise ValueError(
                f"{self.source}: frame {frame} has {'a' if periodic else 'no'} box, unlike those "
                f"before it: give trajectories of one kind, or write whole molecules to a file "
                f"without a box"
            )
        self._periodic = periodic
        return vectors

    def _find(self):
        from MDAnalysis import NoDataError

        try:
            return np.unique(self.atoms.fragindices, return_inverse=True)[1]
        except NoDataError as error:
            raise ValueError(
                f"{self.source} has a periodic box, and no bonds are known to make its molecules "
                f"whole: give a topology with bonds (CONECT records in a PDB), or guess them with "
                f"MDAnalysis (universe.guess_TopologyAttrs(to_guess=['bonds']))"
            ) from error

    def _to_last_image(self, whole, vectors):
        centres = np.stack([
            np.bincount(self._molecules, column) for column in whole.T.astype(np.float64)
        ], axis=1) / np.bincount(self._molecules)[:, None]  # fmt: skip
        shift = np.zeros_like(centres)
        if self._centres is not None:
            boxes = np.linalg.solve(vectors.T.astype(np.float64), (self._centres - centres).T).T
            shift = np.rint(boxes) @ vectors
        self._centres = centres + shift
        return shift[self._molecules].astype(whole.dtype)
