"""What the benchmark ``speed`` is asked to measure."""

from dataclasses import dataclass

import torch

from ..models import MODELS
from ..training import choose_device

#: What can be measured, in the order in which it is.
SPEED_PARTS = (
    "machine", "inference", "training", "precision", "atoms", "history", "batch", "profile",
    "start",
)  # fmt: skip
#: Molecules of inference, training, precision and profile.
SPEED_CASES = ("aspirin", "protein")
#: Ways to run a network; the last two need a GPU or a compiler.
SPEED_MODES = ("eager", "script", "graph", "compile")
#: Atoms of a residue of the made-up protein.
BACKBONE_ATOMS = 4


@dataclass(frozen=True)
class SpeedSettings:
    """What to measure, and how often."""

    parts: tuple = SPEED_PARTS
    """Of :data:`SPEED_PARTS`."""
    cases: tuple = SPEED_CASES
    """Of :data:`SPEED_CASES`."""
    models: tuple = ("stegmn", "stegmn-paper")
    """Of :data:`~openmm_stegmn.models.MODELS`."""
    modes: tuple | None = None
    """Of :data:`SPEED_MODES`; None: all that the device can be expected to have."""
    residues: int = 213
    """Of the protein."""
    atoms: tuple = (1_000, 3_000, 10_000, 30_000, 100_000)
    """Sizes of the protein's copies in the part ``atoms``: multiples of four."""
    histories: tuple = (2, 5, 10, 20, 50)
    """Windows T in the part ``history``, of aspirin."""
    batches: tuple = (1, 10, 100, 1_000)
    """Windows at a time in the part ``batch``, of aspirin."""
    threads: tuple | None = None
    """Numbers of CPU threads, each measured; None: 1 and 2 on a CPU, 1 beside a GPU."""
    repeats: int = 100
    """Of each measurement, after warming up."""
    seconds: float = 5.0
    """Wall time after which there are no more repeats, but for a few."""
    limit: float = 120.0
    """Wall time after which a size that is measured in a process of its own is given up, s."""
    device: str = "auto"
    """``"auto"``, ``"cpu"`` or ``"cuda"``."""

    def __post_init__(self):
        device = choose_device(self.device)
        object.__setattr__(self, "device", device)
        on_gpu = device == "cuda"
        if self.modes is None:
            object.__setattr__(self, "modes", SPEED_MODES[: 4 if on_gpu else 2])
        if self.threads is None:
            object.__setattr__(self, "threads", (1,) if on_gpu else (1, 2))
        self._check_names("parts", SPEED_PARTS)
        self._check_names("cases", SPEED_CASES)
        self._check_names("models", sorted(MODELS))
        self._check_names("modes", SPEED_MODES)
        if "graph" in self.modes and not on_gpu:
            raise ValueError("mode 'graph' is a CUDA graph, which a CPU does not have")
        for name, least in (("histories", 2), ("batches", 1), ("atoms", 8), ("threads", 1)):
            self._check_numbers(name, least)
        for number in self.atoms:
            if number % BACKBONE_ATOMS:
                raise ValueError(
                    f"atoms must be multiples of {BACKBONE_ATOMS}, those of a residue, got {number}"
                )
        for name, least in (("residues", 2), ("repeats", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        for name in ("seconds", "limit"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    @property
    def identity(self) -> dict:
        """What decides the numbers beside what a record is about."""
        return {"repeats": self.repeats, "seconds": self.seconds, "torch": torch.__version__}

    def _check_names(self, name, known):
        given = tuple(dict.fromkeys(getattr(self, name)))
        object.__setattr__(self, name, given)
        if not given:
            raise ValueError(f"no {name} given")
        if unknown := [each for each in given if each not in known]:
            raise ValueError(
                f"{name}: {', '.join(unknown)} not known; there are: {', '.join(known)}"
            )

    def _check_numbers(self, name, least):
        given = tuple(dict.fromkeys(getattr(self, name)))
        object.__setattr__(self, name, given)
        if not given:
            raise ValueError(f"no {name} given")
        if min(given) < least:
            raise ValueError(f"{name} must be at least {least}, got {min(given)}")
