"""Jumps whose consequences are known."""

import numpy as np
import openmm
import pytest
from openmm import app
from synthetic import chain_positions, hybrid_frames, universe_of

from openmm_stegmn.analysis import OUTSIDE, WITHIN, HybridFrames, JumpAudit, read_state_log
from openmm_stegmn.analysis._energies import PotentialEnergy
from openmm_stegmn.analysis._jump_tables import acceptance_table, relaxation_table
from openmm_stegmn.units import GAS_CONSTANT

MASSES = np.array([12.0, 12.0, 1.0, 16.0])
NAMES = ("C1", "C2", "H3", "O4")
TEMPERATURE = 300.0


@pytest.fixture
def system():
    made = openmm.System()
    for mass in MASSES:
        made.addParticle(mass)
    made.addConstraint(1, 2, 0.15)
    return made


def audited(system, frames, heat=None, seed=0, run=None, **options):
    """Velocities of Maxwell and Boltzmann without any along the constraint; `heat` scales those of
    each atom and frame."""
    rng = np.random.default_rng(seed)
    n_frames = len(frames)
    positions = chain_positions(rng.uniform(-3, 3, n_frames))
    # (kJ/mol / Da)^(1/2) is 10 Å/ps
    spread = 10 * np.sqrt(GAS_CONSTANT * TEMPERATURE / MASSES)[:, None]
    velocities = spread * rng.normal(size=(n_frames, 4, 3))
    axis = positions[:, 1] - positions[:, 2]
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    along = ((velocities[:, 1] - velocities[:, 2]) * axis).sum(1, keepdims=True) * axis
    reduced = 1 / (1 / MASSES[1] + 1 / MASSES[2])
    velocities[:, 1] -= reduced / MASSES[1] * along
    velocities[:, 2] += reduced / MASSES[2] * along
    if heat is not None:
        velocities *= np.sqrt(heat)[..., None]
    universe = universe_of(positions, NAMES, velocities=velocities.astype(np.float32))
    options = {"centre_at_rest": False, "frames": frames} | options
    return JumpAudit(universe.atoms, system, **options).run(**run or {})


def rows(audit, kind="element"):
    return {row["name"]: row for row in audit.results.temperatures[kind]}


def test_equipartition_with_a_constraint(system):
    audit = audited(system, hybrid_frames(800, 8))
    found = rows(audit)
    assert found["H"]["degrees"] == pytest.approx(3 - 12 / 13)
    assert found["C"]["degrees"] == pytest.approx(6 - 1 / 13)
    assert sum(row["degrees"] for row in found.values()) == pytest.approx(11)
    for row in found.values():
        assert row["late"] == pytest.approx(TEMPERATURE, rel=0.03)
        assert row["after_jump"] == pytest.approx(TEMPERATURE, rel=0.03)
        assert row["verdict"] == WITHIN
    assert np.nanmean(audit.results.temperature) == pytest.approx(TEMPERATURE, rel=0.01)
    assert list(rows(audit, "residue")) == ["MOL 1"]


def test_heat_after_jumps_is_found_where_it_is(system):
    """Oxygens 10 % too hot in the first half of the legs."""
    frames = hybrid_frames(800, 8)
    heat = np.ones((len(frames), 4))
    heat[(frames.since_jump >= 1) & (frames.since_jump <= 4), 3] = 1.1
    found = rows(audited(system, frames, heat))
    assert [name for name, row in found.items() if row["verdict"] == OUTSIDE] == ["O"]
    assert found["O"]["difference"] == pytest.approx(30, abs=12)
    assert abs(found["O"]["difference"] - 30) < 4 * found["O"]["error"]


def test_against_plain_dynamics(system):
    """All frames of the hybrid run 8 % too hot: seen only beside plain dynamics."""
    frames = hybrid_frames(400, 8)
    plain = HybridFrames.from_arrays(np.arange(4000.0), np.zeros(4000, int))
    reference = audited(system, plain, seed=1)
    heat = np.full((len(frames), 4), 1.08)
    assert {row["verdict"] for row in rows(audited(system, frames, heat)).values()} == {WITHIN}
    options = {"reference": reference._atoms, "reference_frames": plain}
    found = rows(audited(system, frames, heat, **options))
    assert found["C"]["verdict"] == OUTSIDE
    assert found["C"]["reference"] == pytest.approx(TEMPERATURE, rel=0.02)
    cool = rows(audited(system, frames, seed=2, **options))
    assert {row["verdict"] for row in cool.values()} == {WITHIN}


