"""Replicas of plain dynamics that were stopped."""

import numpy as np
import openmm
import pytest

from openmm_stegmn.data import _unfinished, simulate_replica
from openmm_stegmn.systems import build_system

DYNAMICS = {
    "time_step": 0.002, "temperature": 300.0, "friction": 1.0, "platform": "Reference",
    "equilibration": 0.05,
}  # fmt: skip


@pytest.fixture(scope="module")
def molecule():
    return build_system()


def replica(molecule, n_frames=8, seed=3, steps=5, shift=0.0, **options):
    xml, start = openmm.XmlSerializer.serialize(molecule.system), molecule.positions + shift
    return simulate_replica(xml, start, n_frames, steps, seed, **DYNAMICS | options)[0]


@pytest.fixture
def stopped(molecule, tmp_path, monkeypatch):
    """File of a replica that was killed after its fourth frame."""
    monkeypatch.setattr(_unfinished, "_EVERY", 0.0)
    path, write, written = tmp_path / "replica.unfinished.npz", _unfinished.write_archive, []

    def killed(*args):
        write(*args)
        written.append(1)
        if len(written) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(_unfinished, "write_archive", killed)
    with pytest.raises(KeyboardInterrupt):
        replica(molecule, unfinished=path)
    monkeypatch.setattr(_unfinished, "write_archive", write)
    return path


def test_goes_on_where_it_was_stopped(molecule, stopped, monkeypatch):
    monkeypatch.setattr(openmm.LocalEnergyMinimizer, "minimize", None)
    found = replica(molecule, unfinished=stopped)
    monkeypatch.undo()
    np.testing.assert_array_equal(found, replica(molecule))
    assert not stopped.exists()


@pytest.mark.parametrize(
    "changes", [{"seed": 4}, {"steps": 6}, {"equilibration": 0.06}, {"shift": 0.1}], ids=str
)
def test_begins_anew_from_what_is_none_of_its_own(molecule, stopped, changes):
    np.testing.assert_array_equal(
        replica(molecule, unfinished=stopped, **changes), replica(molecule, **changes)
    )


def test_begins_anew_from_a_damaged_file(molecule, stopped):
    whole = stopped.read_bytes()
    stopped.write_bytes(whole[: len(whole) // 2])
    np.testing.assert_array_equal(replica(molecule, unfinished=stopped), replica(molecule))


def test_begins_anew_from_a_state_that_openmm_refuses(molecule, stopped):
    """As that of a GPU with another precision."""
    with np.load(stopped) as stored:
        arrays = dict(stored) | {"checkpoint": np.zeros(100, np.uint8)}
    np.savez(stopped, **arrays)
    np.testing.assert_array_equal(replica(molecule, unfinished=stopped), replica(molecule))


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_seed_zero_is_a_seed(molecule, platform):
    """OpenMM draws one in its place."""
    zero, again, one = (replica(molecule, 2, seed, platform=platform) for seed in (0, 0, 1))
    np.testing.assert_array_equal(zero, again)
    assert not np.allclose(zero, one)


def test_keeps_no_velocities(molecule, tmp_path):
    with pytest.raises(ValueError, match="keeps no velocities"):
        replica(molecule, unfinished=tmp_path / "replica.npz", velocities_every=2)
