"""Jumps of a part of a system, and in a periodic box."""

import numpy as np
import openmm
import pytest
import torch
from alanine import LAST_RESIDUE, STEPS_PER_FRAME, arrays, langevin, peptide, spec_for
from openmm import app, unit
from platforms import CHOSEN
from solvated import N_SOLUTE, SIDE, solute_model, solvated, solvated_simulation

from openmm_stegmn.data import WindowBlocks
from openmm_stegmn.models import build_model
from openmm_stegmn.simulation import IncompatibleModelError, STEGMNPropagator
from openmm_stegmn.simulation._bridge import PHASE_CHECK
from openmm_stegmn.simulation._embedding import Embedding, select_atoms
from openmm_stegmn.simulation._jump_bridge import PHASE_FRAME, PHASE_JUMP
from openmm_stegmn.simulation._make_bridge import eager_bridge, scripted_bridge

TO_JUMP = 4 * STEPS_PER_FRAME


def box(triclinic=False):
    side = torch.diag(torch.tensor([SIDE, SIDE, SIDE], dtype=torch.float64))
    if triclinic:
        side[1, 0], side[2, 0], side[2, 1] = 0.4 * SIDE, -0.3 * SIDE, 0.2 * SIDE
    return side


def test_only_the_solute_moves(backend):
    made = solvated_simulation(known={"shift": 0.5}, backend=backend, velocities="keep")
    made.step(TO_JUMP)
    before, _ = arrays(made)
    made.step(1)
    assert made.integrator.statistics.accepted == 1
    moved = arrays(made)[0] - before
    expected = np.zeros_like(moved)
    expected[LAST_RESIDUE, 0] = 0.05
    # all are polished to their constraints first
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    made.step(TO_JUMP + 1)
    assert made.integrator.statistics.attempted == 2


def test_python_is_shown_the_solute_alone():
    made = solvated_simulation(backend="python")
    (force,) = (f for f in made.system.getForces() if isinstance(f, openmm.PythonForce))
    assert list(force.getParticles()) == list(range(N_SOLUTE))


