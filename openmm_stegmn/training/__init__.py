"""Training and accuracy."""

from ._config import TrainingConfig
from ._loop import train
from ._metrics import Accuracy, evaluate
from ._proposal_task import ProposalTask
from ._table import accuracy_table
from ._tasks import PositionTask, TorsionTask

__all__ = [
    "Accuracy", "PositionTask", "ProposalTask", "TorsionTask", "TrainingConfig", "accuracy_table",
    "evaluate", "train",
]  # fmt: skip
