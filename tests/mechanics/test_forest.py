"""The kinds of constraint graphs, and their motion against closed forms."""

import copy
import math

import pytest
import torch
from forest_systems import random_move, random_vectors
from molecules import random_rotation
from small_forests import GRAPHS, graph, places, together

from openmm_stegmn.mechanics import KinematicForest, rotation_matrix

CLOSE = {"atol": 1e-12, "rtol": 0}


@pytest.fixture(params=[*GRAPHS, "together"])
def forest(request):
    return together() if request.param == "together" else graph(request.param)


@pytest.mark.parametrize("name", GRAPHS)
def test_kinds(name):
    forest, x = graph(name)
    n_atoms, _, n_groups = GRAPHS[name]
    assert forest.kinds == (next(k for k in sorted(GRAPHS, key=len) if name.startswith(k)),)
    assert (forest.n_atoms, forest.n_components, forest.n_groups) == (n_atoms, 1, n_groups)
    assert forest.n_arms == n_atoms - 1
    assert forest.constraint_error(forest.step(x, *random_move(forest)), x) < 1e-12


def test_arms_lead_from_the_roots_to_every_atom(forest):
    forest, _ = forest
    reached = set(forest.root.tolist())
    assert len(reached) == forest.n_components
    for parent, atom in forest.arms.tolist():
        assert parent in reached  # parents before children
        assert atom not in reached
        reached.add(atom)
        assert forest.parent[atom] == parent
        assert forest.component[atom] == forest.component[parent]
    assert reached == set(range(forest.n_atoms))
    assert (forest.parent[forest.root] == -1).all()
    assert (forest.group[forest.root] == -1).all()
    assert set(forest.group.tolist()) - {-1} == set(range(forest.n_groups))


def test_components_are_numbered_by_their_lowest_atom():
    forest = KinematicForest.from_constraints(5, [(4, 0), (3, 1)], torch.ones(5))
    assert forest.component.tolist() == [0, 1, 2, 1, 0]
    assert forest.kinds == ("stick", "stick", "isolated")


def test_the_root_of_a_chain_is_its_middle():
    chain = [(k, k + 1) for k in range(100)]
    forest = KinematicForest.from_constraints(101, chain, torch.ones(101))
    assert forest.root.tolist() == [50]


def test_rigid_groups_beside_the_constraints():
    """A flexible ring held by the user, and a chain hanging from it."""
    forest, x = graph("closed loop")
    held = KinematicForest.from_constraints(
        8, GRAPHS["closed loop"][1], forest.masses, rigid=[range(6)]
    )
    assert held.kinds == ("tree",)
    assert held.n_groups == 3
    y = held.step(x, *random_move(held))
    ring = torch.pdist(x[:6])
    torch.testing.assert_close(torch.pdist(y[:6]), ring, **CLOSE)
    assert held.constraint_error(y, x) < 1e-12


# Closed forms


def test_a_stick_moves_as_in_the_published_layer():
    """Both ends about the centre: x_i' = c' + R (x_i − c), β = Σ (x_i − c) × f_i / Σ |x_i − c|²
    (Huang et al. 2022), with the centre of mass for the centre."""
    x, f = places(2), places(2, seed=1)
    for masses in ([1.0, 1.0], [12.0, 1.0]):
        forest = KinematicForest.from_constraints(2, [(0, 1)], masses)
        m = torch.tensor(masses, dtype=torch.float64)[:, None]
        centre = (m * x).sum(0) / m.sum()
        translation, rotation = random_vectors(1), random_vectors(1, seed=1)
        expected = centre + translation + (x - centre) @ rotation_matrix(rotation[0]).T
        torch.testing.assert_close(forest.step(x, translation, rotation), expected, **CLOSE)
        mean, beta = forest.accelerations(x, f)
        torque = torch.linalg.cross(x - centre, f).sum(0) / (x - centre).square().sum()
        torch.testing.assert_close(beta, torque[None], **CLOSE)
        torch.testing.assert_close(mean, f.mean(0)[None], **CLOSE)
    equal = KinematicForest.from_constraints(2, [(0, 1)], [1.0, 1.0])
    same = f[:1].expand(2, 3)
    torch.testing.assert_close(equal.accelerations(x, same)[1], torch.zeros(1, 3).double(), **CLOSE)


