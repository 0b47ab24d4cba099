"""Which atoms make bonds, angles, dihedrals and backbones in a group of atoms."""

import networkx as nx
import numpy as np
from MDAnalysis.exceptions import NoDataError
from MDAnalysis.guesser.tables import vdwradii
from MDAnalysis.lib.distances import self_capped_distance

from ..systems import elements_of

_WATER = "HOH WAT SOL TIP3 TIP4 TIP5 SPC H2O T3P T4P OPC TP3 TP4".split()
_IONS = "NA CL K LI MG CA ZN RB CS BR SOD CLA POT CAL CES Na+ Cl- K+ NA+ CL- IP IM".split()

_FUDGE = 0.55


def solute_of(universe):
    """All atoms that are neither water nor ions; all atoms where there is nothing else."""
    names = " ".join(_WATER + _IONS)
    chosen = universe.select_atoms(f"not resname {names}")
    return chosen if len(chosen) else universe.atoms


def solvent_oxygens(universe):
    """Oxygens of water; empty without any."""
    names = " ".join(_WATER)
    return universe.select_atoms(f"resname {names} and (name O* or type O)")


def bonds_of(atoms):
    """Bonds between atoms of a group, as places in the group: ``(n_bonds, 2)``.

    Those of the topology. If that leaves atoms without any, as PDB files do, also between atoms
    that are close in the frame that the trajectory is at.
    """
    try:
        pairs = np.array(atoms.bonds.indices, dtype=int).reshape(-1, 2)
    except NoDataError:
        pairs = np.zeros((0, 2), int)
    if len(np.setdiff1d(atoms.indices, pairs)):
        both = np.concatenate([np.sort(pairs, axis=1), _close_pairs(atoms)])
        pairs = np.unique(both, axis=0)
    place = np.full(atoms.universe.atoms.n_atoms, -1)
    place[atoms.indices] = np.arange(len(atoms))
    pairs = place[pairs]
    return pairs[(pairs >= 0).all(axis=1)]


def _close_pairs(atoms):
    """Pairs of atoms nearer than 0.55 of their van der Waals radii, as VMD and MDAnalysis guess."""
    symbols = np.char.upper(elements_of(atoms).astype(str))
    radii = np.array([vdwradii.get(symbol, vdwradii["C"]) for symbol in symbols])
    pairs, distances = self_capped_distance(
        atoms.positions, 2 * _FUDGE * radii.max(), min_cutoff=0.1, box=atoms.universe.dimensions
    )
    near = distances < _FUDGE * radii[pairs].sum(axis=1)
    hydrogens = (symbols[pairs] == "H").all(axis=1)
    return np.sort(atoms.indices[pairs[near & ~hydrogens]], axis=1).reshape(-1, 2)


def angles_of(bonds):
    """Triples of bonded atoms, the middle one second: ``(n_angles, 3)``."""
    graph = nx.Graph(bonds.tolist())
    triples = [
        (first, middle, last)
        for middle in sorted(graph) for first in sorted(graph[middle])
        for last in sorted(graph[middle]) if first < last
    ]  # fmt: skip
    return np.array(triples, dtype=int).reshape(-1, 3)


def dihedrals_of(bonds, elements):
    """One dihedral of each bond that can turn: heavy atoms at its ends, and in no ring.

    Parameters
    ----------
    bonds : ndarray (n_bonds, 2)
    elements : sequence of str

    Returns
    -------
    ndarray (n_dihedrals, 4)
        The outer atoms are heavy where they can be: a methyl's hydrogens change places, so bonds
        with nothing but hydrogens on one side are left out.
    """
    graph = nx.Graph(bonds.tolist())
    bridges = sorted(tuple(sorted(bond)) for bond in nx.bridges(graph)) if len(bonds) else []
    found = []
    for first, second in bridges:
        if "H" in (elements[first], elements[second]):
            continue
        outer = [
            min((a for a in graph[end] if a != other and elements[a] != "H"), default=None)
            for end, other in ((first, second), (second, first))
        ]  # fmt: skip
        if None not in outer:
            found.append((outer[0], first, second, outer[1]))
    return np.array(found, dtype=int).reshape(-1, 4)


def backbone_of(atoms):
    """φ and ψ of each residue that has both.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup

    Returns
    -------
    names : list of str
        Such as "ALA 2".
    quadruples : ndarray (n_residues, 2, 4)
        Places in the group of the atoms of φ and of ψ.
    """
    place = {index: n for n, index in enumerate(atoms.indices)}
    names, found = [], []
    for residue in atoms.residues:
        if "CA" not in residue.atoms.names:
            continue
        phi, psi = residue.phi_selection(), residue.psi_selection()
        if phi is None or psi is None:
            continue
        quadruples = [phi.indices, psi.indices]
        if all(index in place for four in quadruples for index in four):
            names.append(f"{residue.resname} {residue.resid}")
            found.append([[place[index] for index in four] for four in quadruples])
    return names, np.array(found, dtype=int).reshape(-1, 2, 4)


def labels_of(atoms, tuples):
    """Names of tuples of atoms, such as "ALA 2 N-CA"."""
    names, residues = atoms.names, [f"{a.resname} {a.resid}" for a in atoms]
    return [
        f"{residues[each[len(each) // 2]]} " + "-".join(names[atom] for atom in each)
        for each in tuples
    ]
