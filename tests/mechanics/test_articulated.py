"""Forward kinematics: what a step leaves exactly as it was, its inverse, and its volume element."""

import math

import pytest
import torch
from molecules import Molecule, alkane, beside, random_rotation, toluene, water

from openmm_stegmn.mechanics import ArticulatedBody, superpose, wrap_angle

ION = Molecule()
ION.add("Na", [0, 0, 0])
MOLECULES = {
    "skeleton": alkane(4, hydrogens=False),
    "butane": alkane(4),
    "toluene": toluene(),
    "tridecane": alkane(13),
    "chain of 40": alkane(40, hydrogens=False),
    "several": beside(alkane(4), water(), ION, toluene()),
}


@pytest.fixture(params=MOLECULES)
def molecule(request):
    return MOLECULES[request.param]


def random_angles(body, *shape, seed=0, size=math.pi, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(*shape, body.n_bonds, generator=generator, dtype=torch.float64)
    return (size * (2 * uniform - 1)).to(dtype)


def lengths(molecule, frame):
    i, j = torch.tensor(molecule.bonds).T
    return torch.linalg.vector_norm(frame[..., i, :] - frame[..., j, :], dim=-1)


def bends(molecule, frame):
    """Distances between atoms two bonds apart: with the bond lengths, the angles."""
    near = [[] for _ in range(molecule.n_atoms)]
    for i, j in molecule.bonds:
        near[i].append(j)
        near[j].append(i)
    pairs = [(a, b) for ends in near for a in ends for b in ends if a < b]
    i, j = torch.tensor(pairs).T
    return torch.linalg.vector_norm(frame[..., i, :] - frame[..., j, :], dim=-1)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_lengths_and_angles_are_kept_and_torsions_turned(molecule, dtype, error):
    # Near the origin: float32 positions far away carry their own rounding
    frame = molecule.frame - molecule.frame.mean(0)
    frame = frame.to(dtype)
    body = molecule.body()
    angles = random_angles(body, 20, dtype=dtype)
    generator = torch.Generator().manual_seed(2)
    rigid = torch.randn(2, 20, body.n_molecules, 3, generator=generator, dtype=torch.float64)
    moved, _ = body.move(frame.expand(20, -1, -1), angles, *rigid.to(dtype))
    assert moved.dtype == dtype
    long = molecule.n_atoms == 40  # up to 50 Å across: positions are rounded to 4e-6 Å in float32
    most = 4 * error if long else 2 * error
    for measure in (lengths, bends):
        before, after = measure(molecule, frame.double()), measure(molecule, moved.double())
        assert ((after - before) / before).abs().max() < most
    turned = wrap_angle(body.torsions(moved) - body.torsions(frame) - angles)
    assert turned.abs().max() < 100 * error


def test_zero_angles_change_nothing(molecule):
    body, frame = molecule.body(), molecule.frame
    moved, rotations = body.move(frame, torch.zeros(body.n_bonds, dtype=torch.float64))
    torch.testing.assert_close(moved, frame, atol=1e-12, rtol=0)
    eye = torch.eye(3, dtype=torch.float64).expand(molecule.n_atoms, 3, 3)
    torch.testing.assert_close(rotations, eye, atol=1e-8, rtol=0)


def test_batch_equals_loop(molecule):
    body = molecule.body()
    frames = molecule.frame + 0.1 * torch.randn(2, 3, molecule.n_atoms, 3, dtype=torch.float64)
    angles = random_angles(body, 2, 3)
    rotation = torch.randn(2, 3, body.n_molecules, 3, dtype=torch.float64)
    moved, rotations = body.move(frames, angles, rotation, rotation)
    for a in range(2):
        for b in range(3):
            one = body.move(frames[a, b], angles[a, b], rotation[a, b], rotation[a, b])
            torch.testing.assert_close(moved[a, b], one[0], atol=1e-12, rtol=0)
            torch.testing.assert_close(rotations[a, b], one[1], atol=1e-12, rtol=0)


def test_increments_invert_the_step(molecule):
    body, frame = molecule.body(), molecule.frame
    angles = random_angles(body, size=0.5)
    translation = torch.randn(body.n_molecules, 3, dtype=torch.float64)
    rotation = 0.5 * torch.randn(body.n_molecules, 3, dtype=torch.float64)
    moved, _ = body.move(frame, angles, rotation, translation)
    found = body.increments(frame, moved)
    torch.testing.assert_close(found[0], angles, atol=1e-9, rtol=0)
    torch.testing.assert_close(found[2], translation, atol=1e-9, rtol=0)
    again, _ = body.move(frame, *found)
    # Rotation is that of the superposition of the two frames, which the step's own is not (only the
    # increments of the torsions are exact): up to a rigid turn, the same frame.
    for m in range(body.n_molecules):
        own = (body.molecule_of_atom == m).double()
        torch.testing.assert_close(superpose(again, moved, own)[own > 0], moved[own > 0])


def test_increments_of_a_rigid_move_are_exact():
    molecule = alkane(4)
    body, frame = molecule.body(), molecule.frame
    rotation = torch.tensor([[0.3, -1.2, 0.8]], dtype=torch.float64)
    translation = torch.tensor([[1.0, 2, 3]], dtype=torch.float64)
    none = torch.zeros(body.n_bonds, dtype=torch.float64)
    moved, _ = body.move(frame, none, rotation, translation)
    found = body.increments(frame, moved)
    torch.testing.assert_close(found, (none, rotation, translation), atol=1e-9, rtol=0)


def test_undoing_a_step_gives_the_frame_back(molecule):
    """Not only up to a rigid motion: the superposition is symmetric in the two frames."""
    body, frame = molecule.body(), molecule.frame
    angles = random_angles(body, size=1.0)
    moved, rotations = body.move(frame, angles)
    back, undone = body.move(moved, -angles)
    torch.testing.assert_close(back, frame, atol=1e-9, rtol=0)
    heavy = [a for a in range(molecule.n_atoms) if molecule.elements[a] != "Na"]
    both = (undone @ rotations)[heavy]
    torch.testing.assert_close(both, torch.eye(3).double().expand_as(both), atol=1e-9, rtol=0)


def test_torsions_alone_do_not_move_the_centre_or_turn_the_whole(molecule):
    body, frame = molecule.body(), molecule.frame
    moved, _ = body.move(frame, random_angles(body, size=1.0))
    torch.testing.assert_close(body.centres(moved), body.centres(frame), atol=1e-10, rtol=0)
    for m in range(body.n_molecules):
        own = body.molecule_of_atom == m
        if own.sum() > 1:
            rotation = body.superposition(frame, moved)[m]
            torch.testing.assert_close(rotation, torch.eye(3).double(), atol=1e-9, rtol=0)


def test_rotations_tell_how_each_atom_turned(molecule):
    """A bonded neighbour in the same fragment goes where the atom's rotation takes it."""
    body, frame = molecule.body(), molecule.frame
    moved, rotations = body.move(frame, random_angles(body))
    of = body.fragment_of_atom
    same = torch.tensor([b for b in molecule.bonds if of[b[0]] == of[b[1]]])
    i, j = same.T
    arm = (rotations[i] @ (frame[j] - frame[i]).unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(moved[j] - moved[i], arm, atol=1e-10, rtol=0)
    determinants = torch.linalg.det(rotations)
    torch.testing.assert_close(determinants, torch.ones_like(determinants))


@pytest.mark.parametrize("reflect", [False, True])
def test_equivariance(molecule, reflect):
    """Angles keep their sign under rotation and change it under reflection."""
    body, frame = molecule.body(), molecule.frame
    orthogonal = random_rotation(1, reflect)
    angles = random_angles(body, size=2.0)
    sign = -1 if reflect else 1
    moved, _ = body.move(frame, angles)
    image, _ = body.move(frame @ orthogonal.T + 1.5, sign * angles)
    torch.testing.assert_close(image, moved @ orthogonal.T + 1.5, atol=1e-9, rtol=0)
    torch.testing.assert_close(body.torsions(frame @ orthogonal.T), sign * body.torsions(frame))


@pytest.mark.parametrize("method", ["turn", "move"])
@pytest.mark.parametrize("name", ["skeleton", "butane"])
def test_a_torsional_jump_keeps_the_volume_element(name, method):
    """|det ∂x'/∂x| = 1 at fixed angles: torsions shift, and in ``move`` the frame turns by an
    amount that depends on the shape alone, which Haar measure does not see."""
    molecule = MOLECULES[name]
    body = molecule.body()
    for seed in range(3):
        frame = molecule.frame + 0.1 * torch.randn(molecule.frame.shape, dtype=torch.float64)
        angles = random_angles(body, seed=seed)
        flat = lambda x: getattr(body, method)(x.reshape(-1, 3), angles)[0].flatten()  # noqa: B023, E731
        jacobian = torch.autograd.functional.jacobian(flat, frame.flatten())
        assert torch.linalg.det(jacobian).abs().item() == pytest.approx(1, abs=1e-8)


def test_derivatives_of_a_step(molecule):
    if molecule.n_atoms > 20:
        pytest.skip("too many numerical derivatives")
    body = molecule.body()
    frame = molecule.frame.requires_grad_()
    angles = random_angles(body, size=1.0).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, a: body.move(x, a)[0], (frame, angles))
    still = torch.zeros_like(angles).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, a: body.move(x, a)[0], (frame, still))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_where_torsions_are_planar(dtype):
    """Several molecules, an ion and water among them, at torsion exactly 0."""
    planar = Molecule()
    for position in ([0, 1, 0], [0, 0, 0], [1.5, 0, 0], [1.5, 1, 0]):
        planar.add("C", position, planar.n_atoms - 1 if planar.n_atoms else None)
    molecule = beside(planar, water(), ION)
    body = molecule.body()
    frame = molecule.frame.to(dtype).requires_grad_()
    angles = torch.zeros(body.n_bonds, dtype=dtype, requires_grad=True)
    rigid = torch.zeros(body.n_molecules, 3, dtype=dtype, requires_grad=True)
    moved, _ = body.move(frame, angles, rigid, rigid)
    found = body.increments(frame, moved)
    loss = (moved * torch.randn_like(moved)).sum() + sum((part * part).sum() for part in found)
    loss.backward()
    for leaf in (frame, angles, rigid):
        assert torch.isfinite(leaf.grad).all()


def test_a_molecule_without_mass_is_refused():
    with pytest.raises(ValueError, match="no mass"):
        ArticulatedBody.from_bonds(2, [], [0.0, 1.0])


def test_a_step_that_is_not_finite_spoils_itself_only():
    molecule = MOLECULES["butane"]
    body, frame = molecule.body(), molecule.frame.expand(2, -1, -1)
    angles = random_angles(body, 2)
    expected, _ = body.move(frame[1], angles[1])
    angles[0, 1] = float("nan")
    moved, _ = body.move(frame, angles)
    assert torch.isnan(moved[0]).all()
    torch.testing.assert_close(moved[1], expected)