def test_parallel_equals_serial(system):
    frames = hybrid_frames(60, 8)
    serial = audited(system, frames).results
    parallel = audited(system, frames, run={"backend": "multiprocessing", "n_workers": 3}).results
    np.testing.assert_array_equal(parallel.displacement, serial.displacement)
    np.testing.assert_array_equal(parallel.temperature, serial.temperature)
    for kind in ("element", "residue"):
        for own, other in zip(parallel.temperatures[kind], serial.temperatures[kind], strict=True):
            assert own == pytest.approx(other, nan_ok=True)


def test_displacements(system):
    """Turned as a whole nothing moves; replicas do not follow each other."""
    positions = chain_positions(np.zeros(4))
    positions[1] = positions[1] @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    away = positions[2] - positions[2].mean(0)
    positions[2] += 0.1 * away
    expected = 0.1 * np.sqrt((away**2).sum(1).mean())
    frames = HybridFrames.from_arrays([0, 1, 2, 0], [0, 1, 0, 0])
    found = JumpAudit(universe_of(positions, NAMES).atoms, frames=frames).run().results
    assert np.isnan(found.displacement[[0, 3]]).all()
    np.testing.assert_allclose(found.displacement[1], 0, atol=1e-3)
    assert found.displacement[2] == pytest.approx(expected, rel=1e-3)
    assert np.isnan(found.temperature).all() and found.temperatures == {}


def test_jumps_are_counted():
    n_frames = 50
    origin = np.tile([0, 0, 0, 1, 2], 10)
    change = np.where(origin == 1, 5.0, np.where(origin == 2, np.inf, np.nan))
    frames = HybridFrames.from_arrays(
        np.arange(n_frames), origin, energy_change=change,
        constraint_error=np.where(origin == 1, 1e-7, 1e-6),
    )  # fmt: skip
    universe = universe_of(chain_positions(np.zeros(n_frames)), NAMES)
    found = JumpAudit(universe.atoms, frames=frames).run().results
    assert (found.attempted, found.accepted) == (20, 10)
    assert found.energy_change[:2].tolist() == [5.0, np.inf]
    assert found.constraint_error == {"physical": 1e-6, "jumped": 1e-7}
    assert found.acceptance["attempted"].sum() == 20
    assert np.isnan(found.potential_energy).all() and found.relaxed_after is None


def test_acceptance_over_time():
    rng = np.random.default_rng(0)
    times = np.arange(4000.0)
    found = acceptance_table(times, rng.random(4000) < np.where(times < 2000, 0.8, 0.3))
    assert len(found["time"]) == 20
    away = (found["share"] - np.repeat([0.8, 0.3], 10)) / found["error"]
    assert abs(away).max() < 4 and 0.5 < away.std() < 1.5
    all_kept = acceptance_table(times[:100], np.ones(100, bool))
    assert (all_kept["share"] == 1).all() and (all_kept["error"] > 0).all()
    assert len(acceptance_table(times[:3], np.ones(3, bool))["time"]) == 0


def test_relaxation_takes_the_known_number_of_frames():
    """20 kJ/mol too much, halved each frame: after five it is less than the noise."""
    frames = hybrid_frames(400, 12)
    since, rng = frames.since_jump, np.random.default_rng(1)
    energies = 100 + 20 * 0.5**since + 8 * rng.normal(size=len(frames))
    blocks = np.arange(len(frames)) * 64 // len(frames)
    table, after = relaxation_table(energies, since, blocks, 0.5)
    assert table[0]["energy"] == pytest.approx(20, abs=2)
    assert table[1]["energy"] == pytest.approx(10, abs=2)
    assert [row["time"] for row in table[:3]] == [0, 0.5, 1.0]
    assert 4 <= after <= 7
    assert relaxation_table(np.full(5, np.nan), np.arange(5), np.zeros(5, int), 1.0) == ([], None)


