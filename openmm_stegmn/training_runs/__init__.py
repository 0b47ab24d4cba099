"""Training, from trajectories to a model: what ``openmm-stegmn train`` calls."""

from ._config_file import make_settings, read_config
from ._data_settings import DataSettings
from ._evaluate import evaluate_on
from ._folder import check_folder, training_folder
from ._measure import Measured
from ._settings import TARGETS, TrainSettings
from ._train import TrainResult, train_on

__all__ = [
    "TARGETS", "DataSettings", "Measured", "TrainResult", "TrainSettings", "check_folder",
    "evaluate_on", "make_settings", "read_config", "train_on", "training_folder",
]  # fmt: skip
