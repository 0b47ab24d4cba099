"""Training and accuracy."""

from ._config import TrainingConfig
from ._loop import TorsionTask, train
from ._metrics import Accuracy, evaluate

__all__ = ["Accuracy", "TorsionTask", "TrainingConfig", "evaluate", "train"]
