"""What every registered model must do."""

import copy

import pytest
import torch
from molecules import (
    alkane,
    beside,
    hops_of_all,
    perturbed_model,
    random_rotation,
    random_walk,
    water,
)
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from openmm_stegmn.models import MODELS, StateModel, build_model, load_model, save_model

HISTORY = 4
# Published networks bound nothing: weights as large as the others' throw atoms so far that float32
# has no digits left.
SCALE = {n: 0.1 for n, (kind, _) in MODELS.items() if kind is StateModel}
SCALE |= {"stegmn-paper": 0.1, "gmn": 0.03}
MOLECULES = {"pentane": alkane(5), "butane and water": beside(alkane(4), water())}
# Equilibrium, for which a density is by default, has no window.
REQUIRED = {"stegmn-proposal": {"lags": [1, 3, 10], "lag": 3}}
# Every registered model with its defaults, and what else its options make of it
VARIANTS = {
    "stegmn-proposal, one frame": ("stegmn-proposal", {}),
    "stegmn elastic": ("stegmn", {"kinematics": "elastic"}),
    "stegmn elastic, not superposed": ("stegmn", {"kinematics": "elastic", "superposed": False}),
    "stegmn cartesian": ("stegmn", {"kinematics": "cartesian"}),
    "egno, trajectory to trajectory": ("egno", {"states": HISTORY, "superposed": False}),
    "egno elastic": ("egno", {"kinematics": "elastic"}),
    "egno-rigid, not superposed": ("egno-rigid", {"superposed": False}),
}


@pytest.fixture(params=[*MODELS, *VARIANTS])
def name(request):
    if request.param in ("tfn", "se3-transformer"):
        pytest.importorskip("e3nn")
    return request.param


@pytest.fixture(params=MOLECULES)
def molecule(request):
    return MOLECULES[request.param]


@pytest.fixture
def model(name, molecule):
    return perturbed(molecule, name).double()


@pytest.fixture
def window(name, molecule):
    return random_walk(molecule, history_of(name))


def history_of(name):
    return 1 if name.endswith("one frame") else HISTORY


def perturbed(molecule, name, **changes):
    history = history_of(name)
    name, config = VARIANTS.get(name, (name, REQUIRED.get(name, {})))
    scale = SCALE.get(name, 0.3)
    constraints = to_hydrogen(molecule)
    lengths = (molecule.frame[constraints[:, 0]] - molecule.frame[constraints[:, 1]]).norm(dim=-1)
    return perturbed_model(
        molecule, name, history, scale=scale, config=config, constraints=constraints.tolist(),
        constraint_lengths=lengths.tolist(), **changes,
    )  # fmt: skip


def to_hydrogen(molecule):
    """Constraints as OpenMM's HBonds."""
    return torch.tensor([
        (i, j) for i, j in molecule.bonds if "H" in (molecule.elements[i], molecule.elements[j])
    ])  # fmt: skip


def assert_near(actual, expected, error=1e-9):
    torch.testing.assert_close(actual, expected, atol=error, rtol=0)


@pytest.mark.parametrize("reflect", [False, True])
def test_equivariant_to_rotation_reflection_and_translation(model, window, reflect):
    orthogonal = random_rotation(2, reflect)
    image = lambda x: x @ orthogonal.T + torch.tensor([1.0, -2.0, 3.0])  # noqa: E731
    if not model.equivariant:
        assert (model(image(window)) - image(model(window))).abs().max() > 1e-3
        assert_near(model(window + 1.0), model(window) + 1.0)
        return
    assert_near(model(image(window)), image(model(window)))
    _, rotations = model.jump(window, window[-1])
    _, turned = model.jump(image(window), image(window[-1]))
    assert_near(turned, orthogonal @ rotations @ orthogonal.T)


