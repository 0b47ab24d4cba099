"""Linear models where the answer is known."""

import numpy as np
import pytest
import torch
from molecules import alkane, random_walk

from openmm_stegmn.data import WindowBlocks, superpose_windows
from openmm_stegmn.mechanics import wrap_angle
from openmm_stegmn.models import build_model

BUTANE = alkane(4, hydrogens=False)


def windows_of(frames, history):
    windows = frames.unfold(0, history + 1, 1).movedim(-1, 1)
    return windows[:, :-1], windows[:, -1]


def model_of(name, molecule=BUTANE, history=4, **config):
    return build_model(molecule.spec(name, history, config=config)).double()


def test_persistence():
    window = random_walk(BUTANE, 4)
    assert torch.equal(model_of("persistence")(window)[0], window[-1])


def test_linear_is_exact_for_uniform_motion():
    velocity = torch.randn(4, 3, dtype=torch.float64)
    frames = BUTANE.frame + torch.arange(6.0).double()[:, None, None] * velocity
    model = model_of("linear", superposed=False)
    torch.testing.assert_close(model(frames[:4])[0], frames[4])


def test_superposed_models_predict_no_drift_of_the_whole():
    """They predict in the frame of reference of the last frame."""
    frames = BUTANE.frame + torch.arange(6.0).double()[:, None, None] * torch.ones(3).double()
    torch.testing.assert_close(model_of("linear")(frames[:4])[0], frames[3])


def springs(n_frames, seed):
    """Equal masses on springs between all atoms, by Verlet: exactly linear, of the second order."""
    random = np.random.default_rng(seed)
    coupling = random.uniform(0.01, 0.1, (4, 4))
    coupling = coupling + coupling.T
    laplacian = np.diag(coupling.sum(1)) - coupling
    frames = [random.normal(size=(4, 3)), random.normal(size=(4, 3))]
    for _ in range(n_frames - 2):
        frames.append(2 * frames[-1] - frames[-2] - laplacian @ frames[-1])
    return torch.tensor(np.array(frames))


def test_full_regression_recovers_a_linear_recurrence():
    frames = springs(60, seed=0)
    model = model_of("linear-ar-full", history=2, superposed=False, ridge=1e-14)
    windows, targets = windows_of(frames[:40], 2)
    model.fit(WindowBlocks.of(windows, targets))
    unseen, expected = windows_of(frames[40:], 2)
    torch.testing.assert_close(model(unseen)[:, 0], expected, atol=1e-6, rtol=0)


def test_shared_regression_recovers_its_weights():
    theta = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64)
    windows = torch.randn(50, 4, 4, 3, dtype=torch.float64)
    targets = windows[:, -1] + torch.einsum("t,btnx->bnx", theta, windows[:, :-1] - windows[:, -1:])
    model = model_of("linear-ar", superposed=False)
    model.fit(WindowBlocks.of(windows, targets))
    torch.testing.assert_close(model.weights, theta)


@pytest.mark.parametrize("superposed", [False, True])
def test_full_regression_is_ridge_regression_atom_by_atom(superposed):
    """Against one least-squares problem an atom, with the penalty as rows of its own."""
    ridge, history = 1e-3, 3
    frames = random_walk(BUTANE, 60)
    model = model_of("linear-ar-full", history=history, superposed=superposed, ridge=ridge)
    windows, targets = windows_of(frames, history)
    model.fit(WindowBlocks.of(windows, targets))
    if superposed:
        windows, targets = superpose_windows(windows, targets, model.context.masses)
    for atom in range(4):
        here = windows[:, -1, atom]
        features = (windows - here[:, None, None]).flatten(1, 2).transpose(1, 2).reshape(-1, 12)
        goal = (targets[:, atom] - here).reshape(-1)
        penalty = ridge * (features**2).sum(0).mean()
        rows = torch.cat([features, penalty.sqrt() * torch.eye(12).double()])
        goal = torch.cat([goal, torch.zeros(12).double()])
        expected = np.linalg.lstsq(rows.numpy(), goal.numpy(), rcond=None)[0]
        np.testing.assert_allclose(model.weights[atom], expected, atol=1e-9)


def rotor(rates, n_frames, molecule=BUTANE):
    """Every bond turns at a rate of its own, rad a frame."""
    body, frame, frames = molecule.body(), molecule.frame, []
    for _ in range(n_frames):
        frames.append(frame)
        frame, _ = body.move(frame, torch.as_tensor(rates, dtype=torch.float64))
    return torch.stack(frames)


@pytest.mark.parametrize("rate", [0.3, -1.1, 2.9])
def test_torsion_extrapolation_is_exact_for_a_rotor(rate):
    """Over more than a turn: increments are taken on the circle."""
    frames = rotor([rate], 30)
    model = model_of("torsion-linear", history=3)
    windows, targets = windows_of(frames, 3)
    torch.testing.assert_close(model(windows)[:, 0], targets, atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", ["torsion-linear-ar", "torsion-linear-ar-full"])
def test_torsion_regressions_recover_a_linear_recurrence(name):
    """Torsions that oscillate: Δq' = Δq − k q, a rule of three frames."""
    molecule = alkane(6, hydrogens=False)
    body = molecule.body()
    start = body.torsions(molecule.frame)
    frames = []
    for seed in range(20):
        phase = torch.rand(3, generator=torch.Generator().manual_seed(seed)).double() * 6
        for step in range(8):
            angles = 0.4 * torch.cos(0.5 * step + phase)
            frames.append(body.move(molecule.frame, angles)[0])
    frames = torch.stack(frames).reshape(20, 8, -1, 3)
    windows = torch.cat([windows_of(f, 4)[0] for f in frames])
    targets = torch.cat([windows_of(f, 4)[1] for f in frames])
    model = model_of(name, molecule, history=4, **({"ridge": 1e-13} if "full" in name else {}))
    model.fit(WindowBlocks.of(windows, targets))
    error = wrap_angle(body.torsions(model(windows)[:, 0]) - body.torsions(targets))
    assert error.abs().max() < 1e-5
    assert wrap_angle(body.torsions(targets) - start).abs().max() > 0.3


@pytest.mark.parametrize("name", ["linear", "linear-ar", "linear-ar-full", "torsion-linear-ar"])
def test_two_frames_are_needed(name):
    with pytest.raises(ValueError, match="history >= 2, got 1"):
        build_model(BUTANE.spec(name, history=1))
