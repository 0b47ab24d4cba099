"""The sign that tells a frame from its mirror image."""

import pytest
import torch
from molecules import alkane, beside, random_rotation, random_walk

from openmm_stegmn.data import describe_molecule
from openmm_stegmn.models import ModelSpec, MoleculeContext
from openmm_stegmn.models._handedness import Handedness
from openmm_stegmn.systems import build_system


def with_oxygen(*hydrogens):
    """Butane with hydroxyl groups where it had these hydrogens."""
    molecule = alkane(4)
    for atom in hydrogens:
        carbon = next(a for a, b in molecule.bonds if b == atom)
        molecule.elements[atom] = "O"
        molecule.hang("H", atom, carbon, carbon - 1, 0.96, 108, 70)
    return molecule


# Hydrogens 7 and 8 are those of the second carbon, 9 and 10 those of the third.
BUTANOL = with_oxygen(7)
MOLECULES = {
    "butan-2-ol": BUTANOL,
    "butane-2,3-diol, both centres alike": with_oxygen(7, 10),
    "butane-2,3-diol, meso": with_oxygen(7, 9),
    "pentane": alkane(5),
    "pentane skeleton": alkane(5, hydrogens=False),
}


@pytest.fixture(params=MOLECULES)
def molecule(request):
    return MOLECULES[request.param]


def handedness_of(spec):
    """Sign of frames, and the centres that it looks at."""
    context = MoleculeContext(spec)
    handedness = Handedness(context)
    sign = lambda frames: handedness(frames, context.body.torsions(frames)).squeeze(-1)  # noqa: E731
    return sign, handedness.centres[:, 0].tolist()


def test_it_changes_with_reflection_and_not_with_rigid_motion(molecule):
    sign, _ = handedness_of(molecule.spec())
    frames = random_walk(molecule, 200, width=1.0)
    expected = sign(frames)
    assert set(expected.tolist()) <= {1.0, -1.0}
    for seed in range(3):
        shift = torch.tensor([5.0, -3.0, 1.0])
        assert torch.equal(sign(frames @ random_rotation(seed).T + shift), expected)
        assert torch.equal(sign(frames @ random_rotation(seed, reflect=True).T + shift), -expected)


def test_turning_bonds_leaves_that_of_chiral_centres():
    for name in ("butan-2-ol", "butane-2,3-diol, both centres alike"):
        molecule = MOLECULES[name]
        sign, _ = handedness_of(molecule.spec())
        assert len(sign(random_walk(molecule, 300, width=2.0)).unique()) == 1


def test_without_a_chiral_centre_torsions_decide():
    """Gauche one way or the other: a chain has no other handedness."""
    molecule = alkane(4, hydrogens=False)
    body, (sign, centres) = molecule.body(), handedness_of(molecule.spec())
    assert centres == []
    for torsion in (-3.0, -1.0, -0.1, 0.1, 1.0, 3.0):
        frame, _ = body.move(molecule.frame, torsion - body.torsions(molecule.frame))
        assert sign(frame) == (1 if torsion > 0 else -1)


def test_the_centre_of_alanine_is_its_alpha_carbon():
    peptide = build_system()
    values = describe_molecule(peptide.topology, peptide.system)
    spec = ModelSpec(architecture="persistence", history=1, frame_interval=1.0, **values)
    sign, centres = handedness_of(spec)
    assert [spec.atom_names[atom] for atom in centres] == ["CA"]
    body = MoleculeContext(spec).body
    turns = torch.randn(100, body.n_bonds, generator=torch.Generator().manual_seed(0)).double()
    frames, _ = body.move(torch.tensor(peptide.positions).expand(100, -1, -1), 3 * turns)
    signs = sign(frames)
    assert len(signs.unique()) == 1
    assert torch.equal(sign(-frames), -signs)


def test_centres_of_one_kind_are_taken_together():
    """Of two molecules, one would else be chosen by its number."""
    _, centres = handedness_of(beside(BUTANOL, BUTANOL).spec())
    assert centres == [1, 1 + BUTANOL.n_atoms]
