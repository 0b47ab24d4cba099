"""STEGMN: where it starts from, what learns, and what its configuration allows."""

import pytest
import torch
from molecules import (
    SMALL_STEGMN,
    alkane,
    beside,
    perturbed_model,
    random_rotation,
    random_walk,
    water,
)

from openmm_stegmn.data import WindowBlocks, superpose_windows
from openmm_stegmn.mechanics import superpose, superposition, wrap_angle
from openmm_stegmn.models import _articulated, build_model
from openmm_stegmn.models._rigid_motion import RigidMotion
from openmm_stegmn.models.layers import relative_torsions

PENTANE = alkane(5)


def windows(molecule=PENTANE, count=40, history=4, seed=0):
    frames = random_walk(molecule, count * (history + 1), seed=seed).float()
    frames = frames.reshape(count, history + 1, molecule.n_atoms, 3)
    return frames[:, :-1], frames[:, -1]


def stegmn(molecule=PENTANE, history=4, **config):
    torch.manual_seed(0)
    return build_model(molecule.spec("stegmn", history, config=SMALL_STEGMN | config))


def test_untrained_it_is_the_least_squares_solution():
    """Where nothing but torsions change, it is the full autoregression of torsions."""
    model, (window, target) = stegmn(), windows(count=600)
    baseline = build_model(PENTANE.spec("torsion-linear-ar-full"))
    for each in (model, baseline):
        each.fit(WindowBlocks.of(window[:500], target[:500]))
    window, target = window[500:], target[500:]
    body = model.context.body
    past = relative_torsions(body, window)
    linear, best = model.mechanism.regression(past), baseline.regression(past)
    assert linear.abs().max() > 0.01
    torch.testing.assert_close(model.increments(window), linear, atol=1e-5, rtol=0)
    true = wrap_angle(body.torsions(target) - body.torsions(window[:, -1]))
    # The baseline does not choose its ridge on held-out windows.
    assert (linear - true).square().mean() <= (best - true).square().mean()


def test_least_squares_keeps_the_ends_of_a_chain_in_place():
    """Where angles change too, the true increments swing them; the start is not fitted to those."""
    molecule = alkane(12, hydrogens=False)
    walk = random_walk(molecule, 600, width=0.1)
    noise = torch.randn(walk.shape, generator=torch.Generator().manual_seed(4), dtype=walk.dtype)
    frames = (walk + 0.15 * noise).unfold(0, 5, 1).movedim(-1, 1)
    window, target = superpose_windows(
        frames[:, :-1], frames[:, -1], torch.tensor(molecule.masses, dtype=torch.float64)
    )
    errors = {}
    for name in ("torsion-linear-ar-full", "stegmn"):
        config = SMALL_STEGMN if name == "stegmn" else {}
        model = build_model(molecule.spec(name, history=4, config=config)).double()
        model.fit(WindowBlocks.of(window[:500], target[:500]))
        moved = superpose(model(window[500:])[:, 0], window[500:, -1], model.context.masses)
        errors[name] = (moved - target[500:]).square().mean()
    assert errors["stegmn"] < 0.8 * errors["torsion-linear-ar-full"]


@pytest.mark.parametrize("superposed", [False, True])
def test_untrained_elastic_kinematics_is_least_squares_in_positions_and_arms(superposed):
    """It is no worse than the full autoregression of positions, which is a part of it."""
    model = stegmn(kinematics="elastic", superposed=superposed).double()
    window, target = (x.double() for x in windows(count=600))
    fitted = window[:500], target[:500]
    model.fit(WindowBlocks.of(*fitted))
    baseline = build_model(
        PENTANE.spec("linear-ar-full", config={"superposed": superposed})
    ).double()
    baseline.fit(WindowBlocks.of(*fitted))
    window, target = window[500:], target[500:]
    x = window
    if superposed:
        masses = model.context.masses
        x, target = superpose_windows(window, target, masses)
    linear = x[:, -1] + model.mechanism.regression(x)
    torch.testing.assert_close(x[:, -1] + model.increments(window), linear, atol=1e-5, rtol=0)
    error = (linear - target).square().mean()
    assert error < (baseline(x)[:, 0] - target).square().mean()


