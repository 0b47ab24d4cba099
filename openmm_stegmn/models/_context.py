"""The static inputs of a model: what does not change from window to window."""

import torch
from torch import nn

from ..mechanics import ArticulatedBody, KinematicForest
from ._near_pairs import NearPairs
from ._spec import ModelSpec


class MoleculeContext(nn.Module):
    """Atom types, masses, pairs near in the topology, and kinematics of a molecule, as buffers.

    ==============  ==============  ==============================================================
    buffer          shape           meaning
    ==============  ==============  ==============================================================
    ``atom_types``  ``(n_atoms,)``  atoms of one type have the same surroundings: element and
                                    bonds, up to ``ROUNDS`` bonds away
    ``masses``      ``(n_atoms,)``  Da
    ``near``                        :class:`NearPairs`: bonds between atoms, kinds of pairs
    ``body``                        :class:`~openmm_stegmn.mechanics.ArticulatedBody`
    ``forest``                      :class:`~openmm_stegmn.mechanics.KinematicForest` of the
                                    constraints
    ==============  ==============  ==============================================================
    """

    ROUNDS = 5

    def __init__(self, spec: ModelSpec):
        super().__init__()
        neighbours = spec.neighbours()
        types = _surroundings(spec.elements, neighbours, self.ROUNDS)
        self.n_atom_types = int(types.max()) + 1
        self.register_buffer("atom_types", types)
        self.register_buffer("masses", torch.tensor(spec.masses, dtype=torch.float64))
        self.near = NearPairs(neighbours, types)
        self.body = ArticulatedBody.from_bonds(
            spec.n_atoms, spec.bonds, spec.masses, spec.constraints, spec.elements
        )
        self.forest = KinematicForest.from_constraints(
            spec.n_atoms, spec.constraints, spec.masses, lengths=spec.constraint_lengths
        )


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
