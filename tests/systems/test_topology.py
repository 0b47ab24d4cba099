"""Topologies of MDAnalysis's formats, as OpenMM's."""

import MDAnalysis as mda
import numpy as np
import openmm
import pytest
from MDAnalysisTests import datafiles
from openmm import app, unit
from topology_files import write_psf

from openmm_stegmn.systems import (
    SetupError,
    build_system,
    has_standard_bonds,
    load_bonded,
    load_system,
    packaged_structure,
)

PDB = packaged_structure("alanine-dipeptide")


def masses(system):
    return [system.getParticleMass(i)._value for i in range(system.getNumParticles())]


def constraints(system):
    found = map(system.getConstraintParameters, range(system.getNumConstraints()))
    return {(*sorted((i, j)), length._value) for i, j, length in found}


def described(topology):
    atoms = [
        (a.name, a.element, a.residue.name, a.residue.id, a.residue.index, a.residue.chain.id)
        for a in topology.atoms()
    ]
    return atoms, {tuple(sorted((a.index, b.index))) for a, b in topology.bonds()}


@pytest.fixture(scope="module")
def built():
    return build_system()


@pytest.fixture(scope="module")
def psf(built, tmp_path_factory):
    path = tmp_path_factory.mktemp("psf") / "top.psf"
    return write_psf(path, built.topology, masses(built.system))


def test_a_psf_is_the_same_molecule(built, psf):
    found = load_bonded(psf)
    assert described(found.topology) == described(built.topology)
    np.testing.assert_allclose(masses(found.system), masses(built.system), atol=1e-3)
    assert found.positions is None and found.forcefields == ()
    assert (found.system.getNumForces(), found.system.getNumConstraints()) == (0, 0)


def test_with_a_force_field_it_gives_the_same_system(built, psf):
    found = build_system(psf).system
    assert constraints(found) == constraints(built.system)
    energies = []
    for system in (found, built.system):
        integrator, platform = openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform(0)
        context = openmm.Context(system, integrator, platform)
        context.setPositions(built.positions)
        energies.append(context.getState(energy=True).getPotentialEnergy()._value)
    assert energies[0] == pytest.approx(energies[1], rel=1e-9)


def test_with_a_serialised_system(built, psf, tmp_path):
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(built.system))
    assert described(load_system(psf, tmp_path / "system.xml").topology)[0][4][0] == "C"
    (tmp_path / "other.xml").write_text(openmm.XmlSerializer.serialize(openmm.System()))
    with pytest.raises(SetupError, match="0 particles, the structure .*top.psf 22 atoms"):
        load_system(psf, tmp_path / "other.xml")


def test_an_mmcif_file(built, tmp_path):
    with open(tmp_path / "a.cif", "w") as file:
        app.PDBxFile.writeFile(built.topology, built.positions * unit.nanometer, file)
    found = build_system(tmp_path / "a.cif")
    assert has_standard_bonds(tmp_path / "a.cif") and not has_standard_bonds("a.psf")
    assert described(found.topology)[1] == described(built.topology)[1]
    np.testing.assert_allclose(found.positions, built.positions, atol=1e-4)
    (tmp_path / "b.cif").write_text("data_nothing\n")
    with pytest.raises(SetupError, match="structure .*b.cif: holds no ATOM"):
        build_system(tmp_path / "b.cif")


@pytest.mark.parametrize("name", ["PRM", "PSF_NAMD", "TPR2024_4", "mol2_molecule"])
def test_files_of_other_programs(name):
    path = getattr(datafiles, name)
    found, expected = load_bonded(path), mda.Universe(path).atoms
    atoms, bonds = described(found.topology)
    assert [each[0] for each in atoms] == list(expected.names)
    assert bonds == {tuple(sorted(map(int, pair))) for pair in expected.bonds.indices}
    np.testing.assert_allclose(masses(found.system), expected.masses, atol=0.01)
    # Elements are those that weigh as much
    for (name, element, *_), mass in zip(atoms, expected.masses, strict=True):
        assert element is not None and abs(element.mass._value - mass) < 0.02, name
    if hasattr(expected.universe, "trajectory"):
        np.testing.assert_allclose(found.positions, expected.positions / 10, atol=1e-6)


def test_a_name_of_two_elements(built, psf, tmp_path):
    """Calcium whose name is that of an alpha carbon; and repartitioned hydrogen stays hydrogen."""
    changed = masses(built.system)
    calcium, hydrogen = 8, 0
    changed[calcium], changed[hydrogen] = 40.08, 4.032
    names = [atom.name for atom in built.topology.atoms()]
    assert (names[calcium], names[hydrogen]) == ("CA", "H1")
    found = load_bonded(write_psf(tmp_path / "a.psf", built.topology, changed)).topology
    elements = [atom.element.symbol for atom in found.atoms()]
    assert (elements[calcium], elements[hydrogen]) == ("Ca", "H")


def test_a_box(tmp_path):
    found = load_bonded(datafiles.TPR2024_4).topology.getPeriodicBoxVectors()
    expected = mda.Universe(datafiles.TPR2024_4).trajectory.ts.triclinic_dimensions / 10
    np.testing.assert_allclose(np.array(found.value_in_unit(unit.nanometer)), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.gro", "title\n1\n    1ALA     CA    1   0.0   0.0   0.0\n   1.0 1.0 1.0\n", None),
        ("a.psf", "nothing", "MDAnalysis cannot read it"),
        ("a.zzz", "nothing", "MDAnalysis cannot read it"),
        ("absent.psf", None, "no such file"),
    ],
)
def test_refused(tmp_path, name, text, found):
    if text is not None:
        (tmp_path / name).write_text(text)
    if found is None:
        assert load_bonded(tmp_path / name).topology.getNumAtoms() == 1
        return
    with pytest.raises(SetupError, match=f"{name}: {found}"):
        load_bonded(tmp_path / name)


def test_without_bonds(tmp_path):
    mda.Universe(str(PDB)).atoms.write(str(tmp_path / "a.gro"))
    with pytest.raises(SetupError, match=r"a.gro: has no bonds; give .*\.write\('topology.pdb'\)"):
        build_system(tmp_path / "a.gro")
