"""What the benchmarks of state networks are asked to measure."""

from dataclasses import dataclass

from ..training import StateTrainingConfig, choose_device
from ._state_models import STATE_MODELS


@dataclass(frozen=True)
class StateSettings:
    """What to measure; the defaults are the published protocol."""

    models: tuple = ()
    """Of :data:`STATE_MODELS`; those of the benchmark's table if there are none."""
    seeds: int = 3
    """Seeds 0 to ``seeds - 1`` set initial weights, their training, and a split that is drawn."""
    frames: int | None = None
    """P; by default that of the benchmark."""
    epochs: int | None = None
    """At most; by default those of the benchmark."""
    batch_size: int | None = None
    learning_rate: float | None = None
    fused: bool | None = None
    """Whether kernels are fused before training, on a GPU."""
    decode: tuple = ()
    """Numbers of frames that operator networks are decoded at beside P, with no training."""
    device: str = "auto"
    """``"auto"``, ``"cpu"`` or ``"cuda"``."""

    def __post_init__(self):
        object.__setattr__(self, "models", tuple(dict.fromkeys(self.models)))
        object.__setattr__(self, "decode", tuple(dict.fromkeys(self.decode)))
        unknown = [name for name in self.models if name not in STATE_MODELS]
        if unknown:
            raise ValueError(
                f"models: {', '.join(unknown)} not known; there are: {', '.join(STATE_MODELS)}"
            )
        if self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {self.seeds}")
        for count in self.decode:
            if count < 1:
                raise ValueError(f"decode must be at least 1 frame, got {count}")
        StateTrainingConfig(**self.training)
        choose_device(self.device)

    @property
    def training(self) -> dict:
        """What is not as published."""
        names = ("epochs", "batch_size", "learning_rate", "fused")
        values = {name: getattr(self, name) for name in names}
        return {
            name: value
            for name, value in values.items()
            if value is not None and value is not False
        }
