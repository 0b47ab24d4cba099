"""Building systems: the packaged files, and one clear error for each bad input."""

import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_stegmn.systems import (
    SetupError,
    build_system,
    packaged_forcefield,
    packaged_structure,
)


def energy_and_forces(system, positions):
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    context.setPositions(positions)
    state = context.getState(energy=True, forces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


def test_packaged_alanine_dipeptide():
    molecule = build_system()
    names = [(atom.residue.name, atom.name) for atom in molecule.topology.atoms()]
    assert molecule.n_atoms == len(names) == 22
    assert names[:6] == [("ACE", name) for name in ("H1", "CH3", "H2", "H3", "C", "O")]
    assert [name for residue, name in names if residue == "ALA"] == (
        ["N", "H", "CA", "HA", "CB", "HB1", "HB2", "HB3", "C", "O"]
    )
    assert molecule.system.getNumConstraints() == 12
    energy, forces = energy_and_forces(molecule.system, molecule.positions)
    assert energy == pytest.approx(-140.04, abs=0.05)
    # The PDB's three decimals, not the minimiser, set what is left (bonds to hydrogen apart).
    assert np.abs(forces).max() < 600


@pytest.mark.parametrize("method", [app.NoCutoff, app.CutoffNonPeriodic])
@pytest.mark.parametrize("seed", [0, 1])
def test_native_obc2_equals_openmms(method, seed):
    """obc2_native.xml computes what OpenMM's implicit/obc2.xml does, distorted structures too."""
    molecule = build_system()
    noise = np.random.default_rng(seed).normal(0, 0.01 * seed, molecule.positions.shape)
    native = ["amber14-all.xml", str(packaged_forcefield("obc2_native.xml"))]
    results = []
    for files in (native, ["amber14-all.xml", "implicit/obc2.xml"]):
        system = app.ForceField(*files).createSystem(
            molecule.topology,
            nonbondedMethod=method,
            nonbondedCutoff=0.6 * unit.nanometer,
            constraints=app.HBonds,
        )
        results.append(energy_and_forces(system, molecule.positions + noise))
    (native_energy, native_forces), (energy, forces) = results
    assert native_energy == pytest.approx(energy, rel=1e-4)
    np.testing.assert_allclose(native_forces, forces, atol=1e-4 * np.abs(forces).max())


def test_native_obc2_refuses_what_it_does_not_do():
    path = str(packaged_forcefield("obc2_native.xml"))
    forcefield = app.ForceField("amber14-all.xml", path)
    with pytest.raises(ValueError, match=r"implicit/obc2\.xml"):
        forcefield.createSystem(build_system().topology, implicitSolventKappa=1.0)


def test_box_means_pme_only_in_explicit_solvent(tmp_path):
    boxed = tmp_path / "boxed.pdb"
    box = "CRYST1   30.000   30.000   30.000  90.00  90.00  90.00 P 1           1 \n"
    boxed.write_text(box + packaged_structure("alanine-dipeptide").read_text())
    assert not build_system(boxed).system.usesPeriodicBoundaryConditions()
    vacuum = build_system(boxed, ("amber14-all.xml",))
    assert vacuum.system.usesPeriodicBoundaryConditions()


def test_missing_pdb(tmp_path):
    with pytest.raises(SetupError, match=r"absent\.pdb: no such file"):
        build_system(tmp_path / "absent.pdb")


def test_empty_and_malformed_pdb(tmp_path):
    path = tmp_path / "bad.pdb"
    path.write_text("REMARK nothing\n")
    with pytest.raises(SetupError, match="holds no ATOM"):
        build_system(path)
    path.write_text(packaged_structure("alanine-dipeptide").read_text().replace("-2.553", "  what"))
    with pytest.raises(SetupError, match="cannot be read"):
        build_system(path)


def test_nan_positions(tmp_path):
    path = tmp_path / "nan.pdb"
    path.write_text(packaged_structure("alanine-dipeptide").read_text().replace("-2.553", "   nan"))
    with pytest.raises(SetupError, match="1 of 22 atoms .* first H1 of ACE 1"):
        build_system(path)


def test_unknown_forcefield_names_what_is_close():
    with pytest.raises(SetupError, match=r"amber41-all\.xml.*amber14-all\.xml"):
        build_system(forcefields=("amber41-all.xml",))


def test_one_forcefield_file_may_stand_alone(tmp_path):
    assert build_system(forcefields="amber14-all.xml").forcefields == ("amber14-all.xml",)
    absent = tmp_path / "absent.xml"
    with pytest.raises(SetupError, match="absent.xml': neither a file here nor one shipped"):
        build_system(forcefields=absent)


def test_malformed_forcefield(tmp_path):
    path = tmp_path / "ff.xml"
    path.write_text("<ForceField>")
    with pytest.raises(SetupError, match="cannot be read"):
        build_system(forcefields=(str(path),))


def test_template_mismatch_says_what_to_do(tmp_path):
    path = tmp_path / "bare.pdb"
    lines = packaged_structure("alanine-dipeptide").read_text().splitlines(keepends=True)
    kept = [line for line in lines if " HA  ALA" not in line and not line.startswith("CONECT")]
    path.write_text("".join(kept))
    with pytest.raises(SetupError, match="addHydrogens"):
        build_system(path)


def test_unknown_constraints():
    with pytest.raises(SetupError, match="'bonds'.*HBonds"):
        build_system(constraints="bonds")
