"""Which part of a constraint graph holds its shape: ranks of rigidity matrices."""

from functools import lru_cache

import numpy as np


def rigidity_rank(n_atoms, pairs, positions=None):
    """Number of independent constraints among ``pairs``.

    The rank of the rigidity matrix, whose rows are the gradients of the squared distances
    (Asimow & Roth 1978).

    Parameters
    ----------
    n_atoms : int
    pairs : sequence of (int, int)
    positions : array, ``(n_atoms, 3)``, optional
        Without them the rank is the generic one, that of atoms in random places: it is the largest
        that any places give, so a graph that is not rigid by it is rigid nowhere.
    """
    if positions is None:
        return _generic_rank(n_atoms, tuple(pairs))
    return _rank(n_atoms, pairs, np.asarray(positions, dtype=float))


def is_rigid(n_atoms, pairs):
    """Whether the constraints fix the shape of two or more atoms, all places being generic.

    ``3 n − 6`` independent constraints do (1 for two atoms, 3 for three). Special places can only
    add freedom to first order (four atoms in a plane with all six distances), not a motion that
    can be carried out, but for a few paradoxical linkages, which are treated as rigid as well.
    """
    needed = 3 * n_atoms - 6 if n_atoms > 2 else 1
    return len(pairs) >= needed and rigidity_rank(n_atoms, pairs) == needed


def bracing(atoms):
    """Pairs whose distances fix the shape of some atoms: all that ``3 n − 6`` distances can do.

    Each atom is tied to the first three, which are tied to each other.
    """
    atoms = list(atoms)
    return [(base, atom) for i, atom in enumerate(atoms) for base in atoms[: min(i, 3)]]


@lru_cache(maxsize=1024)  # a box of water asks the same thousands of times
def _generic_rank(n_atoms, pairs):
    return _rank(n_atoms, pairs, np.random.default_rng(0).standard_normal((n_atoms, 3)))


def _rank(n_atoms, pairs, positions):
    matrix = np.zeros((len(pairs), n_atoms, 3))
    a, b = np.array(pairs, dtype=int).reshape(-1, 2).T
    row = np.arange(len(pairs))
    apart = positions[a] - positions[b]
    apart /= np.linalg.norm(apart, axis=1, keepdims=True)
    matrix[row, a], matrix[row, b] = apart, -apart
    # Far above rounding and far below what a bend of a degree gives
    return int(np.linalg.matrix_rank(matrix.reshape(len(pairs), -1), tol=1e-6))
