"""What the benchmark ``peptides`` measures."""

import math
from dataclasses import dataclass, field

from ..training import choose_device
from ._peptides_data import PEPTIDES, PeptideDynamics
from ._peptides_models import PEPTIDE_MODELS, peptide_training


@dataclass(frozen=True)
class PeptideSettings:
    """What to measure."""

    molecules: tuple = tuple(PEPTIDES)
    models: tuple = tuple(PEPTIDE_MODELS)
    intervals: tuple = (0.1, 1.0, 10.0)
    """Between frames, ps."""
    seeds: int = 1
    """Seeds 0 to ``seeds - 1`` set initial weights and training; closed forms need one only."""
    history: int = 10
    """Frames in a window, T."""
    test: int = 4000
    """Windows that errors are measured on."""
    validation: int = 2000
    """Windows that choose the weights to keep."""
    energies: int = 300
    """Test windows whose predicted frames get energies."""
    steps: int | None = None
    """Of training; by default those of each molecule."""
    batch_size: int | None = None
    device: str = "auto"
    """``"auto"``, ``"cpu"`` or ``"cuda"``."""
    dynamics: PeptideDynamics = field(default_factory=PeptideDynamics)

    def __post_init__(self):
        intervals = tuple(dict.fromkeys(float(interval) for interval in self.intervals))
        object.__setattr__(self, "intervals", intervals)
        for name, known in (("molecules", PEPTIDES), ("models", PEPTIDE_MODELS)):
            # once each, in the order given
            chosen = tuple(dict.fromkeys(getattr(self, name)))
            object.__setattr__(self, name, chosen)
            unknown = [each for each in chosen if each not in known]
            if unknown:
                raise ValueError(
                    f"{name}: {', '.join(unknown)} not known; there are: {', '.join(known)}"
                )
        for name in ("molecules", "models", "intervals"):
            if not getattr(self, name):
                raise ValueError(f"no {name} given")
        for name in ("seeds", "history", "test", "validation", "energies"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for interval in self.intervals:
            self.stride(interval)
        for molecule in self.molecules:
            peptide_training(molecule, 0, self.steps, self.batch_size)
        choose_device(self.device)

    def stride(self, interval: float) -> int:
        """Recorded frames from one frame of a window to the next."""
        if not (math.isfinite(interval) and interval > 0):
            raise ValueError(f"an interval must be positive, got {interval:g} ps")
        recorded = self.dynamics.frame_interval
        stride = round(interval / recorded)
        if stride < 1 or abs(stride * recorded - interval) > 1e-6 * interval:
            raise ValueError(
                f"an interval of {interval:g} ps is no multiple of the {recorded:g} ps between "
                f"recorded frames"
            )
        return stride
