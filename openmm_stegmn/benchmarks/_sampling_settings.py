"""What the benchmark ``sampling`` measures."""

from dataclasses import dataclass

from ._sampling_molecules import SAMPLING_MOLECULES

#: Of TICA, for the slowest mode of the reference, ps.
LAG = 10.0


@dataclass(frozen=True)
class SamplingSettings:
    """What to measure."""

    molecules: tuple = tuple(SAMPLING_MOLECULES)
    seeds: int = 3
    seconds: float = 300.0
    """Wall time of each run."""
    md_frames: int = 1
    """Physical frames between jumps."""
    jumps: int = 1
    """Jumps in a row."""
    tries: int = 4
    """Trials in a jump."""
    platform: str = "auto"
    """Of the runs; "auto" is the fastest there is."""
    reference_ns: float = 200.0
    """Of plain dynamics, in replicas, for free energies and the slowest mode."""
    replicas: int = 20
    """Of the reference."""
    training_ns: float = 50.0
    """Of plain dynamics that models are trained on, where none is packaged."""
    steps: int = 6000
    """Of training by likelihood, which fine-tuning for acceptance follows."""
    made_on: str | None = None
    """Platform of plain dynamics that is made to train on and to compare with; None: the quickest
    on one core."""
    device: str = "auto"
    """Of training."""

    def __post_init__(self):
        unknown = [name for name in self.molecules if name not in SAMPLING_MOLECULES]
        if unknown or not self.molecules:
            raise ValueError(
                f"molecules: {', '.join(unknown) or 'none'} not known; there are: "
                f"{', '.join(SAMPLING_MOLECULES)}"
            )
        for name in (
            "seeds", "seconds", "md_frames", "jumps", "tries", "reference_ns", "replicas",
            "training_ns", "steps",
        ):  # fmt: skip
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        replica = 1000 * self.reference_ns / self.replicas
        if not replica > LAG:
            raise ValueError(
                f"reference_ns = {self.reference_ns:g} in {self.replicas} replicas: {replica:g} ps "
                f"each, and the slowest mode takes more than {LAG:g} ps: ask for more of it, or "
                "fewer replicas"
            )
