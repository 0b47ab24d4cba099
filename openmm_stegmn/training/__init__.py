"""Training and accuracy."""

from ._config import TrainingConfig
from ._loop import TorsionTask, train
from ._metrics import Accuracy, evaluate
from ._table import accuracy_table

__all__ = ["Accuracy", "TorsionTask", "TrainingConfig", "accuracy_table", "evaluate", "train"]