def test_a_hinge_has_the_torques_of_its_arms():
    """β_k = (x_k − x_0) × f_k / |x_k − x_0|², about the pivot."""
    forest, x = graph("hinge")
    f = places(3, seed=1)
    arms = x[forest.arms[:, 1]] - x[1]
    expected = torch.linalg.cross(arms, f[forest.arms[:, 1]]) / arms.square().sum(-1, keepdim=True)
    torch.testing.assert_close(forest.accelerations(x, f)[1], expected, **CLOSE)


def test_rigid_water_turns_about_its_centre_of_mass():
    forest, x = graph("rigid body")
    centre = forest.centres(x)
    translation, rotation = random_vectors(1), random_vectors(1, seed=1)
    expected = centre + translation + (x - centre) @ rotation_matrix(rotation[0]).T
    torch.testing.assert_close(forest.step(x, translation, rotation), expected, **CLOSE)


@pytest.mark.parametrize("name", ["stick", "rigid body", "rigid body of 5"])
def test_free_rotor(name):
    """Many steps at constant angular velocity are one rotation by their sum."""
    forest, x = graph(name)
    omega, u = random_vectors(1, size=0.1, seed=1), random_vectors(1, size=0.5)
    y = x
    for _ in range(200):
        y = forest.step(y, u, omega)
    torch.testing.assert_close(y, forest.step(x, 200 * u, 200 * omega), atol=1e-10, rtol=0)
    assert forest.constraint_error(y, x) < 1e-12


def test_a_body_feels_the_torque_of_its_own_spin():
    """Pushes ω × l on the atoms of a body in a plane perpendicular to ω: β = ω."""
    forest = KinematicForest.from_constraints(3, [(0, 1), (0, 2), (1, 2)], [16.0, 1.0, 1.0])
    x = places(3) * torch.tensor([1.0, 1, 0])
    omega = torch.tensor([[0, 0, 0.7]], dtype=torch.float64)
    push = torch.linalg.cross(omega.expand(3, 3), x - forest.centres(x))
    torch.testing.assert_close(forest.accelerations(x, push)[1], omega, **CLOSE)


def test_accelerations_are_the_work_of_the_motion(forest):
    """Σ f·x' changes with ω by Σ l × F: what the levers' sums say, times their denominators. Forces
    that add up to zero in each component, so that its shift does no work. (Not in rings, whose
    arms push each other.)"""
    forest, x = forest
    f = places(forest.n_atoms, seed=2)
    f = f - forest.accelerations(x, f)[0][forest.component]
    rotation = torch.zeros(forest.n_groups, 3, dtype=torch.float64, requires_grad=True)
    still = torch.zeros(forest.n_components, 3, dtype=torch.float64)
    work = (f * forest.step(x, still, rotation, torch.zeros(forest.n_arms).double())).sum()
    if forest.n_groups == 0:
        return
    (torque,) = torch.autograd.grad(work, rotation)
    beta = forest.accelerations(x, f)[1]
    torch.testing.assert_close(torch.linalg.cross(torque, beta), torch.zeros_like(beta), **CLOSE)
    assert ((torque * beta).sum(-1) >= 0).all()
    for k, kind in enumerate(forest.kinds):
        if kind in ("hinge", "star"):
            own = forest.component[forest.arms[:, 1]] == k
            arms = (x[forest.arms[:, 1]] - x[forest.arms[:, 0]])[own]
            groups = forest.group[forest.arms[own, 1]]
            scale = arms.square().sum(-1, keepdim=True)
            torch.testing.assert_close(torque[groups], scale * beta[groups], **CLOSE)


# Inverse and forward


