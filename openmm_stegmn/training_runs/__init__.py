"""Training, from trajectories to a model: what ``openmm-stegmn train`` calls."""

from ._settings import TARGETS, TrainSettings
from ._train import TrainResult, train_on

__all__ = ["TARGETS", "TrainResult", "TrainSettings", "train_on"]
