"""Training, from trajectories to a model: what ``openmm-stegmn train`` calls."""

from ._config_file import make_settings, read_config
from ._data_settings import DataSettings
from ._folder import check_folder, training_folder
from ._settings import TARGETS, TrainSettings
from ._train import TrainResult, train_on

__all__ = [
    "TARGETS", "DataSettings", "TrainResult", "TrainSettings", "check_folder", "make_settings",
    "read_config", "train_on", "training_folder",
]  # fmt: skip