def test_velocities_are_those_that_the_step_gives(forest):
    """velocities → step → velocities, and step → velocities → step."""
    forest, x = forest
    u, omega = random_move(forest, size=1.0)

    def rates(u, omega):
        zero = torch.zeros((), dtype=torch.float64)
        moving = lambda s: forest.step(x, s * u, s * omega)  # noqa: E731
        return torch.autograd.functional.jvp(moving, zero, torch.ones_like(zero))[1]

    v = rates(u, omega)
    found = forest.velocities(x, v)
    torch.testing.assert_close(found[0], u, atol=1e-10, rtol=0)
    torch.testing.assert_close(rates(*found), v, atol=1e-9, rtol=0)
    again = forest.velocities(x, rates(*found))
    torch.testing.assert_close(again, found, atol=1e-9, rtol=0)


def test_velocities_of_a_body_are_exact():
    forest, x = graph("rigid body of 5")
    u, omega = random_vectors(1), random_vectors(1, seed=1)
    v = u + torch.linalg.cross(omega.expand(5, 3), x - forest.centres(x))
    torch.testing.assert_close(forest.velocities(x, v), (u, omega), atol=1e-10, rtol=0)


def test_velocities_of_atoms_on_a_line_have_no_spin():
    forest = KinematicForest.from_constraints(
        3, [(0, 1), (0, 2), (1, 2)], [12.0, 16.0, 16.0]
    )  # carbon dioxide
    x = torch.tensor([[0, 0, 0], [1.16, 0, 0], [-1.16, 0, 0]], dtype=torch.float64)
    omega = torch.tensor([[0.5, 0.3, -0.2]], dtype=torch.float64)
    v = torch.linalg.cross(omega.expand(3, 3), x)
    _, found = forest.velocities(x, v)
    torch.testing.assert_close(found, omega * torch.tensor([0.0, 1, 1]), atol=1e-10, rtol=0)


@pytest.mark.parametrize("size", [0.0, 0.5, math.pi - 1e-9, math.pi])
def test_increments_up_to_half_a_turn(size):
    for name in ("stick", "star", "rigid body", "rigid body of 5"):
        forest, x = graph(name)
        axes = random_vectors(forest.n_groups, seed=3)
        axes = axes / axes.norm(dim=-1, keepdim=True)
        if name in ("stick", "star"):  # a half turn of an arm is one about an axis across it
            arms = x[forest.arms[:, 1]] - x[forest.arms[:, 0]]
            axes = torch.linalg.cross(axes, arms)
            axes = axes / axes.norm(dim=-1, keepdim=True)
        y = forest.step(x, random_vectors(1), size * axes)
        translation, rotation, stretch = forest.increments(x, y)
        torch.testing.assert_close(
            forest.step(x, translation, rotation), y, atol=1e-11 if size < 3 else 1e-9, rtol=0
        )
        assert stretch.abs().max() < 1e-12
        assert rotation.norm(dim=-1).max() <= math.pi + 1e-12


def test_increments_with_stretch_reach_any_frame():
    """Trees and rings of elastic arms reach whatever there is."""
    for name in GRAPHS:
        if "rigid" in name:
            continue
        forest, x = graph(name)
        y = x + 0.3 * places(forest.n_atoms, seed=4)
        torch.testing.assert_close(forest.step(x, *forest.increments(x, y)), y, atol=1e-11, rtol=0)


def test_stretch_is_relative():
    forest, x = graph("star")
    stretch = torch.tensor([0.1, -0.1, 0.0, 0.02], dtype=torch.float64)
    y = forest.step(x, *random_move(forest), stretch)
    lengths = [(f[forest.arms[:, 1]] - f[forest.arms[:, 0]]).norm(dim=-1) for f in (x, y)]
    torch.testing.assert_close(lengths[1], (1 + stretch) * lengths[0], **CLOSE)
    assert forest.constraint_error(y, x).item() == pytest.approx(0.1)


# Shapes, types, symmetry


def test_nothing_moves_at_zero(forest):
    forest, x = forest
    still = [torch.zeros(k, 3) for k in (forest.n_components, forest.n_groups)]
    torch.testing.assert_close(forest.step(x, *still), x, **CLOSE)


