"""Displacements of atoms read as generalised velocities of an articulated body."""

import pytest
import torch
from molecules import alkane, beside, random_rotation, toluene, water

from openmm_stegmn.mechanics import generalised_velocities

MOLECULES = {
    "pentane": alkane(5), "toluene": toluene(), "two": beside(alkane(4), water()),
    "water": water(), "lone atoms": beside(alkane(4), water(bonds=False)),
}  # fmt: skip


@pytest.fixture(params=MOLECULES)
def molecule(request):
    return MOLECULES[request.param]


def motion(body, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = (body.n_bonds,), (body.n_molecules, 3), (body.n_molecules, 3)
    return [size * torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]


def test_inverse_of_a_small_step(molecule):
    body, size = molecule.body(), 1e-5
    angles, rotation, translation = motion(body, size)
    alone = torch.bincount(body.molecule_of_atom) == 1
    rotation[alone] = 0
    moved, _ = body.move(molecule.frame, angles, rotation, translation)
    found = generalised_velocities(body, molecule.frame, moved - molecule.frame)
    for part, expected in zip(found, (angles, rotation, translation), strict=True):
        torch.testing.assert_close(part, expected, atol=1e-4 * size, rtol=0)


def test_no_other_motion_is_closer(molecule):
    """The mass-weighted distance of what is read from any displacement is least."""
    body, frame = molecule.body(), molecule.frame
    generator = torch.Generator().manual_seed(1)
    displacement = torch.randn(frame.shape, generator=generator, dtype=torch.float64)
    weights = body.share[:, None]
    found, small = generalised_velocities(body, frame, displacement), 1e-6

    def distance(parts):
        moved, _ = body.move(frame, *(small * part for part in parts))
        return (weights * ((moved - frame) / small - displacement).square()).sum()

    least = distance(found)
    for seed in range(5):
        change = motion(body, 1e-2, seed + 2)
        assert distance([a + b for a, b in zip(found, change, strict=True)]) > least


@pytest.mark.parametrize("reflect", [False, True])
def test_equivariant(molecule, reflect):
    body, orthogonal = molecule.body(), random_rotation(3, reflect)
    displacement = torch.randn(2, 4, *molecule.frame.shape, dtype=torch.float64)
    sign = -1 if reflect else 1
    angles, rotation, translation = generalised_velocities(body, molecule.frame, displacement)
    turned = generalised_velocities(
        body, molecule.frame @ orthogonal.T, displacement @ orthogonal.T
    )
    for part, expected in zip(
        turned, (sign * angles, sign * rotation @ orthogonal.T, translation @ orthogonal.T),
        strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(part, expected, atol=1e-8, rtol=1e-8)


def test_leading_dimensions_broadcast_and_gradients_are_finite():
    molecule = MOLECULES["two"]
    body, frame = molecule.body().float(), molecule.frame.float()
    displacement = torch.randn(3, 4, *frame.shape, requires_grad=True)
    frames = frame.expand(3, 1, -1, -1).clone().requires_grad_()
    parts = generalised_velocities(body, frames, displacement)
    assert parts[0].shape == (3, 4, body.n_bonds) and parts[0].dtype == torch.float32
    each = generalised_velocities(body, frame, displacement[1, 2])
    for part, own in zip(parts, each, strict=True):
        torch.testing.assert_close(part[1, 2], own, atol=1e-4, rtol=1e-4)
    sum(part.square().sum() for part in parts).backward()
    assert frames.grad.isfinite().all() and displacement.grad.isfinite().all()
