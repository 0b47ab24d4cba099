"""State networks: architectures for particles of any kind, one module a family."""

from ._eghn import EGHN, EGHNO
from ._egnn import EGNN, EGNNBundle, EGNNRollOut, EGNNSequence
from ._egno import EGNO, OperatorNetwork
from ._gmn import GMN
from ._interface import STATE_NETWORKS, StateNetwork, state_network
from ._mean_structure import MeanReversion, MeanStructure
from ._references import LinearDynamics, LinearTrajectory, MessagePassing, RadialField
from ._st_egnn import SpatioTemporalEGNN
from ._tensor_fields import SE3Transformer, TensorFieldNetwork

__all__ = [
    "EGHN", "EGHNO", "EGNN", "EGNO", "GMN", "STATE_NETWORKS", "EGNNBundle", "EGNNRollOut",
    "EGNNSequence", "LinearDynamics", "LinearTrajectory", "MeanReversion", "MeanStructure",
    "MessagePassing", "OperatorNetwork", "RadialField", "SE3Transformer", "SpatioTemporalEGNN",
    "StateNetwork", "TensorFieldNetwork", "state_network",
]  # fmt: skip