@pytest.mark.parametrize("seed", [0, 1])
def test_equivariant_to_the_order_of_atoms(name, seed):
    """Weights of a bond or an atom go with it. Orders that change from which hydrogen a methyl's
    torsion is measured are left out: it is another coordinate, which shifts by about 120°. Sticks
    are chosen in the order of the bonds, so the relabelled model is given those of the first."""
    molecule = MOLECULES["pentane"]
    model = perturbed(molecule, name).double()
    window = random_walk(molecule, model.history)
    generator = torch.Generator().manual_seed(seed)
    spec, n = model.spec, molecule.n_atoms
    for _ in range(1000):
        order = torch.randperm(n, generator=generator)
        place = order.argsort().tolist()
        pick = lambda values: [values[a] for a in order.tolist()]  # noqa: B023, E731
        relabelled = copy.deepcopy(molecule)
        relabelled.elements = pick(molecule.elements)
        relabelled.positions = pick(molecule.positions)
        relabelled.bonds = [(place[i], place[j]) for i, j in molecule.bonds]
        bond_order = _same_torsions(model.context.body, relabelled.body(), order)
        if bond_order is not None:
            break
    config = dict(spec.config)
    if model.kinematics == "sticks":
        config["sticks"] = [[place[i], place[j]] for i, j in model.context.sticks.ends.tolist()]
    constraints = [(place[i], place[j]) for i, j in spec.constraints]
    other = build_model(
        relabelled.spec(
            spec.architecture, spec.history, config=config, atom_names=pick(spec.atom_names),
            constraints=constraints, constraint_lengths=spec.constraint_lengths,
        )
    ).double()  # fmt: skip
    other.load_state_dict(_relabel(model, other, order, bond_order), strict=False)
    assert_near(other(window[:, order]), model(window)[:, order])


def _same_torsions(body, relabelled, order):
    """For each bond of ``relabelled``, its number in ``body``; None if a torsion differs."""
    canonical = lambda atoms: min(tuple(atoms), tuple(atoms[::-1]))  # noqa: E731
    known = [canonical(atoms) for atoms in body.torsion_atoms.tolist()]
    found = [canonical(order[atoms].tolist()) for atoms in relabelled.torsion_atoms]
    return [known.index(f) for f in found] if set(known) == set(found) else None


def _relabel(model, other, atoms, bonds):
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("context.")}
    for part, value in state.items():
        of_rigid_motion = part.startswith("rigid_motion.")
        if part.endswith("weights") and value.dim() == 2 and not of_rigid_motion:
            n = value.shape[0]
            order = torch.as_tensor(bonds if n == len(bonds) else atoms)
            state[part] = value.reshape(n, -1, n)[order][:, :, order].reshape(value.shape)
    if "centres" in state:
        state["centres"] = state["centres"][bonds]
    for part in ("arm_weights", "mean_length"):
        name = f"mechanism.regression.{part}"
        if name in state:
            own, others = (m.mechanism.regression.neighbours for m in (model, other))
            value = state[name]
            full = value.new_zeros(value.shape[:-1] + (len(atoms),))
            full = full.scatter(-1, own.expand_as(value), value)[..., atoms, :][..., atoms]
            state[name] = full.gather(-1, others.expand_as(value))
    for part, axes in (
        ("mechanism.regression.position_weights", (1, 2)), ("mechanism.scale", (0,)),
        ("network.invariants.size", (1,)),
    ):  # fmt: skip
        for axis in axes:
            if part in state:
                state[part] = state[part].index_select(axis, atoms)
    return state


def test_batch_equals_loop(model, molecule):
    frames = random_walk(molecule, 2 * 3 * model.history)
    windows = frames.reshape(2, 3, model.history, molecule.n_atoms, 3)
    predicted = model(windows)
    assert predicted.shape == (2, 3, 1, molecule.n_atoms, 3)
    each = torch.stack([model(w) for w in windows.flatten(0, 1)])
    assert_near(predicted.flatten(0, 1), each)


def test_single_precision(model, window):
    expected = model(window)
    error = (model.float()(window.float()).double() - expected).abs().max()
    assert error < 2e-4  # Å


def test_saved_and_loaded(name, molecule, window, tmp_path):
    model = perturbed(molecule, name)
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.spec == model.spec
    assert type(loaded) is type(model)
    # PyTorch may multiply in another order where gradients are wanted
    model.requires_grad_(False)
    assert torch.equal(loaded(window.float()), model(window.float()))
    assert loaded.source == (tmp_path / "model.safetensors").resolve()
    assert len(loaded.sha256) == 64


