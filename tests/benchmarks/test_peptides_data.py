"""Trajectories of peptides: made once, gone on with, refused where they are others."""

import json

import numpy as np
import openmm
import pytest
import torch

from openmm_stegmn.benchmarks import (
    PEPTIDES,
    PeptideDynamics,
    peptide_system,
    peptide_trajectories,
)
from openmm_stegmn.benchmarks._peptides_dynamics import repeat_dynamics
from openmm_stegmn.data import simulate_replica

ALANINE = "alanine-dipeptide"
TINY = {"replicas": 3, "length": 3, "equilibration": 0.5, "states": 2, "repeats": 2}
TIMES = (0.2, 0.1)


def make(folder, times=TIMES, processes=1, platform=None, **changes):
    dynamics = PeptideDynamics(**TINY | changes)
    return peptide_trajectories(
        folder, ALANINE, times, dynamics, processes=processes, platform=platform
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return folder, make(folder)


@pytest.mark.parametrize("name", PEPTIDES)
def test_packaged_structures(name):
    molecule = peptide_system(name)
    residues = [residue.name for residue in molecule.topology.residues()]
    expected = {
        "alanine-dipeptide": ["ACE", "ALA", "NME"],
        "chignolin": "GLY TYR ASP PRO GLU THR GLY THR TRP GLY".split(),
    }
    assert residues == expected[name]
    assert molecule.n_atoms == {"alanine-dipeptide": 22, "chignolin": 138}[name]
    # Left-handed amino acids all, and no cis peptide bond.
    for residue in molecule.topology.residues():
        atoms = {atom.name: molecule.positions[atom.index] for atom in residue.atoms()}
        if "CB" in atoms:
            n, c, cb = (atoms[each] - atoms["CA"] for each in ("N", "C", "CB"))
            assert np.dot(np.cross(n, c), cb) > 0
    for first, second in zip(
        *(list(molecule.topology.residues())[k:] for k in (0, 1)), strict=False
    ):
        before = {atom.name: molecule.positions[atom.index] for atom in first.atoms()}
        after = {atom.name: molecule.positions[atom.index] for atom in second.atoms()}
        ends = [before[n] for n in ("CA", "CH3") if n in before]
        ends += [after[n] for n in ("CA", "C", "CH3") if n in after][:1]
        assert np.linalg.norm(ends[0] - ends[1]) > 0.34  # nm; cis are 0.3 apart
    context = openmm.Context(
        molecule.system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference")
    )
    context.setPositions(molecule.positions)
    # At a minimum, but for the digits of the file.
    before = context.getState(energy=True).getPotentialEnergy()._value
    openmm.LocalEnergyMinimizer.minimize(context)
    after = context.getState(energy=True).getPotentialEnergy()._value
    assert before - after < 5 + 0.2 * molecule.n_atoms


def test_shapes_and_split(made):
    _, found = made
    assert {part: len(frames) for part, frames in found.frames.items()} == {
        "test": 1, "validation": 1, "training": 1,
    }  # fmt: skip
    assert all(f.shape == (30, 22, 3) for frames in found.frames.values() for f in frames)
    assert set(found.repeats) == {0.1, 0.2}
    assert all(each.shape == (2, 2, 22, 3) for each in found.repeats.values())
    # States are frames of the test replica.
    test = found.frames["test"][0]
    assert torch.equal(found.starts, test[[0, 20]])
    assert not torch.equal(found.repeats[0.1][0, 0], found.repeats[0.1][0, 1])


@pytest.mark.parametrize(
    ("replicas", "sizes"), [(3, (1, 1, 1)), (16, (3, 1, 12)), (32, (6, 3, 23))]
)
def test_replicas_are_dealt_once(replicas, sizes):
    split = PeptideDynamics(replicas=replicas).split
    assert tuple(len(split[part]) for part in ("test", "validation", "training")) == sizes
    assert sorted(n for numbers in split.values() for n in numbers) == list(range(replicas))


def test_goes_on_where_it_was(made):
    """Files that are there stay, the others are made again, the same in another process."""
    folder, first = made
    paths = sorted((folder / ALANINE).iterdir())
    assert [path.name for path in paths] == [
        "repeats-000.npz", "repeats-001.npz", "replica-000.npz", "replica-001.npz",
        "replica-002.npz",
    ]  # fmt: skip
    times = {path: path.stat().st_mtime_ns for path in paths}
    paths[3].unlink()
    half = folder / ALANINE / "replica-001.npz.0a1b2c3d.part"
    half.write_bytes(b"half a fi")
    make(folder, processes=2)
    paths[0].unlink()
    second = make(folder)
    for part, frames in first.frames.items():
        assert torch.equal(frames[0], second.frames[part][0]), part
    assert torch.equal(first.repeats[0.2], second.repeats[0.2])
    made_again = [path for path in paths if path.stat().st_mtime_ns != times[path]]
    assert made_again == [paths[0], paths[3]]
    assert sorted((folder / ALANINE).iterdir()) == sorted([*paths, half])
    half.unlink()


def test_some_of_the_times(made):
    folder, first = made
    found = make(folder, times=(0.2,))
    assert torch.equal(found.repeats[0.2], first.repeats[0.2])
    with pytest.raises(ValueError, match=r"repeats after 0.1, 0.2 ps and none after 0.5 ps"):
        make(folder, times=(0.5,))


def test_frames_made_elsewhere_are_others(made, tmp_path):
    _, found = made
    assert make(tmp_path / "again").metadata == found.metadata
    # another platform draws another noise
    other = make(tmp_path / "other", platform="CPU").metadata
    assert {name for name in other if other[name] != found.metadata[name]} == {"sha256"}


def test_says_how_it_was_made(made):
    folder, _ = made
    with np.load(folder / ALANINE / "replica-001.npz") as stored:
        about = json.loads(str(stored["metadata"]))
    assert about["settings"]["seed"] == 2
    assert about["settings"]["force_field"] == ["amber14-all.xml", "obc2_native.xml"]
    assert about["platform"] == "Reference"
    assert set(about["versions"]) == {"openmm", "openmm-stegmn"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 310.0}, r"replica-000.npz .* temperature 300.0 \(now 310.0\)"),
        ({"length": 2}, r"length 3 \(now 2\)"),
        ({"repeats": 3}, r"repeats-000.npz .* repeats 2 \(now 3\)"),
    ],
)
def test_other_settings(made, changes, message):
    with pytest.raises(ValueError, match=message):
        make(made[0], **changes)


