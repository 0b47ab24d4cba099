"""What a model is and what it was made for: the metadata of a model file."""

from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class ModelSpec:
    """Architecture, molecule and time step of a model.

    A model is tied to the molecule and the frame interval it was trained on; a propagator compares
    atoms, masses, constraints and frame interval with the OpenMM system and integrator it is given.
    """

    architecture: str
    """Name in the registry, such as ``"stegmn"``."""
    history: int
    """Frames in a window, T."""
    frame_interval: float
    """Time between consecutive frames, ps."""
    atom_names: tuple
    elements: tuple
    """Element symbols; ``"X"`` for particles that are no element."""
    residue_names: tuple
    """Name of the residue of each atom."""
    residue_ids: tuple
    """Index of the residue of each atom, from 0."""
    masses: tuple
    """Da."""
    bonds: tuple
    """Pairs of bonded atoms."""
    constraints: tuple = ()
    """Pairs of atoms whose distance is fixed."""
    constraint_lengths: tuple = ()
    """Å."""
    temperature: float | None = None
    """Temperature of the training data, K."""
    horizon: int = 1
    """Frames that one evaluation predicts, P."""
    config: dict = field(default_factory=dict)
    """Keyword arguments of the architecture."""
    provenance: dict = field(default_factory=dict)
    """Training data, force field, date, package versions, accuracy."""

    def __post_init__(self):
        for name in (
            "atom_names",
            "elements",
            "residue_names",
            "residue_ids",
            "masses",
            "constraint_lengths",
        ):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("bonds", "constraints"):
            object.__setattr__(
                self, name, tuple(tuple(int(a) for a in pair) for pair in getattr(self, name))
            )
        for name in ("elements", "residue_names", "residue_ids", "masses"):
            if len(getattr(self, name)) != self.n_atoms:
                raise ValueError(
                    f"{name} has {len(getattr(self, name))} entries for {self.n_atoms} atoms"
                )
        for name, pairs in (("bond", self.bonds), ("constraint", self.constraints)):
            for pair in pairs:
                if len(pair) != 2 or not all(0 <= atom < self.n_atoms for atom in pair):
                    raise ValueError(f"{name} {pair} is no pair of atoms 0..{self.n_atoms - 1}")
        if len(self.constraints) != len(self.constraint_lengths):
            raise ValueError(
                f"{len(self.constraints)} constraints but {len(self.constraint_lengths)} lengths"
            )
        if self.history < 1 or self.horizon < 1 or not self.frame_interval > 0:
            raise ValueError(
                f"history and horizon must be at least 1 and the frame interval positive, "
                f"got {self.history}, {self.horizon}, {self.frame_interval} ps"
            )

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.atom_names)

    def neighbours(self) -> list[list[int]]:
        """Atoms bonded to each."""
        around: list[list[int]] = [[] for _ in range(self.n_atoms)]
        for a, b in self.bonds:
            around[a].append(b)
            around[b].append(a)
        return around

    def as_dict(self) -> dict:
        """Plain values, ready for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_dict(cls, values: dict) -> "ModelSpec":
        """Inverse of :meth:`as_dict`; raises ``TypeError`` for unknown or missing fields."""
        return cls(**values)