def test_rejected_jump_leaves_all_where_it_was(backend):
    made = solvated_simulation(
        known={"shift": 3.0}, backend=backend, guard="energy", energy_threshold=1.0
    )
    made.step(TO_JUMP)
    before = arrays(made)
    made.step(1)
    assert made.integrator.statistics.rejected_energy == 1
    for one, other in zip(before, arrays(made), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("shape", ["cube", "dodecahedron"])
def test_across_the_faces_of_the_box(shape):
    """The same run from the other images of some molecules, the solute's among them."""
    runs = []
    for shifted in (False, True):
        made = solvated_simulation(shape=shape, velocities="keep", usual="Reference")
        if shifted:
            positions, _ = arrays(made)
            vectors = made.system.getDefaultPeriodicBoxVectors()
            vectors = np.array([list(v.value_in_unit(unit.nanometer)) for v in vectors])
            positions = positions.copy()
            positions[:N_SOLUTE] += 2 * vectors[0] - vectors[1] + vectors[2]
            positions[N_SOLUTE : N_SOLUTE + 3] -= vectors[2]
            made.context.setPositions(positions)
        made.step(TO_JUMP + 1 + STEPS_PER_FRAME)
        assert made.integrator.statistics.accepted == 1
        positions, _ = arrays(made)
        runs.append(positions[:N_SOLUTE] - positions[0])
    np.testing.assert_allclose(*runs, atol=1e-4)


@pytest.mark.parametrize("triclinic", [False, True])
@pytest.mark.parametrize("scripted", [False, True])
def test_window_whose_molecules_change_images(triclinic, scripted):
    """Two molecules, each shown in any image in any frame: the jump is that of the window whose
    molecules stay in theirs."""
    model, frames = pair_of_peptides()
    n_atoms = model.spec.n_atoms
    embedding = Embedding(tuple(range(3, 3 + n_atoms)), n_atoms + 5, True, (), ())
    make = scripted_bridge if scripted else eager_bridge
    vectors, random = box(triclinic), np.random.default_rng(0)
    answers = []
    for shifts in (None, random):
        bridge = make(model, embedding)
        phases = [PHASE_FRAME] * len(frames) + [PHASE_JUMP]
        for phase, frame in zip(phases, [*frames, frames[-1]], strict=True):
            shown = torch.zeros(n_atoms + 5, 3, dtype=torch.float64)
            shown[3:-2] = frame
            if shifts is not None:
                for molecule in (slice(3, 3 + N_SOLUTE), slice(3 + N_SOLUTE, 3 + n_atoms)):
                    images = torch.from_numpy(shifts.integers(-2, 3, 3).astype(float))
                    shown[molecule] += images @ vectors
            unusable, change = bridge(shown, vectors, torch.tensor(float(phase)))
        assert unusable == 0
        assert not change[:3].any() and not change[-2:].any()
        assert change.abs().max() > 1e-4
        answers.append(change)
    torch.testing.assert_close(*answers, rtol=0, atol=1e-6)
    _, change = bridge(shown, vectors, torch.tensor(float(PHASE_CHECK)))
    assert not change.any()


@pytest.mark.parametrize("triclinic", [False, True])
@pytest.mark.parametrize("breathing", [-0.01, 0.01])
def test_window_in_a_box_that_breathes(triclinic, breathing):
    """Two molecules, one of which crosses a face while a barostat scales the box by 1 %, more than
    it does within a window. OpenMM wraps frames by the box of their time, of which the bridge knows
    the last alone: images are still the right ones, molecules keep their shape and the jump is the
    same. What is off is where a molecule was, by what the box has changed since it crossed."""
    model, frames = pair_of_peptides()
    n_atoms, first, second = model.spec.n_atoms, slice(0, N_SOLUTE), slice(N_SOLUTE, None)
    embedding = Embedding(tuple(range(n_atoms)), n_atoms, True, (), ())
    boxes = [box(triclinic) * (1 + scale) for scale in np.linspace(0, breathing, len(frames))]
    # Where the second molecule is, as a share of the box: it comes in through the face at zero.
    shares = np.linspace(-0.1, 0.06, len(frames))
    answers, windows = [], []
    for wrapped in (False, True):
        bridge = eager_bridge(model, embedding)
        for frame, vectors, share in zip(frames, boxes, shares, strict=True):
            shown = frame - frame[second].mean(0)
            shown[first] += 0.1 * vectors[2]
            shown[second] += (share + (wrapped and share < 0)) * vectors[2]
            bridge(shown, boxes[-1], torch.tensor(float(PHASE_FRAME)))
        unusable, change = bridge(shown, boxes[-1], torch.tensor(float(PHASE_JUMP)))
        assert unusable == 0 and change.abs().max() > 1e-4
        answers.append(change)
        windows.append(bridge.followed(bridge.bridge.window.frames, boxes[-1]))
    torch.testing.assert_close(*answers, rtol=0, atol=1e-6)
    off = windows[1] - windows[0]
    assert not off[:, first].any()
    torch.testing.assert_close(off[:, second], off[:, -1:].expand(-1, N_SOLUTE, -1))
    for vectors, share, found in zip(boxes, shares, off[:, -1], strict=True):
        expected = (share < 0) * (vectors[2] - boxes[-1][2])
        torch.testing.assert_close(found, expected)
    assert 0 < off.abs().max() <= abs(breathing) * SIDE * 1.0001


def pair_of_peptides():
    """A model of two peptides, and a window of frames near a corner of the box, nm."""
    pdb_topology, _, positions = peptide()
    modeller = app.Modeller(pdb_topology, positions)
    modeller.add(pdb_topology, positions)
    system = app.ForceField("amber14-all.xml").createSystem(
        modeller.topology, constraints=app.HBonds
    )
    spec = spec_for(modeller.topology, system)
    generator = torch.Generator().manual_seed(0)
    one = torch.from_numpy(np.array(positions.value_in_unit(unit.nanometer)))
    frame = torch.cat([one, one + torch.tensor([0.5, 0.3, 0.2])])
    model, frames = build_model(spec), []
    body = model.context.body
    for _ in range(spec.history):
        turns = 0.2 * torch.randn(body.n_bonds, generator=generator, dtype=torch.float64)
        frame, _ = body.move(frame, turns)
        frames.append(frame)
    # so that it matters what came before
    window, target = torch.stack(frames)[None], frames[-1][None] * 1.001
    model.fit(WindowBlocks.of(10 * window.float(), 10 * target.float()))
    with torch.no_grad():
        for p in [*model.buffers(), *model.parameters()]:
            if p.is_floating_point() and p.dim() == 1 and len(p) == spec.history - 1:
                p.copy_(0.1 * torch.randn(p.shape, generator=generator))
    return model, frames


def test_restart_in_a_box(backend, tmp_path):
    first = solvated_simulation(backend=backend, usual="Reference")
    first.step(TO_JUMP + 3)
    first.saveCheckpoint(str(tmp_path / "point"))
    first.step(TO_JUMP + 5)
    second = solvated_simulation(backend=backend, usual="Reference")
    second.loadCheckpoint(str(tmp_path / "point"))
    second.step(TO_JUMP + 5)
    assert second.integrator.statistics.attempted == first.integrator.statistics.attempted == 2
    # GPUs add up the forces of a box in any order.
    rounding = 0 if CHOSEN is None else 1e-8
    for one, other in zip(arrays(first), arrays(second), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=rounding)


def barostat(system):
    system.addForce(openmm.MonteCarloBarostat(1.0, 300.0, 5))


def test_pressure_and_virtual_sites():
    """Waters of four sites keep them; the box changes."""
    made = solvated_simulation(water="tip4pew", change=barostat, known={"turn": 0.1})
    start = made.context.getState().getPeriodicBoxVolume()
    made.step(3 * (TO_JUMP + 1))
    assert made.integrator.statistics.accepted == 3
    assert made.context.getState().getPeriodicBoxVolume() != start
    positions, _ = arrays(made)
    made.context.computeVirtualSites()
    np.testing.assert_allclose(arrays(made)[0], positions, atol=1e-6)
    assert made.integrator.constraint_error(positions) < 2e-5


def test_frozen_atoms_elsewhere():
    """A molecule of water that nothing moves."""
    frozen = slice(N_SOLUTE, N_SOLUTE + 3)

    def freeze(system):
        held = range(*frozen.indices(system.getNumParticles()))
        for index in reversed(range(system.getNumConstraints())):
            if system.getConstraintParameters(index)[0] in held:
                system.removeConstraint(index)
        for atom in held:
            system.setParticleMass(atom, 0.0)

    made = solvated_simulation(change=freeze, known={"turn": 0.1})
    before, _ = arrays(made)
    made.step(TO_JUMP + 2)
    assert made.integrator.statistics.accepted == 1
    assert np.array_equal(arrays(made)[0][frozen], before[frozen])


def test_which_atoms():
    topology, _, _ = solvated()
    spec = solute_model().spec
    assert select_atoms(topology, spec).tolist() == list(range(N_SOLUTE))
    alone, _, positions = peptide()
    modeller = app.Modeller(topology, solvated()[2] * unit.nanometer)
    modeller.add(alone, positions)
    last = topology.getNumAtoms()
    with pytest.raises(IncompatibleModelError, match=f"2 molecules .* at atoms 0, {last}: pass"):
        select_atoms(modeller.topology, spec)
    chosen = range(last, last + N_SOLUTE)
    assert select_atoms(modeller.topology, spec, chosen).tolist() == list(chosen)

    class Group:
        indices = np.array(chosen)

    assert select_atoms(modeller.topology, spec, Group()).tolist() == list(chosen)


@pytest.mark.parametrize(
    ("atoms", "match"),
    [
        (range(5), "atoms= has 5 atoms but the model was trained for 22"),
        (range(9_990, 10_012), "atoms= has atom 9990, and the system has"),
        ([*range(21), 20], "atoms= has an atom twice"),
        ([0.5] * 22, "must be whole numbers"),
        (range(22, 44), "Atom 22 has atom name"),
    ],
)
def test_atoms_that_are_not_the_models(atoms, match):
    with pytest.raises(IncompatibleModelError, match=match):
        solvated_simulation(atoms=atoms)


def test_solute_that_something_binds():
    topology, xml, _ = solvated()

    def cut(change, match):
        system = openmm.XmlSerializer.deserialize(xml)
        change(system)
        with pytest.raises(IncompatibleModelError, match=match):
            STEGMNPropagator(system, topology, solute_model(), langevin(), backend="python")

    cut(lambda s: s.addConstraint(0, 30, 0.3), "constraint of atoms 0 and 30 leads out")
    cut(lambda s: s.setParticleMass(4, 0.0), "1 of the atoms that jump have no mass .* atom 4")

    def site(system):
        system.setParticleMass(30, 0.0)
        system.setVirtualSite(30, openmm.TwoParticleAverageSite(0, 1, 0.5, 0.5))

    cut(site, "Particle 30 is a virtual site of atoms that jump")
    bound = app.Modeller(topology, solvated()[2] * unit.nanometer).topology
    atoms = list(bound.atoms())
    bound.addBond(atoms[4], atoms[40])
    with pytest.raises(IncompatibleModelError, match="bond of atoms 4 and 40 leads out"):
        STEGMNPropagator(
            openmm.XmlSerializer.deserialize(xml), bound, solute_model(), langevin()
        )  # fmt: skip
