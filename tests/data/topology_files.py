"""Topology files as other programs write them."""

import numpy as np


def write_psf(path, topology, masses):
    """Write an OpenMM Topology as CHARMM and NAMD do; returns the path."""
    atoms, bonds = list(topology.atoms()), list(topology.bonds())
    lines = ["PSF", "", f"{1:8} !NTITLE", " REMARKS test", "", f"{len(atoms):8} !NATOM"]
    for atom, mass in zip(atoms, masses, strict=True):
        residue = atom.residue
        lines.append(
            f"{atom.index + 1:8} {residue.chain.id:4} {residue.id:4} {residue.name:4} "
            f"{atom.name:4} T{atom.index:<3} {0:10.6f} {mass:13.4f} {0:11}"
        )
    ends = np.array([(a.index + 1, b.index + 1) for a, b in bonds]).reshape(-1)
    lines += ["", f"{len(bonds):8} !NBOND: bonds"]
    lines += ["".join(f"{end:8}" for end in ends[k : k + 8]) for k in range(0, len(ends), 8)]
    for name in ("NTHETA: angles", "NPHI: dihedrals", "NIMPHI: impropers", "NDON: donors"):
        lines += ["", f"{0:8} !{name}", ""]
    path.write_text("\n".join(lines) + "\n")
    return path
