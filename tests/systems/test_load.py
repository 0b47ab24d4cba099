"""A System from the file it was serialised to."""

import openmm
import pytest

from openmm_stegmn.systems import SetupError, build_system, load_system, packaged_structure

PDB = packaged_structure("alanine-dipeptide")


def test_the_system_is_the_same(tmp_path):
    built = build_system()
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(built.system))
    loaded = load_system(PDB, tmp_path / "system.xml")
    assert loaded.n_atoms == loaded.topology.getNumAtoms() == 22
    assert openmm.XmlSerializer.serialize(loaded.system) == (tmp_path / "system.xml").read_text()
    assert (loaded.positions == built.positions).all()
    assert loaded.forcefields == (str(tmp_path / "system.xml"),)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<nothing", "cannot be read as a System"),
        (openmm.XmlSerializer.serialize(openmm.VerletIntegrator(0.001)), "a VerletIntegrator"),
        (openmm.XmlSerializer.serialize(openmm.System()), "0 particles, the PDB file .* 22 atoms"),
    ],
)
def test_refused(tmp_path, text, found):
    path = tmp_path / "system.xml"
    path.write_text(text)
    with pytest.raises(SetupError, match=f"system .*system.xml.*{found}"):
        load_system(PDB, path)


def test_missing(tmp_path):
    with pytest.raises(SetupError, match="absent.xml: no such file"):
        load_system(PDB, tmp_path / "absent.xml")
    with pytest.raises(SetupError, match="absent.pdb: no such file"):
        load_system(tmp_path / "absent.pdb", tmp_path / "absent.xml")
