"""Which molecule and which trajectories a model is trained on."""

from __future__ import annotations

from dataclasses import dataclass

from ..data import MEMORY, read_trajectories
from ..systems import (
    DEFAULT_FORCEFIELDS,
    build_system,
    has_standard_bonds,
    load_bonded,
    load_system,
)
from ._bonded import constrain_bonds


@dataclass(frozen=True)
class DataSettings:
    """Files that a training run reads; paths are relative to the folder it is started in."""

    topology: str
    """PDB or mmCIF file of the atoms in the trajectories, hydrogens included; or a topology with
    bonds that MDAnalysis reads, such as PSF, PRMTOP and TPR."""
    trajectory: tuple[str, ...]
    """In any format that MDAnalysis reads and that states times."""
    system: str | None = None
    """Serialised OpenMM System, in place of a force field."""
    forcefield: tuple[str, ...] | None = None
    """OpenMM force-field files; ``amber14-all.xml`` and ``obc2_native.xml`` if None, of PDB and
    mmCIF files. Other topologies need none: bonds are constrained to their length in the frames."""
    constraints: str | None = None
    """``HBonds``, ``AllBonds``, ``HAngles`` (with a force field) or ``None``; ``HBonds`` if left
    out."""

    memory: float = MEMORY
    """GB that the frames may take on a machine; if they take more, they are kept in a file beside
    the model, whose disk is freed when training ends."""

    def __post_init__(self):
        if not self.memory >= 0:
            raise ValueError(f"memory {self.memory}: expected a number of GB, 0 or more")
        both = [name for name in ("forcefield", "constraints") if getattr(self, name) is not None]
        if self.system is not None and both:
            raise ValueError(
                f"system {self.system} holds forces and constraints: leave out {' and '.join(both)}"
            )

    @property
    def has_forces(self) -> bool:
        """Whether energies of the molecule are known."""
        return (
            self.system is not None
            or self.forcefield is not None
            or has_standard_bonds(self.topology)
        )

    def load(self, scratch=None, processes=1):
        """Read everything.

        Parameters
        ----------
        scratch, processes
            Of :func:`~openmm_stegmn.data.read_trajectories`.

        Returns
        -------
        molecule : MolecularSystem
            Without forces, if none are known.
        trajectories : list of Trajectory
            Of its atoms.

        Raises
        ------
        ValueError
            If a file is missing or unreadable, or they do not fit each other.
        """
        constraints = self.constraints or "HBonds"
        if self.system is not None:
            molecule = load_system(self.topology, self.system)
        elif self.has_forces:
            forcefield = self.forcefield or DEFAULT_FORCEFIELDS
            molecule = build_system(self.topology, forcefield, constraints=constraints)
        else:
            molecule = load_bonded(self.topology)
        trajectories = read_trajectories(
            self.trajectory, molecule.topology, memory=self.memory, scratch=scratch,
            processes=processes,
        )  # fmt: skip
        if not self.has_forces:
            molecule = constrain_bonds(molecule, trajectories[0], constraints)
        return molecule, trajectories
