"""Building blocks that the models share."""

from ._graph import gather_atoms, neighbour_table, radial_basis
from ._mechanics import BondAttention, SpatialMechanicsLayer, axial_torque
from ._perceptron import Perceptron
from ._regression import LagRegression, ridge_solution, shared_regression
from ._temporal import TemporalMechanicsAttention, TemporalMechanicsPooling

__all__ = [
    "BondAttention", "LagRegression", "Perceptron", "SpatialMechanicsLayer",
    "TemporalMechanicsAttention", "TemporalMechanicsPooling", "axial_torque", "gather_atoms",
    "neighbour_table", "radial_basis", "ridge_solution", "shared_regression",
]  # fmt: skip
