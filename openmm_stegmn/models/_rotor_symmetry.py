"""Symmetry of what turns about a bond: a methyl looks the same after 120°."""

import torch
from torch import Tensor


def rotor_folds(context) -> Tensor:
    """Number of equal positions of each rotatable bond, ``(n_bonds,)``.

    That is the number of atoms on its distal end if they are all of one type and nothing else hangs
    there (3 for a methyl, 2 for a phenyl or carboxylate), else 1.
    """
    types = context.atom_types.tolist()
    bonded = context.near.bonded()
    folds = []
    for _, j, k, _ in context.body.torsion_atoms.tolist():
        around = [types[atom] for atom in bonded[k] if atom != j]
        folds.append(len(around) if len(around) > 1 and len(set(around)) == 1 else 1)
    return torch.tensor(folds)
