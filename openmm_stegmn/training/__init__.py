"""Training and accuracy."""

from ._acceptance import Acceptance, measure_acceptance
from ._config import TrainingConfig
from ._device import choose_device
from ._fine_tune import FineTuneConfig, fine_tune
from ._loop import train
from ._metrics import Accuracy, evaluate
from ._proposal_task import ProposalTask
from ._provenance import record_provenance
from ._table import accuracy_table, bond_names
from ._tasks import PositionTask, TorsionTask

__all__ = [
    "Acceptance", "Accuracy", "FineTuneConfig", "PositionTask", "ProposalTask", "TorsionTask",
    "TrainingConfig", "accuracy_table", "bond_names", "choose_device", "evaluate", "fine_tune",
    "measure_acceptance", "record_provenance", "train",
]  # fmt: skip