@pytest.fixture
def log(tmp_path):
    """What OpenMM's own reporter writes of plain dynamics, and the frames beside it."""
    from openmm_stegmn.systems import build_system

    molecule = build_system()
    simulation = app.Simulation(
        molecule.topology, molecule.system, openmm.LangevinMiddleIntegrator(300, 1, 0.002),
        openmm.Platform.getPlatformByName("Reference"),
    )  # fmt: skip
    simulation.context.setPositions(molecule.positions)
    columns = {"step": True, "time": True, "potentialEnergy": True, "temperature": True}
    path = tmp_path / "log.csv"
    simulation.reporters += [
        app.StateDataReporter(str(path), 10, **columns),
        app.XTCReporter(str(tmp_path / "plain.xtc"), 20),
    ]
    simulation.step(200)
    return path, tmp_path / "plain.xtc", molecule


def test_a_log_beside_xtc(log):
    import MDAnalysis

    from openmm_stegmn.systems import packaged_structure

    path, xtc, molecule = log
    found = read_state_log(path)
    assert found["step"].tolist() == list(range(10, 201, 10))
    universe = MDAnalysis.Universe(str(packaged_structure("alanine-dipeptide")), str(xtc))
    audit = JumpAudit(universe.atoms, log=found).run().results
    np.testing.assert_array_equal(audit.potential_energy, found["potential_energy"][1::2])
    assert audit.attempted == 0
    # coordinates of XTC are too coarse for energies of bonds: only about
    computed = JumpAudit(universe.atoms, molecule.system).run().results
    assert np.corrcoef(computed.potential_energy, audit.potential_energy)[0, 1] > 0.9


def test_bad_logs(tmp_path, log):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="begins with 'a,b': expected a log of StateDataReporter"):
        read_state_log(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_state_log(tmp_path / "none.csv")
    universe = universe_of(chain_positions(np.zeros(3)), NAMES)
    frames = HybridFrames.from_arrays([0, 1, 2], [0, 0, 0])
    with pytest.raises(ValueError, match="no potential energy"):
        JumpAudit(universe.atoms, log={"time": np.zeros(3)}, frames=frames)
    late = {"time": np.arange(3) + 100.0, "potential_energy": np.zeros(3)}
    with pytest.raises(ValueError, match="100 to 102 ps, the frames are of 0 to 2 ps"):
        JumpAudit(universe.atoms, log=late, frames=frames)


def test_a_reference_without_velocities_is_refused(system):
    frames = hybrid_frames(20, 4)
    reference = universe_of(chain_positions(np.zeros(9)), NAMES)
    with pytest.raises(ValueError, match="reference has no velocities"):
        audited(system, frames, reference=reference.atoms)


def test_energies_of_frames_in_a_skewed_box():
    """MDAnalysis keeps lengths and angles of the box; OpenMM wants vectors in its own form."""
    rng = np.random.default_rng(3)
    system = openmm.System()
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.PME)
    force.setCutoffDistance(0.8)
    for charge in (1, -1, 1, -1):
        system.addParticle(12.0)
        force.addParticle(charge, 0.2, 0.1)
    system.addForce(force)
    edge = 2.0
    vectors = edge * np.array([[1, 0, 0], [1 / 3, 2 * 2**0.5 / 3, 0], [-1 / 3, 2**0.5 / 3, 0]])
    vectors[2, 2] = edge * 6**0.5 / 3  # truncated octahedron
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPeriodicBoxVectors(*vectors)
    positions = chain_positions(rng.uniform(-3, 3, 3))
    universe = universe_of(positions, NAMES)
    found, expected = [], []
    energy = PotentialEnergy(system)
    for ts in universe.trajectory:
        lengths = 10 * np.linalg.norm(vectors, axis=1)
        cosines = [vectors[1] @ vectors[2], vectors[0] @ vectors[2], vectors[0] @ vectors[1]]
        angles = np.rad2deg(np.arccos(np.array(cosines) / edge**2))
        universe.dimensions = [*lengths, *angles]
        found.append(energy(universe.atoms.positions, ts.triclinic_dimensions))
        context.setPositions(universe.atoms.positions.astype(float) / 10)
        expected.append(context.getState(energy=True).getPotentialEnergy()._value)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
