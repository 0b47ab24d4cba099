"""Backbone and side-chain torsions of a peptide, by the names of its atoms."""

from dataclasses import dataclass

from torch import Tensor

from ..mechanics import dihedral


@dataclass(frozen=True)
class Backbone:
    """Atoms of φ and ψ of each residue that has both, and the bonds of χ1.

    Parameters
    ----------
    spec : ModelSpec
        Its atoms have the names of the Protein Data Bank.

    Raises
    ------
    ValueError
        If no residue has φ and ψ.
    """

    residues: tuple
    """Names of the residues."""
    phi: tuple
    """(C of the residue before, N, CA, C) of each."""
    psi: tuple
    """(N, CA, C, N of the next) of each."""
    chi: tuple
    """(CA, CB) of each side chain that has heavy atoms beyond CB."""

    @classmethod
    def of(cls, spec) -> "Backbone":
        """Find them from the bonds."""
        names, elements = spec.atom_names, spec.elements
        bonded = [set(around) for around in spec.neighbours()]

        def neighbour(atom, name, apart=()):
            return next((a for a in bonded[atom] if names[a] == name and a not in apart), None)

        residues, phi, psi, chi = [], [], [], []
        for ca in (atom for atom, name in enumerate(names) if name == "CA"):
            n, c, cb = (neighbour(ca, name) for name in ("N", "C", "CB"))
            before = None if n is None else neighbour(n, "C")
            after = None if c is None else neighbour(c, "N", apart={n})
            if before is not None and after is not None:
                residues.append(spec.residue_names[ca])
                phi.append((before, n, ca, c))
                psi.append((n, ca, c, after))
            if cb is not None and any(elements[a] != "H" for a in bonded[cb] - {ca}):
                chi.append((ca, cb))
        if not phi:
            raise ValueError("no residue has both φ and ψ (atoms N, CA and C): it is no peptide")
        return cls(tuple(residues), tuple(phi), tuple(psi), tuple(chi))


def turn_phi(model, frame: Tensor, residue: int, phi: float) -> Tensor:
    """A frame ``(n_atoms, 3)``, Å, with another φ.

    Parameters
    ----------
    model : TrajectoryModel
        Of a peptide; its lengths and angles are kept.
    frame : Tensor
    residue : int
        Of those that have φ and ψ, from 0.
    phi : float
        rad.
    """
    body, atoms = model.context.body, Backbone.of(model.spec).phi[residue]
    bond = [set(each[1:3]) for each in body.torsion_atoms.tolist()].index(set(atoms[1:3]))
    angles = frame.new_zeros(body.n_bonds)
    angles[bond] = phi - dihedral(*frame[list(atoms)])
    return body.move(frame, angles)[0]
