"""Which molecule and which trajectories a model is trained on."""

from __future__ import annotations

from dataclasses import dataclass

from ..data import MEMORY, read_trajectories
from ..systems import DEFAULT_FORCEFIELDS, build_system, load_system


@dataclass(frozen=True)
class DataSettings:
    """Files that a training run reads; paths are relative to the folder it is started in."""

    topology: str
    """PDB file of the atoms in the trajectories, hydrogens included."""
    trajectory: tuple[str, ...]
    """In any format that MDAnalysis reads and that states times."""
    system: str | None = None
    """Serialised OpenMM System, in place of a force field."""
    forcefield: tuple[str, ...] | None = None
    """OpenMM force-field files; ``amber14-all.xml`` and ``obc2_native.xml`` if None."""
    constraints: str | None = None
    """``HBonds``, ``AllBonds``, ``HAngles`` or ``None``; ``HBonds`` if left out."""

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

    def load_molecule(self):
        """The MolecularSystem; raises SetupError, a ValueError."""
        if self.system is not None:
            return load_system(self.topology, self.system)
        return build_system(
            self.topology, self.forcefield or DEFAULT_FORCEFIELDS,
            constraints=self.constraints or "HBonds",
        )  # fmt: skip

    def read_trajectories(self, molecule, scratch=None, processes=1):
        """The trajectories, of the atoms of a molecule; see :func:`read_trajectories`."""
        return read_trajectories(
            self.trajectory, molecule.topology, memory=self.memory, scratch=scratch,
            processes=processes,
        )  # fmt: skip