def test_rigid_motion_starts_from_shared_regression():
    """A molecule that drifts and spins evenly is predicted to go on."""
    molecule = beside(alkane(4), water())
    body = molecule.body()
    spin = torch.tensor([[0.1, 0, 0.2], [0, -0.3, 0]], dtype=torch.float64)
    drift = torch.tensor([[0.5, 0, 0], [0, 0, -0.2]], dtype=torch.float64)
    still = torch.zeros(body.n_bonds, dtype=torch.float64)
    frames = [molecule.frame]
    for _ in range(14):
        frames.append(body.move(frames[-1], still, spin, drift)[0])
    frames = torch.stack(frames).unfold(0, 3, 1).movedim(-1, 1)
    model = stegmn(molecule, history=2).double()
    model.fit(WindowBlocks.of(frames[:, :-1], frames[:, -1]))
    torch.testing.assert_close(model(frames[:, :-1])[:, 0], frames[:, -1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("molecule", [PENTANE, beside(alkane(4), water())])
def test_rigid_motion_by_known_superpositions(molecule):
    """A molecule's rotations are those that superpose it; several molecules have their own."""
    body, masses = molecule.body(), torch.tensor(molecule.masses, dtype=torch.float64)
    motion = RigidMotion(history=3).double()
    motion.rotation_weights.copy_(torch.tensor([0.3, -0.8]))
    frames = random_walk(molecule, 3)
    turns = torch.stack([random_rotation(seed) for seed in range(3)])
    window = frames @ turns.mT + torch.arange(3.0, dtype=torch.float64)[:, None, None]
    rotation = superposition(window, window[-1:], masses)[2]
    torch.testing.assert_close(motion(body, window, rotation), motion(body, window))


def test_superposed_windows_teach_no_rigid_motion():
    model = stegmn()
    model.fit(WindowBlocks.of(*superpose_windows(*windows(), model.context.masses)))
    motion = model.rigid_motion
    assert motion.rotation_weights.abs().max() == motion.translation_weights.abs().max() == 0


@pytest.mark.parametrize("kinematics", ["articulated", "elastic"])
def test_every_parameter_gets_a_gradient(kinematics):
    model = perturbed_model(PENTANE, "stegmn", config={"kinematics": kinematics})
    window, _ = windows()
    model.increments(window).square().sum().backward()
    silent = {name for name, p in model.named_parameters() if p.grad.abs().max() < 1e-7}
    assert silent == set()


@pytest.mark.parametrize(
    ("kinematics", "starting"),
    [
        ("articulated", ("mechanism.bonds.gains.net.2",)),
        ("elastic", ("network.pair_force", "network.node_force.net.2")),
    ],
)
def test_before_training_gradients_reach_what_starts_at_zero(kinematics, starting):
    model = stegmn(kinematics=kinematics)
    window, target = windows()
    model.fit(WindowBlocks.of(window, target))
    model.increments(window).sum().backward()
    learning = {name for name, p in model.named_parameters() if p.grad.abs().max() > 0}
    assert learning == {f"{part}.{kind}" for part in starting for kind in ("weight", "bias")}


def test_a_planar_molecule_at_rest_stays_so():
    """Reflection in its plane leaves the window as it is, so all odd increments must be zero."""
    molecule = alkane(6, hydrogens=False)
    frame = molecule.frame.clone()
    body = molecule.body()
    frame, _ = body.move(frame, torch.pi - body.torsions(frame))
    model = perturbed_model(molecule, "stegmn").double()
    increments = model.increments(frame.expand(4, -1, -1))
    assert increments.abs().max() < 1e-9


@pytest.mark.parametrize("reflect", [False, True])
def test_few_neighbours_keep_the_symmetry(reflect):
    model = perturbed_model(PENTANE, "stegmn")
    model.neighbours = 5
    model.double()
    window = windows()[0].double()
    orthogonal = random_rotation(3, reflect)
    turned = model.increments(window @ orthogonal.T)
    expected = model.increments(window) * (-1 if reflect else 1)
    torch.testing.assert_close(turned, expected, atol=1e-9, rtol=0)


def test_few_neighbours_in_a_batch():
    """Each window has neighbours of its own."""
    model = perturbed_model(PENTANE, "stegmn").double()
    model.neighbours = 5
    window = windows()[0].double()
    each = torch.stack([model.increments(w) for w in window])
    torch.testing.assert_close(model.increments(window), each, atol=1e-9, rtol=0)


def test_a_network_far_off_still_only_turns_fragments():
    model = perturbed_model(PENTANE, "stegmn", scale=3.0)
    window = windows(count=3)[0]
    assert model.increments(window).abs().max() > 100
    base = window[:, -1].double()
    frame, _ = model.jump(window, base)
    i, j = torch.tensor(PENTANE.bonds).T
    length = lambda x: (x[:, i] - x[:, j]).norm(dim=-1)  # noqa: E731
    torch.testing.assert_close(length(frame), length(base), rtol=1e-12, atol=0)


def test_a_network_that_overflows_gives_nan_and_raises_nothing():
    """The propagator looks for NaN; an exception inside OpenMM would end the simulation."""
    model = perturbed_model(PENTANE, "stegmn", scale=1e4)
    window = windows(count=3)[0]
    frame, _ = model.jump(window, window[:, -1].double())
    assert torch.isnan(frame).any()


def test_refusals():
    with pytest.raises(ValueError, match="at least 2 frames, got history = 1"):
        build_model(PENTANE.spec("stegmn", history=1))
    with pytest.raises(ValueError, match='has none; choose kinematics = "elastic"'):
        build_model(water().spec("stegmn"))
    with pytest.raises(ValueError, match="kinematics = 'free'; there are: articulated, elastic"):
        build_model(PENTANE.spec("stegmn", config={"kinematics": "free"}))
    with pytest.raises(ValueError, match="radial = 1"):
        build_model(PENTANE.spec("stegmn", config={"radial": 1}))
    with pytest.raises(ValueError, match="hidden = 6 cannot be shared by heads = 4"):
        build_model(PENTANE.spec("stegmn", config={"hidden": 6, "heads": 4}))
    with pytest.raises(ValueError, match="does not take the options"):
        build_model(PENTANE.spec("stegmn", config={"depth": 3}))


def test_of_many_bonds_each_depends_on_the_past_of_the_nearest(monkeypatch):
    molecule = alkane(12)
    monkeypatch.setattr(_articulated, "ALL_BONDS", 4)
    monkeypatch.setattr(_articulated, "NEAREST_BONDS", 3)
    model = perturbed_model(molecule, "stegmn").double()
    partners, axes = model.mechanism.regression.partners, model.context.body.torsion_atoms[:, 1:3]
    assert partners.shape == (model.context.body.n_bonds, 4)
    for bond, others in enumerate(partners):
        assert others[0] == bond
        # Along a chain the nearest bonds are those of the nearest carbons.
        assert (axes[others].amin(1) - axes[bond].min()).abs().max() <= 3
    window = random_walk(molecule, 4)
    turned = random_rotation(1, reflect=True)
    torch.testing.assert_close(model(window @ turned.T), model(window) @ turned.T)
