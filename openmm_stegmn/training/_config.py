"""Everything that can be set in training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingConfig:
    """Hyper-parameters of a training run."""

    steps: int = 4000
    """Optimiser steps."""
    batch_size: int = 256
    """Windows in a batch."""
    learning_rate: float = 2e-3
    """Peak of the one-cycle schedule of AdamW."""
    weight_decay: float = 1e-3
    """Decoupled weight decay."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient."""
    average_decay: float = 0.998
    """Decay of the exponential moving average of the weights that is kept."""
    time_reversal: bool = True
    """Whether every window is used backwards too. At equilibrium positions look the same in both
    directions of time (detailed balance), so this doubles the data; switch it off for data that
    are driven, or not at equilibrium."""
    validate_every: int = 50
    """Steps between two looks at the validation windows, if there are any."""
    patience: int | None = None
    """Validations in a row without a lower loss after which training stops early; None: never."""
    seed: int = 2026
    """Of the order of windows. Initial weights come from torch's seed when the model is built."""

    def __post_init__(self):
        for name in ("steps", "batch_size", "learning_rate", "gradient_clip", "validate_every"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.patience is not None and not self.patience >= 1:
            raise ValueError(f"patience must be at least 1, got {self.patience}")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay must be in [0, 1), got {self.average_decay}")
