"""Descriptions of molecules, and plain trajectories of them."""

import openmm
import pytest
import torch
from openmm import app

from openmm_stegmn.data import describe_molecule, simulate_replicas
from openmm_stegmn.models import ModelSpec
from openmm_stegmn.systems import build_system


@pytest.fixture(scope="module")
def molecule():
    return build_system()


def test_alanine_dipeptide(molecule):
    values = describe_molecule(molecule.topology, molecule.system)
    assert values["atom_names"][:3] == ("H1", "CH3", "H2")
    assert values["elements"][:3] == ("H", "C", "H")
    assert values["residue_names"][5:7] == ("ACE", "ALA")
    assert values["residue_ids"][5:7] == (0, 1)
    assert values["masses"][:2] == pytest.approx((1.008, 12.01))
    assert len(values["bonds"]) == 21
    assert len(values["constraints"]) == 12
    assert values["constraints"][0] == (1, 0)
    assert values["constraint_lengths"][0] == pytest.approx(1.09)  # Å
    spec = ModelSpec(architecture="persistence", history=1, frame_interval=1.0, **values)
    assert spec.n_atoms == 22
    assert ModelSpec.from_dict(spec.as_dict()) == spec


def test_particles_that_are_no_element():
    topology = app.Topology()
    residue = topology.addResidue("TOY", topology.addChain())
    topology.addAtom("B", None, residue)
    system = openmm.System()
    system.addParticle(40.0)
    values = describe_molecule(topology, system)
    assert values["elements"] == ("X",)
    assert values["masses"] == (40.0,)
    system.addParticle(1.0)
    with pytest.raises(ValueError, match="topology has 1 atoms and the system 2"):
        describe_molecule(topology, system)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"elements": ("H",)}, "elements has 1 entries for 22 atoms"),
        ({"constraint_lengths": ()}, "12 constraints but 0 lengths"),
        ({"frame_interval": 0.0}, "frame interval positive, got 1, 1, 0.0 ps"),
        ({"bonds": ((0, 22),)}, r"bond \(0, 22\) is no pair of atoms 0\.\.21"),
        ({"bonds": ((0, 1, 2),)}, r"bond \(0, 1, 2\) is no pair"),
    ],
)
def test_specifications_that_contradict_themselves(molecule, changes, message):
    values = describe_molecule(molecule.topology, molecule.system)
    values |= {"architecture": "persistence", "history": 1, "frame_interval": 1.0}
    with pytest.raises(ValueError, match=message):
        ModelSpec(**values | changes)


def simulate(molecule, seeds, **options):
    options = {"frame_interval": 0.02, "equilibration": 0.1} | options
    return simulate_replicas(molecule.system, molecule.positions, seeds, 4, **options)


def test_replicas(molecule):
    """The seed alone decides, whatever the number of processes."""
    first, second = simulate(molecule, [1, 2], processes=2)
    assert first.shape == second.shape == (4, 22, 3)
    assert first.dtype == torch.float32
    assert torch.equal(first, simulate(molecule, [1])[0])
    assert not torch.allclose(first, second, atol=0.1)
    values = describe_molecule(molecule.topology, molecule.system)
    i, j = torch.tensor(values["constraints"]).T
    lengths = (first[:, i] - first[:, j]).norm(dim=-1)  # Å
    expected = torch.tensor(values["constraint_lengths"]).expand_as(lengths)
    torch.testing.assert_close(lengths, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("interval", [0.003, 0.001])
def test_frame_interval_is_a_multiple_of_the_time_step(molecule, interval):
    with pytest.raises(ValueError, match=f"every {interval} ps is no multiple .* 0.002 ps"):
        simulate(molecule, [1], frame_interval=interval)
