"""The static inputs of a model: what does not change from window to window."""

import torch
from torch import nn

from ..mechanics import ArticulatedBody, KinematicForest
from ._spec import ModelSpec


class MoleculeContext(nn.Module):
    """Atom types, masses, topological distances and kinematics of a molecule, as buffers.

    ==============  ======================  ======================================================
    buffer          shape                   meaning
    ==============  ======================  ======================================================
    ``atom_types``  ``(n_atoms,)``          atoms of one type have the same surroundings: element
                                            and bonds, up to ``MAX_HOPS`` bonds away
    ``pair_kinds``  ``(n_atoms, n_atoms)``  pairs of one kind have the same types and are as many
                                            bonds apart; all pairs further than ``KIND_HOPS`` are
                                            one kind
    ``masses``      ``(n_atoms,)``          Da
    ``hops``        ``(n_atoms, n_atoms)``  bonds between two atoms, at most ``MAX_HOPS``
    ``body``                                :class:`~openmm_stegmn.mechanics.ArticulatedBody`
    ``forest``                              :class:`~openmm_stegmn.mechanics.KinematicForest` of
                                            the constraints
    ==============  ======================  ======================================================
    """

    MAX_HOPS = 5
    KIND_HOPS = 4

    def __init__(self, spec: ModelSpec):
        super().__init__()
        neighbours = spec.neighbours()
        types = _surroundings(spec.elements, neighbours, self.MAX_HOPS)
        self.n_atom_types = int(types.max()) + 1
        self.register_buffer("atom_types", types)
        self.register_buffer("masses", torch.tensor(spec.masses, dtype=torch.float64))
        self.register_buffer("hops", _hops(neighbours, self.MAX_HOPS))
        self.register_buffer("pair_kinds", self._pair_kinds())
        self.body = ArticulatedBody.from_bonds(
            spec.n_atoms, spec.bonds, spec.masses, spec.constraints, spec.elements
        )
        self.forest = KinematicForest.from_constraints(
            spec.n_atoms, spec.constraints, spec.masses, lengths=spec.constraint_lengths
        )

    def _pair_kinds(self):
        # Near pairs alone: of a protein, pairs are millions and nearly all of them far.
        near = self.hops <= self.KIND_HOPS
        first, second = near.nonzero().unbind(1)
        types, hops = self.atom_types, self.hops[first, second].long()
        kinds = (hops * self.n_atom_types + types[first]) * self.n_atom_types + types[second]
        found = torch.zeros(self.hops.shape, dtype=torch.long)
        found[first, second] = torch.unique(kinds, return_inverse=True)[1] + int(not near.all())
        return found


def _surroundings(elements, neighbours, rounds):
    """Refine the elements by those of the neighbours, again and again (Weisfeiler and Leman)."""
    labels = list(elements)
    for _ in range(rounds):
        around = [
            (own, tuple(sorted(labels[n] for n in bonded)))
            for own, bonded in zip(labels, neighbours, strict=True)
        ]
        number = {label: index for index, label in enumerate(sorted(set(around)))}
        labels = [number[label] for label in around]
    return torch.tensor(labels)


def _hops(neighbours, most):
    hops = torch.full((len(neighbours), len(neighbours)), most, dtype=torch.uint8)
    for atom in range(len(neighbours)):
        shell, seen = {atom}, {atom}
        for distance in range(most):
            hops[atom, sorted(shell)] = distance
            shell = {n for a in shell for n in neighbours[a]} - seen
            if not shell:
                break
            seen |= shell
    return hops
