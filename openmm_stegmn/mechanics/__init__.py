"""Rotations, rigid fragments, generalised coordinates and forward kinematics."""

from ._articulated import ArticulatedBody
from ._forest import KinematicForest
from ._fragments import FragmentTree, find_fragments
from ._rotations import axis_rotation, dihedral, rotation_matrix, rotation_vector, wrap_angle
from ._superpose import best_rotation, superpose
from ._virtual_sites import AverageSite, LocalFrameSite

__all__ = [
    "ArticulatedBody", "AverageSite", "FragmentTree", "KinematicForest", "LocalFrameSite",
    "axis_rotation", "best_rotation", "dihedral", "find_fragments", "rotation_matrix",
    "rotation_vector", "superpose", "wrap_angle",
]  # fmt: skip
