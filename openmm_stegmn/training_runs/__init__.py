"""Training, from trajectories to a model: what ``openmm-stegmn train`` calls."""

from ._folder import check_folder, training_folder
from ._settings import TARGETS, TrainSettings
from ._train import TrainResult, train_on

__all__ = [
    "TARGETS", "TrainResult", "TrainSettings", "check_folder", "train_on", "training_folder",
]  # fmt: skip
