"""Building blocks that the models share."""

from ._bonds import BondAttention, BondMechanics, axial_torque, relative_torsions, torsion_history
from ._clusters import PoolingLayer, SoftClusters
from ._egnn import EdgeMessages, Edges, EGNNLayer
from ._elastic_regression import ElasticRegression
from ._fourier import (
    FourierConvolution,
    ScalarConvolution,
    VectorConvolution,
    fourier_basis,
    time_embedding,
)
from ._graph import NeighbourGraph, Neighbours, gather_atoms, neighbour_table, radial_basis
from ._messages import MessageNetwork
from ._pairs import PairInvariants
from ._particle_graph import (
    ParticleGraph,
    bond_graph,
    complete_graph,
    pair_features,
    radius_graph,
)
from ._perceptron import Perceptron
from ._regression import LagRegression, SharedRegression, ridge_solution
from ._tensors import TensorProduct, spherical_harmonics

__all__ = [
    "BondAttention", "BondMechanics", "EGNNLayer", "EdgeMessages", "Edges", "ElasticRegression",
    "FourierConvolution", "LagRegression", "MessageNetwork", "NeighbourGraph", "Neighbours",
    "PairInvariants", "ParticleGraph", "Perceptron", "PoolingLayer", "ScalarConvolution",
    "SharedRegression", "SoftClusters",
    "TensorProduct", "VectorConvolution", "axial_torque", "bond_graph", "complete_graph",
    "fourier_basis", "gather_atoms", "neighbour_table", "pair_features", "radial_basis",
    "radius_graph", "relative_torsions", "ridge_solution", "spherical_harmonics",
    "time_embedding", "torsion_history",
]  # fmt: skip
