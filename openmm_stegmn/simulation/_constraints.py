"""The distance constraints of an OpenMM System, and how far positions are from them."""

import numpy as np
from openmm import unit


def system_constraints(system):
    """Read the constraints of a System.

    Parameters
    ----------
    system : openmm.System

    Returns
    -------
    pairs : numpy.ndarray (n_constraints, 2), int64
    lengths : numpy.ndarray (n_constraints,), float64
        In nm.
    """
    count = system.getNumConstraints()
    pairs = np.zeros((count, 2), dtype=np.int64)
    lengths = np.zeros(count)
    for index in range(count):
        first, second, length = system.getConstraintParameters(index)
        pairs[index] = first, second
        lengths[index] = length.value_in_unit(unit.nanometer)
    return pairs, lengths


def worst_constraint_error(positions, pairs, lengths):
    """Largest ``|distance / length - 1|`` over the constraints; 0 where there are none.

    Parameters
    ----------
    positions : numpy.ndarray (n_atoms, 3)
        In the unit of `lengths`.
    pairs : numpy.ndarray (n_constraints, 2)
    lengths : numpy.ndarray (n_constraints,)
    """
    if len(pairs) == 0:
        return 0.0
    distances = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    return float(np.abs(distances / lengths - 1.0).max())
