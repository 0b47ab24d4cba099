"""What a propagator counted, and what it says about its last frame."""

from dataclasses import asdict, dataclass
from enum import IntEnum


class Origin(IntEnum):
    """What made a frame."""

    PHYSICAL = 0
    JUMP = 1
    AFTER_REJECTION = 2


@dataclass(frozen=True)
class FrameRecord:
    """How the last frame came about.

    Attributes
    ----------
    origin : int
        0 physical leg, 1 accepted jump (every exact jump), 2 the first physical frame after a
        rejected jump.
    accepted : int
        1 accepted jump, 0 the jump tried before this frame was rejected, -1 no jump.
    energy_change : float
        Of the jump tried, kJ/mol: NaN where none was, infinite where the jump was not finite.
    constraint_error : float
        Worst relative constraint error of the jump tried; NaN where none was.
    """

    origin: int
    accepted: int
    energy_change: float
    constraint_error: float


@dataclass(frozen=True)
class JumpStatistics:
    """Counts over the whole run, restarts included.

    Attributes
    ----------
    attempted, accepted : int
        Jumps; of exact ones, their trials.
    rejected_energy, rejected_nonfinite, rejected_constraints : int
        Jumps rejected by the guard, because positions or energy were not finite, because a
        constraint was broken.
    worst_constraint_error : float
        Largest relative constraint error of any accepted jump, measured at the positions that were
        kept.
    mean_energy_change : float
        Mean change of the potential energy over accepted jumps, kJ/mol (0 before the first).
    frames : int
        Frames recorded, the first one included.
    physical_steps : int
    physical_time, jumped_time : float
        ps.
    """

    attempted: int
    accepted: int
    rejected_energy: int
    rejected_nonfinite: int
    rejected_constraints: int
    worst_constraint_error: float
    mean_energy_change: float
    frames: int
    physical_steps: int
    physical_time: float
    jumped_time: float

    @property
    def rejected(self):
        """Jumps rejected, whatever the cause."""
        return self.attempted - self.accepted

    @property
    def acceptance(self):
        """Accepted over attempted jumps; NaN before the first."""
        return self.accepted / self.attempted if self.attempted else float("nan")

    def as_dict(self):
        """Return the fields as a plain dictionary, ready for JSON."""
        return asdict(self)

    def __str__(self):
        return (
            f"{self.attempted} jumps: {self.accepted} accepted, rejected {self.rejected_energy} "
            f"by energy, {self.rejected_nonfinite} non-finite, {self.rejected_constraints} by "
            f"constraints; worst constraint error {self.worst_constraint_error:.1e}; "
            f"{self.physical_time:g} ps physical, {self.jumped_time:g} ps jumped"
        )
