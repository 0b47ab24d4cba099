"""State networks: architectures for particles of any kind, one module a family."""

from ._egnn import EGNN, EGNNBundle, EGNNRollOut, EGNNSequence
from ._interface import STATE_NETWORKS, StateNetwork, state_network

__all__ = [
    "EGNN",
    "STATE_NETWORKS",
    "EGNNBundle",
    "EGNNRollOut",
    "EGNNSequence",
    "StateNetwork",
    "state_network",
]  # fmt: skip