@pytest.mark.parametrize("reflect", [False, True])
def test_equivariance(forest, reflect):
    """Rotations are pseudovectors; translations and centres vectors."""
    forest, x = forest
    q, sign = random_rotation(1, reflect), -1 if reflect else 1
    translation, rotation = random_move(forest)
    turned = forest.step(x @ q.T + 3, translation @ q.T, sign * rotation @ q.T)
    torch.testing.assert_close(
        turned, forest.step(x, translation, rotation) @ q.T + 3, atol=1e-9, rtol=0
    )
    f = places(forest.n_atoms, seed=5)
    for function in (forest.velocities, forest.accelerations):
        here, there = function(x, f), function(x @ q.T, f @ q.T)
        torch.testing.assert_close(there[0], here[0] @ q.T, atol=1e-9, rtol=0)
        torch.testing.assert_close(there[1], sign * here[1] @ q.T, atol=1e-9, rtol=0)


def test_batch_equals_loop(forest):
    forest, x = forest
    x = x + 0.01 * random_vectors(2, 3, forest.n_atoms)
    translation, rotation = random_move(forest, 2, 3)
    f = random_vectors(2, 3, forest.n_atoms, seed=7)
    y = forest.step(x, translation, rotation)
    batched = [y, *forest.velocities(x, f), *forest.accelerations(x, f), *forest.increments(x, y)]
    for a in range(2):
        for b in range(3):
            one = forest.step(x[a, b], translation[a, b], rotation[a, b])
            single = [
                one, *forest.velocities(x[a, b], f[a, b]), *forest.accelerations(x[a, b], f[a, b]),
                *forest.increments(x[a, b], y[a, b]),
            ]  # fmt: skip
            for many, alone in zip(batched, single, strict=True):
                torch.testing.assert_close(many[a, b], alone, atol=1e-10, rtol=0)


def test_leading_dimensions_broadcast(forest):
    forest, x = forest
    translation, rotation = random_move(forest, 4)
    y = forest.step(x, translation[:, None], rotation[None])
    assert y.shape == (4, 4, *x.shape)
    torch.testing.assert_close(y[1, 2], forest.step(x, translation[1], rotation[2]), **CLOSE)


def test_precision_survives_a_change_of_dtype():
    forest, x = together()
    moved = copy.deepcopy(forest).float().half()
    assert moved.masses.dtype == torch.float64
    move = random_move(forest)
    torch.testing.assert_close(moved.step(x, *move), forest.step(x, *move), atol=0, rtol=0)
    again, _ = together()
    again.load_state_dict(forest.state_dict())


# Derivatives


def test_derivatives_are_finite_and_right(forest):
    forest, x = forest
    if forest.n_atoms > 10:
        x, forest = x[:8], KinematicForest.from_constraints(8, [(0, 1), (2, 3)], torch.ones(8))
    translation, rotation = random_move(forest, size=0.8)
    still = torch.zeros_like(rotation)
    for turn in (rotation, still):
        inputs = [a.clone().requires_grad_() for a in (x, translation, turn)]
        assert torch.autograd.gradcheck(forest.step, inputs)
    if "closed loop" not in forest.kinds:
        assert torch.autograd.gradgradcheck(forest.step, inputs)


def test_derivatives_of_the_inverse(forest):
    forest, x = forest
    y = forest.step(x, *random_move(forest, size=0.8))
    v = places(forest.n_atoms, seed=1)
    for function, other in (
        (forest.increments, y), (forest.velocities, v), (forest.accelerations, v)
    ):  # fmt: skip
        inputs = [a.clone().requires_grad_() for a in (x, other)]
        if forest.n_atoms < 10:
            assert torch.autograd.gradcheck(function, inputs)
        grad = torch.autograd.grad(sum(a.sin().sum() for a in function(*inputs)), inputs)
        assert all(torch.isfinite(g).all() for g in grad)


def test_gradient_at_rest_is_finite(forest):
    forest, x = forest
    x = x.float().requires_grad_()
    rest = [torch.zeros(k, 3, requires_grad=True) for k in (forest.n_components, forest.n_groups)]
    forest.step(x, *rest).sin().sum().backward()
    assert all(torch.isfinite(a.grad).all() for a in (x, *rest))
    same = [a.sum() for a in forest.increments(x, x.detach())]
    grad = torch.autograd.grad(sum(same), x)[0]
    assert torch.isfinite(grad).all()
