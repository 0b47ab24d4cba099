"""Rotations, rigid fragments, generalised coordinates and forward kinematics."""

from ._articulated import ArticulatedBody
from ._fragments import FragmentTree, find_fragments
from ._rotations import axis_rotation, dihedral, rotation_matrix, rotation_vector, wrap_angle
from ._superpose import best_rotation, superpose

__all__ = [
    "ArticulatedBody", "FragmentTree", "axis_rotation", "best_rotation", "dihedral",
    "find_fragments", "rotation_matrix", "rotation_vector", "superpose", "wrap_angle",
]  # fmt: skip
