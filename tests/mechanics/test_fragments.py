"""Which bonds turn: alanine dipeptide, rings, rigid water, constraints that freeze a torsion."""

import pytest
from molecules import Molecule, alkane, beside, toluene, water

from openmm_stegmn.data import describe_molecule
from openmm_stegmn.mechanics import find_fragments
from openmm_stegmn.systems import build_system


def axes(tree):
    return {frozenset(bond) for bond in tree.axes}


def fragments(molecule, constraints=()):
    return find_fragments(molecule.n_atoms, molecule.bonds, constraints, molecule.elements)


@pytest.fixture(scope="module", params=["None", "HBonds", "AllBonds"])
def alanine(request):
    molecule = build_system(constraints=request.param)
    return describe_molecule(molecule.topology, molecule.system)


def test_alanine_dipeptide(alanine):
    tree = find_fragments(22, alanine["bonds"], alanine["constraints"], alanine["elements"])
    names = list(zip(alanine["residue_names"], alanine["atom_names"], strict=True))
    named = {frozenset(names[atom] for atom in bond) for bond in tree.axes}
    assert named == {
        frozenset({("ACE", "CH3"), ("ACE", "C")}),
        frozenset({("ACE", "C"), ("ALA", "N")}),
        frozenset({("ALA", "N"), ("ALA", "CA")}),
        frozenset({("ALA", "CA"), ("ALA", "CB")}),
        frozenset({("ALA", "CA"), ("ALA", "C")}),
        frozenset({("ALA", "C"), ("NME", "N")}),
        frozenset({("NME", "N"), ("NME", "C")}),
    }
    assert tree.n_molecules == 1
    assert max(tree.depths) == 3  # the root is in the middle
    assert tree.depths == sorted(tree.depths)
    # Torsions are measured from heavy atoms where there are any: φ and ψ are the IUPAC ones
    torsions = {
        tuple(names[a] for a in (i, j, k, l))
        for (i, l), (j, k) in zip(tree.references, tree.axes, strict=True)  # noqa: E741
    }
    phi = (("ACE", "C"), ("ALA", "N"), ("ALA", "CA"))
    assert any(t[:3] == phi or t[::-1][:3] == phi for t in torsions)


def test_numbering_of_bonds():
    """Weights in model files are tied to it: another order would read them wrongly."""
    molecule = build_system()
    alanine = describe_molecule(molecule.topology, molecule.system)
    tree = find_fragments(22, alanine["bonds"], alanine["constraints"], alanine["elements"])
    assert tree.axes == [(8, 14), (8, 10), (8, 6), (14, 16), (6, 4), (16, 18), (4, 1)]
    backwards = find_fragments(22, alanine["bonds"][::-1], alanine["constraints"][::-1])
    assert backwards.axes == tree.axes


def test_angle_constraints_keep_the_torsions():
    """HAngles constrains 1–3 distances, which no torsion changes; here and in a bare chain."""
    molecule = build_system(constraints="HAngles")
    alanine = describe_molecule(molecule.topology, molecule.system)
    tree = find_fragments(22, alanine["bonds"], alanine["constraints"], alanine["elements"])
    assert len(tree.axes) == 7
    tree = fragments(alkane(6, hydrogens=False), [(0, 2), (1, 3), (2, 4), (3, 5)])
    assert axes(tree) == {frozenset(b) for b in [(1, 2), (2, 3), (3, 4)]}


def test_rings_do_not_turn():
    tree = fragments(toluene())
    assert axes(tree) == {frozenset({0, 6})}
    ring = {tree.fragment_of_atom[i] for i in (*range(6), *range(7, 12))}
    assert ring == {0}  # the heavier fragment is the root
    assert tree.axes == [(0, 6)]


@pytest.mark.parametrize("bonds", [True, False])
@pytest.mark.parametrize("constraints", [[], [(0, 1), (0, 2)], [(0, 1), (0, 2), (1, 2)]])
def test_water_is_one_body(bonds, constraints):
    if not bonds and not constraints:
        pytest.skip("three free atoms")
    tree = fragments(water(bonds), constraints)
    assert tree.axes == []
    assert tree.n_molecules == 1
    assert tree.fragment_of_atom == [0, 0, 0]


def test_several_molecules_and_an_ion():
    ion = Molecule()
    ion.add("Na", [0, 0, 0])
    molecule = beside(alkane(4, hydrogens=False), ion, toluene(), water())
    tree = fragments(molecule)
    assert tree.n_molecules == 4
    assert tree.molecule_of_atom == [0] * 4 + [1] + [2] * 15 + [3] * 3
    assert axes(tree) == {frozenset({1, 2}), frozenset({5, 11})}
    assert tree.fragment_of_atom[4] == 1


def test_a_constraint_across_a_torsion_freezes_it():
    skeleton = alkane(6, hydrogens=False)
    assert axes(fragments(skeleton)) == {frozenset(b) for b in [(1, 2), (2, 3), (3, 4)]}
    assert axes(fragments(skeleton, [(1, 4)])) == {frozenset(b) for b in [(1, 2), (3, 4)]}
    assert axes(fragments(skeleton, [(0, 2)])) == {frozenset(b) for b in [(1, 2), (2, 3), (3, 4)]}
    assert axes(fragments(skeleton, [(0, 5)])) == set()


def test_constraints_through_another_molecule_freeze_what_they_close():
    """Atoms 0 and 5 of a chain both at fixed distances from a particle without bonds."""
    skeleton = alkane(6, hydrogens=False)
    skeleton.add("Na", [1, 1, 5])
    one = fragments(skeleton, [(0, 6)])
    assert one.n_molecules == 1
    assert len(one.axes) == 3
    assert fragments(skeleton, [(0, 6), (5, 6)]).axes == []


def test_bonds_may_be_an_iterator():
    skeleton = alkane(5, hydrogens=False)
    tree = find_fragments(5, iter(skeleton.bonds), iter([]))
    assert len(tree.axes) == 2


@pytest.mark.parametrize(
    ("bonds", "constraints", "message"),
    [
        ([(0, 9)], [], r"bond \(0, 9\) .* 0\.\.3"),
        ([(0, -1)], [], r"bond \(0, -1\)"),
        ([], [(4, 0)], r"constraint \(4, 0\)"),
    ],
)
def test_atoms_that_do_not_exist(bonds, constraints, message):
    with pytest.raises(ValueError, match=message):
        find_fragments(4, bonds, constraints)
