"""Trajectories in: descriptions of molecules, and windows of frames."""

from ._molecule import describe_molecule
from ._replicas import simulate_replicas
from ._windows import WindowSet, superpose_windows

__all__ = ["WindowSet", "describe_molecule", "simulate_replicas", "superpose_windows"]