def test_lengths_and_angles_of_the_base_are_kept(model, molecule, window):
    """In the base's own precision, however the network computes."""
    base = window[-1]
    frame, rotations = model.float().jump(window.float(), base)
    assert frame.dtype == rotations.dtype == torch.float64
    eye = torch.eye(3, dtype=torch.float64)
    assert_near(rotations @ rotations.transpose(-1, -2), eye.expand_as(rotations), 1e-12)
    if model.kinematics == "articulated":
        fragments = model.context.body.fragment_of_atom
        kept = (fragments[:, None] == fragments[None]) | (hops_of_all(model) <= 2)
        same_molecule = model.context.body.molecule_of_atom
        kept &= same_molecule[:, None] == same_molecule[None]
        before, after = torch.cdist(base, base)[kept], torch.cdist(frame, frame)[kept]
        assert_near(after, before, 1e-11)
    elif model.kinematics == "sticks":
        first, second = model.context.sticks.ends.T
        lengths = [(x[first] - x[second]).norm(dim=-1) for x in (base, frame)]
        assert_near(lengths[1], lengths[0], 1e-12)
        apart = (base[first] - base[second]).unsqueeze(-1)
        turned = (rotations[first] @ apart).squeeze(-1)
        assert_near(turned, frame[first] - frame[second], 1e-12)
        isolated = torch.ones(len(base), dtype=torch.bool)
        isolated[model.context.sticks.ends] = False
        assert_near(rotations[isolated], eye.expand_as(rotations[isolated]), 0)
    else:
        first, second = to_hydrogen(molecule).T
        lengths = [(x[first] - x[second]).norm(dim=-1) for x in (base, frame)]
        kept = model.kinematics == "elastic"
        assert ((lengths[1] - lengths[0]).abs().max() < 1e-12) == kept
        if not hasattr(model, "rigid_motion") or not model.superposed:
            assert_near(rotations, eye.expand_as(rotations), 0)


class Jump(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, window, base):
        return self.model.jump(window, base)


class Watched(TorchDispatchMode):
    """Notes operations for which the host waits for the device, or whose shapes depend on values.

    Neither can be captured into a CUDA graph. Singular values are not among them: on GPUs rotations
    are found without.
    """

    WAITING = (
        "_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "_linalg_eigh",
        "_linalg_check_errors",
    )  # fmt: skip

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation.overloadpacket.__name__
        picked = args[1] if name in ("index", "index_put") else ()
        if name in self.WAITING or any(i is not None and i.dtype == torch.bool for i in picked):
            self.found.add(name)
        return operation(*args, **(kwargs or {}))


def test_nothing_is_read_back_by_the_host(model, window):
    with torch.no_grad(), Watched() as watched:
        model.jumps(window, window[-1], torch.zeros(model.n_noise, dtype=window.dtype))
    assert not watched.found


def test_traced(model, molecule, window):
    jump = Jump(model.float().requires_grad_(False))
    other = random_walk(molecule, model.history, seed=5)
    with torch.no_grad():
        traced = torch.jit.trace(jump, (window.float(), window[-1]), check_trace=False)
        frame, rotations = traced(other.float(), other[-1])
        expected = jump(other.float(), other[-1])
    assert_near(frame, expected[0], 1e-5)
    assert_near(rotations, expected[1], 1e-5)


@pytest.mark.parametrize("kind", ["moving", "at rest", "planar torsions"])
def test_gradients_are_finite(name, kind):
    molecule = alkane(5)
    model = perturbed(molecule, name)
    window = random_walk(molecule, model.history)
    if kind == "at rest":
        window = window[-1:].expand(model.history, -1, -1)
    if kind == "planar torsions":
        window[..., 2] = 0
    window = window.float().clone().requires_grad_()
    model(window).square().sum().backward()
    assert torch.isfinite(window.grad).all()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


def test_deterministic(model, window):
    assert torch.equal(model(window), model(window))
    proposal = model.propose(window, torch.Generator().manual_seed(0))
    assert proposal.velocities is None
    if model.has_density:
        again = model.propose(window, torch.Generator().manual_seed(0))
        other = model.propose(window, torch.Generator().manual_seed(1))
        assert torch.equal(proposal.frames, again.frames)
        assert not torch.equal(proposal.frames, other.frames)
        assert torch.isfinite(proposal.log_density)
    else:
        assert torch.equal(proposal.frames, model(window))
        assert proposal.log_density is None


def test_several_frames(name, molecule, window):
    """A roll-out, each jump from a window that ends with the one before; or all at once."""
    one = perturbed(molecule, name).double()
    three = perturbed(molecule, name, horizon=3).double()
    frames, rotations = three.jumps(window, window[-1])
    assert frames.shape == (3, molecule.n_atoms, 3)
    assert rotations.shape == (3, molecule.n_atoms, 3, 3)
    assert_near(frames, three(window), 0)
    first = three.jump(window, window[-1])
    assert_near(first[0], frames[0], 0)
    assert_near(first[1], rotations[0], 0)
    if three.at_once:
        assert (frames[1:] - frames[:-1]).abs().amax((1, 2)).min() > 1e-3
        return
    for frame in frames:
        assert_near(frame, one(window)[0])
        window = torch.cat([window[1:], frame[None]])
