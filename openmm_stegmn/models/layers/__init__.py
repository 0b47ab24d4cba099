"""Building blocks that the models share."""

from ._graph import gather_atoms, neighbour_table, radial_basis
from ._mechanics import BondAttention, SpatialMechanicsLayer, axial_torque
from ._perceptron import Perceptron
from ._regression import LagRegression, full_regression, shared_regression
from ._temporal import TemporalMechanicsAttention, TemporalMechanicsPooling

__all__ = [
    "BondAttention", "LagRegression", "Perceptron", "SpatialMechanicsLayer", "TemporalMechanicsAttention",
    "TemporalMechanicsPooling", "axial_torque", "full_regression", "gather_atoms", "neighbour_table", "radial_basis",
    "shared_regression",
]  # fmt: skip
