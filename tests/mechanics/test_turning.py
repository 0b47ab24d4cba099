"""Which bonds are allowed to turn: amides, terminal rotors, double bonds, chosen residues."""

import pytest
from forest_systems import solute, system
from molecules import Molecule, alkane, toluene

from openmm_stegmn.mechanics import (
    ArticulatedBody,
    estimate_orders,
    find_fragments,
    turning_bonds,
)


@pytest.fixture(scope="module")
def alanine():
    return solute("alanine dipeptide")


def axes(parts, **options):
    allowed = turning_bonds(parts["bonds"], parts["elements"], **options)
    tree = find_fragments(parts["n_atoms"], parts["bonds"], (), parts["elements"], allowed)
    return {tuple(sorted(bond)) for bond in tree.axes}


AMIDES = {(4, 6), (14, 16)}
METHYLS = {(1, 4), (8, 10), (16, 18)}
PHI_PSI = {(6, 8), (8, 14)}


def test_by_default_all_turn_as_without_the_mask(alanine):
    tree = find_fragments(alanine["n_atoms"], alanine["bonds"], (), alanine["elements"])
    allowed = turning_bonds(alanine["bonds"], alanine["elements"])
    with_mask = find_fragments(
        alanine["n_atoms"], alanine["bonds"], (), alanine["elements"], allowed
    )
    assert all(allowed)
    assert with_mask == tree
    assert axes(alanine) == AMIDES | METHYLS | PHI_PSI


def test_amides_and_methyls(alanine):
    assert axes(alanine, amides=False) == METHYLS | PHI_PSI
    assert axes(alanine, terminal=False) == AMIDES | PHI_PSI
    assert axes(alanine, amides=False, terminal=False) == PHI_PSI


def test_residues(alanine):
    _, topology, _ = system("alanine dipeptide")
    residue = [atom.index for atom in topology.atoms() if atom.residue.name == "ALA"]
    assert axes(alanine, atoms=residue) == {(6, 8), (8, 14), (8, 10)}
    assert axes(alanine, atoms=[]) == set()


def test_what_does_not_turn_is_one_fragment(alanine):
    allowed = turning_bonds(alanine["bonds"], alanine["elements"], amides=False, terminal=False)
    body = ArticulatedBody.from_bonds(
        alanine["n_atoms"], alanine["bonds"], alanine["masses"], (), alanine["elements"], allowed
    )
    assert body.n_bonds == 2
    of = body.fragment_of_atom.tolist()
    assert len(set(of[:8])) == 1  # the acetyl and the amide with it


def test_ammonium_of_a_protein():
    """T4 lysozyme: lysines' –NH3+ and the amino terminus; side-chain amides as well as ω."""
    parts = solute("T4 lysozyme")
    elements, near = parts["elements"], {}
    for a, b in parts["bonds"]:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    frozen = axes(parts) - axes(parts, terminal=False)
    ends = [a for bond in frozen for a in bond if sum(elements[n] == "H" for n in near[a]) == 3]
    assert len(ends) == len(frozen)
    assert {elements[a] for a in ends} == {"C", "N"}
    _, topology, _ = system("T4 lysozyme")
    lysines = sum(residue.name == "LYS" for residue in topology.residues())
    assert sum(elements[a] == "N" for a in ends) == lysines + 1
    amides = axes(parts) - axes(parts, amides=False)
    names = [r.name for r in topology.residues() if any(a.name == "CA" for a in r.atoms())]
    # Proline's ω turns as well: its bond to the residue before is in no ring
    assert len(amides) == len(names) - 1 + names.count("ASN") + names.count("GLN")


def test_bond_orders_freeze_double_bonds():
    butene = alkane(4, hydrogens=False)
    assert turning_bonds(butene.bonds, butene.elements, orders=[1, 2, None]) == [True, False, True]
    with pytest.raises(ValueError, match="2 bond orders for 3 bonds: give one for each"):
        turning_bonds(butene.bonds, butene.elements, orders=[1, 2])


def ethene(length=1.34):
    molecule = Molecule()
    molecule.add("C", [0, 0, 0])
    molecule.add("C", [length, 0, 0], 0)
    for sign in (-1, 1):
        molecule.add("H", [-0.55, sign * 0.94, 0], 0)
        molecule.add("H", [length + 0.55, sign * 0.94, 0], 1)
    return molecule


def test_orders_from_geometry(alanine):
    def orders(molecule):
        return estimate_orders(molecule.positions, molecule.bonds, molecule.elements)

    assert orders(ethene()) == [2, 1, 1, 1, 1]
    assert orders(ethene(1.48))[0] == 1  # planar ends but long: two conjugated single bonds
    assert set(orders(alkane(4))) == {1}
    assert set(orders(toluene())[6:]) == {1}  # to the methyl group
    ethyne = Molecule()
    ethyne.add("C", [0, 0, 0])
    ethyne.add("C", [1.2, 0, 0], 0)
    ethyne.add("H", [-1.06, 0, 0], 0)
    ethyne.add("H", [2.26, 0, 0], 1)
    assert orders(ethyne) == [3, 1, 1]
    peptide = estimate_orders(alanine["positions"], alanine["bonds"], alanine["elements"])
    assert set(peptide) == {1}  # an amide is no double bond: it has its own option


def test_a_mask_of_the_wrong_length(alanine):
    with pytest.raises(ValueError, match="2 values in `allowed` for 21 bonds"):
        find_fragments(22, alanine["bonds"], allowed=[True, False])
