"""How much kinetic energy each atom should have, where constraints take degrees of freedom away."""

import networkx as nx
import numpy as np


class DegreesOfFreedom:
    """Degrees of freedom of single atoms.

    Velocities at temperature T are normally distributed with covariance
    ``kT (M⁻¹ − M⁻¹ Jᵀ (J M⁻¹ Jᵀ)⁻¹ J M⁻¹)``, J the gradients of the constraints, M the masses. So
    atom i has a mean kinetic energy of ``d_i kT / 2`` with ``d_i = 3 − tr_i(Jᵀ (J M⁻¹ Jᵀ)⁻¹ J
    M⁻¹)``: a hydrogen on a constrained bond has nearly 2. The d_i add up to all degrees of freedom.
    They depend on the positions, if constraints share atoms.

    Parameters
    ----------
    masses : ndarray, ``(n_atoms,)``
        Da. Atoms without mass have no degrees of freedom.
    pairs : ndarray (n_constraints, 2), int
    centre_at_rest : bool
        Whether the motion of the centre of mass is removed. It is orthogonal to the constraints.
    """

    def __init__(self, masses, pairs, centre_at_rest=True):
        self._masses, self._centre = np.asarray(masses, float), centre_at_rest
        graph = nx.Graph(np.asarray(pairs).tolist())
        groups = {}
        for atoms in nx.connected_components(graph):
            own = np.array(graph.subgraph(atoms).edges).reshape(-1, 2)
            moving = self._masses[own].max(axis=1) > 0
            if moving.any():
                groups.setdefault(int(moving.sum()), []).append(own[moving])
        # Components with as many constraints are solved at once.
        self._groups = [np.array(group) for group in groups.values()]

    def __call__(self, positions, box=None):
        """Of each atom, ``(n_atoms,)``.

        Parameters
        ----------
        positions : ndarray, ``(n_atoms, 3)``
            Any unit.
        box : ndarray (3,), optional
            Edges of a rectangular box, for constraints across its walls.
        """
        inverse = np.divide(
            1, self._masses, out=np.zeros_like(self._masses), where=self._masses > 0
        )
        degrees = 3.0 * (self._masses > 0)
        if self._centre:
            degrees -= 3 * self._masses / self._masses.sum()
        for pairs in self._groups:
            # (components, constraints, 3): gradient with respect to the first atom
            gradients = positions[pairs[..., 0]] - positions[pairs[..., 1]]
            gradients = gradients.astype(float)
            if box is not None:
                gradients -= box * np.round(gradients / box)
            signs = np.array([1.0, -1.0])
            matrix = np.zeros((len(pairs), pairs.shape[1], pairs.shape[1]))
            dots = np.einsum("cix,cjx->cij", gradients, gradients)
            for a, of_a in enumerate(signs):
                for b, of_b in enumerate(signs):
                    same = pairs[:, :, None, a] == pairs[:, None, :, b]
                    mass = np.where(same, inverse[pairs[..., a]][:, :, None], 0.0)
                    matrix += of_a * of_b * same * mass * dots
            # pinv: a rigid body may have more constraints than it needs
            solved = np.linalg.pinv(matrix, rcond=1e-9, hermitian=True)
            for a, of_a in enumerate(signs):
                for b, of_b in enumerate(signs):
                    same = pairs[:, :, None, a] == pairs[:, None, :, b]
                    terms = of_a * of_b * same * dots * solved
                    taken = terms.sum(axis=2) * inverse[pairs[..., a]]
                    np.subtract.at(degrees, pairs[..., a].ravel(), taken.ravel())
        return degrees
