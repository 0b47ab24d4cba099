"""Building blocks that the models share."""

from ._bonds import BondAttention, BondMechanics, axial_torque, relative_torsions
from ._elastic_regression import ElasticRegression
from ._graph import gather_atoms, neighbour_table, radial_basis
from ._messages import MessageNetwork
from ._pairs import PairInvariants
from ._perceptron import Perceptron
from ._regression import LagRegression, SharedRegression, ridge_solution

__all__ = [
    "BondAttention", "BondMechanics", "ElasticRegression", "LagRegression", "MessageNetwork",
    "PairInvariants", "Perceptron", "SharedRegression", "axial_torque", "gather_atoms",
    "neighbour_table", "radial_basis", "relative_torsions", "ridge_solution",
]  # fmt: skip
