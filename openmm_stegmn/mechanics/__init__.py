"""Rotations, rigid fragments, generalised coordinates and forward kinematics."""

from ._articulated import ArticulatedBody
from ._closest_turns import closest_turns
from ._forest import KinematicForest
from ._fragments import FragmentTree, find_fragments
from ._generalised_velocities import generalised_velocities
from ._policies import disjoint_bonds, policy_constraints
from ._rotations import axis_rotation, dihedral, rotation_matrix, rotation_vector, wrap_angle
from ._scripted import scripted
from ._superpose import best_rotation, superpose, superposition
from ._turning import estimate_orders, turning_bonds
from ._virtual_sites import AverageSite, LocalFrameSite

__all__ = [
    "ArticulatedBody", "AverageSite", "FragmentTree", "KinematicForest", "LocalFrameSite",
    "axis_rotation", "best_rotation", "closest_turns", "dihedral", "disjoint_bonds",
    "estimate_orders", "find_fragments", "generalised_velocities", "policy_constraints",
    "rotation_matrix", "rotation_vector", "scripted", "superpose", "superposition",
    "turning_bonds", "wrap_angle",
]  # fmt: skip
