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
    seed: int = 2026
    """Of the order of windows. Initial weights come from torch's seed when the model is built."""

    def __post_init__(self):
        for name in ("steps", "batch_size", "learning_rate", "gradient_clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay must be in [0, 1), got {self.average_decay}")
