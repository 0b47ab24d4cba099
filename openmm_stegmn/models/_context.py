"""The static inputs of a model: what does not change from window to window."""

import torch
from torch import nn

from ..mechanics import ArticulatedBody
from ._spec import ModelSpec


class MoleculeContext(nn.Module):
    """Atom types, masses, topological distances and kinematics of a molecule, as buffers.

    ==============  ======================  ======================================================
    buffer          shape                   meaning
    ==============  ======================  ======================================================
    ``atom_types``  ``(n_atoms,)``          index into the vocabulary of (residue name, atom name)
    ``masses``      ``(n_atoms,)``          Da
    ``hops``        ``(n_atoms, n_atoms)``  bonds between two atoms, at most ``MAX_HOPS``
    ``body``                                :class:`~openmm_stegmn.mechanics.ArticulatedBody`
    ==============  ======================  ======================================================
    """

    MAX_HOPS = 5

    def __init__(self, spec: ModelSpec):
        super().__init__()
        names = list(zip(spec.residue_names, spec.atom_names, strict=True))
        vocabulary = {name: index for index, name in enumerate(sorted(set(names)))}
        self.n_atom_types = len(vocabulary)
        self.register_buffer("atom_types", torch.tensor([vocabulary[name] for name in names]))
        self.register_buffer("masses", torch.tensor(spec.masses, dtype=torch.float64))
        self.register_buffer("hops", _hops(spec.n_atoms, spec.bonds, self.MAX_HOPS))
        self.body = ArticulatedBody.from_bonds(
            spec.n_atoms, spec.bonds, spec.masses, spec.constraints, spec.elements
        )


def _hops(n_atoms, bonds, most):
    neighbours = [[] for _ in range(n_atoms)]
    for a, b in bonds:
        neighbours[a].append(b)
        neighbours[b].append(a)
    hops = torch.full((n_atoms, n_atoms), most, dtype=torch.uint8)
    for atom in range(n_atoms):
        shell, seen = {atom}, {atom}
        for distance in range(most):
            hops[atom, sorted(shell)] = distance
            shell = {n for a in shell for n in neighbours[a]} - seen
            if not shell:
                break
            seen |= shell
    return hops
