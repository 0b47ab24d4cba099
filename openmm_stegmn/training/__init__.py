"""Training and accuracy."""

from ._acceptance import Acceptance, measure_acceptance
from ._config import TrainingConfig
from ._device import check_processes, choose_device, is_first_process
from ._fine_tune import FineTuneConfig, fine_tune
from ._likelihood import measure_likelihood
from ._loop import train
from ._metrics import Accuracy, evaluate
from ._proposal_task import ProposalTask
from ._provenance import record_provenance
from ._stability import Shape, describe_stability, free_jumps_of, measure_stability
from ._state_training import StateTrainingConfig, train_states
from ._state_windows import States, StateWindows, Surroundings
from ._table import accuracy_table, bond_names, decimals
from ._tasks import PositionTask, TorsionTask

__all__ = [
    "Acceptance", "Accuracy", "FineTuneConfig", "PositionTask", "ProposalTask", "Shape",
    "StateTrainingConfig", "StateWindows", "States", "Surroundings", "TorsionTask",
    "TrainingConfig", "accuracy_table", "bond_names", "check_processes", "choose_device",
    "decimals", "describe_stability", "evaluate", "fine_tune", "free_jumps_of", "is_first_process",
    "measure_acceptance", "measure_likelihood", "measure_stability", "record_provenance",
    "train", "train_states",
]  # fmt: skip
