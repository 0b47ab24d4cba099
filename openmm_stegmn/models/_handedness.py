"""Which of two mirror images a frame is."""

import torch
from torch import Tensor, nn


class Handedness(nn.Module):
    """A sign that changes when a frame is reflected, and for nothing else.

    Torsions times this sign are invariant to reflection: a network may do with them what it likes,
    and what it makes of them, times the sign again, is equivariant. Of molecules with chiral
    centres it is the sign of their volumes, which turning bonds cannot change; of others, and where
    those of two centres cancel, that of a sum of sines of torsions.

    Parameters
    ----------
    context : MoleculeContext
    """

    def __init__(self, context):
        super().__init__()
        types = context.atom_types.tolist()
        bonded = context.near.bonded()
        centres = [
            (types[atom], [atom, *sorted(around, key=types.__getitem__)[:3]])
            for atom, around in enumerate(bonded)
            if len(around) == 4 and len({types[n] for n in around}) == 4
        ]
        # Centres of one type only: those of several could cancel.
        first = min((kind for kind, _ in centres), default=None)
        chosen = [atoms for kind, atoms in centres if kind == first]
        self.register_buffer(
            "centres", torch.tensor(chosen, dtype=torch.long).reshape(-1, 4), persistent=False
        )
        self.has_centres = bool(chosen)
        axes = context.body.torsion_atoms[:, 1:3]
        kinds = context.near.undirected_kinds(*axes.unbind(1))
        # Unequal weights, or two torsions of opposite sign would leave nothing
        order = torch.unique(kinds, return_inverse=True)[1]
        self.register_buffer("weights", 1.0 / (1.0 + order), persistent=False)

    def forward(self, frame: Tensor, torsions: Tensor) -> Tensor:
        """Sign ``(..., 1)`` of frames ``(..., N, 3)`` with torsions ``(..., n_bonds)``."""
        value = (torch.sin(torsions) * self.weights.to(torsions)).sum(-1, keepdim=True)
        if self.has_centres:
            centre, a, b, c = (frame[..., column, :] for column in self.centres.unbind(1))
            volume = ((a - centre) * torch.linalg.cross(b - centre, c - centre)).sum(-1)
            chiral = torch.sign(volume).sum(-1, keepdim=True)
            value = torch.where(chiral == 0, value, chiral)
        return torch.where(value < 0, -torch.ones_like(value), torch.ones_like(value))
