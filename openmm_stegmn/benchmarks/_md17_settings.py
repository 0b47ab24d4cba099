"""What the benchmark ``md17`` is asked to measure."""

from dataclasses import dataclass

from ..data import MD17_MOLECULES, md17_name
from ..training import choose_device
from ._md17_models import MD17_MODELS


@dataclass(frozen=True)
class MD17Settings:
    """What to measure; the defaults are the published protocol.

    Windows of T = 10 frames, 10 steps of 0.5 fs apart. How the sets are kept apart departs from the
    published code, see :func:`~openmm_stegmn.data.split_windows`.
    """

    molecules: tuple = MD17_MOLECULES
    models: tuple = MD17_MODELS
    seeds: int = 3
    """Seeds 0 to ``seeds - 1``: each sets the split, the initial weights and their training."""
    windows: int = 500
    """Training windows."""
    validation: int = 2000
    """Windows that choose the weights to keep."""
    test: int = 2000
    """Windows that errors are measured on."""
    atoms: str = "heavy"
    """``"heavy"``, or ``"all"``: hydrogens are input too. Errors are those of heavy atoms."""
    device: str = "auto"
    """``"auto"``, ``"cpu"`` or ``"cuda"``."""

    def __post_init__(self):
        # once each, in the order given
        molecules = tuple(dict.fromkeys(md17_name(name) for name in self.molecules))
        object.__setattr__(self, "molecules", molecules)
        object.__setattr__(self, "models", tuple(dict.fromkeys(self.models)))
        for name in ("molecules", "models"):
            if not getattr(self, name):
                raise ValueError(f"no {name} given")
        for name in ("seeds", "windows", "validation", "test"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.atoms not in ("heavy", "all"):
            raise ValueError(f"atoms must be 'heavy' or 'all', got {self.atoms!r}")
        choose_device(self.device)
