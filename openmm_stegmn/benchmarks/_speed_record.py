"""What was measured of one piece of work, once."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SpeedRecord:
    """What one piece of work takes on some hardware."""

    part: str
    """Of the benchmark."""
    hardware: str
    case: str
    """The molecule."""
    model: str
    mode: str
    """How it was run, and in which precision."""
    n_atoms: int
    history: int
    """Frames in a window, T."""
    batch: int
    """Windows at a time."""
    threads: int
    """Of the CPU."""
    measured: dict = field(default_factory=dict)
    """Times in ms, memory in MB, errors."""
    settings: dict = field(default_factory=dict)
    """What else decides the numbers."""
    details: dict = field(default_factory=dict)
    """What else is known."""
    failure: str | None = None
    """Why there is nothing measured."""

    @property
    def key(self) -> tuple:
        """What a record is about; a file has one record for each."""
        return (
            self.part, self.hardware, self.case, self.model, self.mode, self.n_atoms, self.history,
            self.batch, self.threads,
        )  # fmt: skip

    @property
    def title(self) -> str:
        """For people."""
        return title_of(self.key)


def title_of(key: tuple) -> str:
    """What a record is about, for people."""
    part, _, case, model, mode, n_atoms, history, batch, threads = key
    if not case:
        return f"{part}, {threads} threads" if threads > 1 else part
    words = [part, case, *filter(None, (model, mode)), f"{n_atoms:,} atoms", f"T {history}"]
    return ", ".join([*words, f"batch {batch}", f"{threads} thread{'s' if threads > 1 else ''}"])
