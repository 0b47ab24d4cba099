"""Training and accuracy."""

from ._acceptance import Acceptance, measure_acceptance
from ._config import TrainingConfig
from ._loop import train
from ._metrics import Accuracy, evaluate
from ._proposal_task import ProposalTask
from ._table import accuracy_table
from ._tasks import PositionTask, TorsionTask

__all__ = [
    "Acceptance", "Accuracy", "PositionTask", "ProposalTask", "TorsionTask", "TrainingConfig",
    "accuracy_table", "evaluate", "measure_acceptance", "train",
]  # fmt: skip