def test_unreadable(made, tmp_path):
    (tmp_path / ALANINE).mkdir()
    (tmp_path / ALANINE / "replica-000.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"replica-000.npz cannot be read: .*; remove it"):
        make(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replicas": 2}, "replicas must be at least 3, got 2"),
        ({"states": 1}, "states must be at least 2"),
        ({"repeats": 1}, "repeats must be at least 2"),
        ({"length": 0.0}, "length must be positive, got 0.0 ps"),
        ({"equilibration": -1.0}, "equilibration must not be negative"),
        ({"frame_interval": 0.0015}, "no multiple of the time step"),
        ({"state_interval": 0.15}, "states every 0.15 ps .* 0.1 ps"),
    ],
)
def test_settings_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        PeptideDynamics(**options)


def test_too_few_states(tmp_path):
    with pytest.raises(ValueError, match="have 3 states, 1 ps apart, and 9 are asked for"):
        make(tmp_path, states=9)
    assert list(tmp_path.iterdir()) == []


def test_unknown_platform(tmp_path):
    with pytest.raises(ValueError, match="platform 'Abacus' is not installed"):
        peptide_trajectories(tmp_path, ALANINE, TIMES, PeptideDynamics(**TINY), platform="Abacus")


def test_repeats_go_on_from_velocities_that_were_kept():
    """Without noise, repeats of a state are what followed it."""
    molecule = peptide_system(ALANINE)
    xml = openmm.XmlSerializer.serialize(molecule.system)
    options = {
        "time_step": 0.002, "temperature": 300.0, "friction": 0.0, "platform": "Reference"
    }  # fmt: skip
    frames, velocities = simulate_replica(
        xml, molecule.positions, 5, 10, 1, equilibration=0.2, velocities_every=2, **options
    )
    assert velocities.shape == (3, 22, 3)
    again = repeat_dynamics(xml, frames[2], velocities[1], 2, [0.02, 0.04], 9, **options)
    assert np.abs(again - frames[3:5]).max() < 1e-4
    assert np.abs(frames[3] - frames[2]).max() > 0.05
