"""Trajectories of GFN2-xTB: an interrupted one goes on, and nothing is mixed up."""

import json

import numpy as np
import pytest

from openmm_stegmn.data import XtbSettings, _xtb, generate_trajectories, read_md17

pytest.importorskip("tblite")
pytest.importorskip("ase")

SHORT = XtbSettings(steps=60, equilibration=5)


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr(_xtb, "_CHUNK", 20)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_xtb, "_CHUNK", 20)
        return generate_trajectories(tmp_path_factory.mktemp("whole"), ["ethanol"], SHORT)[0]


class Stop(Exception):
    pass


def interrupt(folder, after):
    """Generate until that many frames are reported."""

    def progress(molecule, done, total):
        if done >= after:
            raise Stop

    with pytest.raises(Stop):
        generate_trajectories(folder, ["ethanol"], SHORT, progress=progress)


def test_file_says_what_it_is(whole):
    trajectory = read_md17(whole, "ethanol")
    assert trajectory.label == "GFN2-xTB"
    assert len(trajectory.frames) == 60
    with np.load(whole) as stored:
        assert stored["R"].shape == stored["F"].shape == (60, 9, 3)
        assert stored["E"].shape == (60,)
        metadata = json.loads(str(stored["metadata"]))
    assert metadata["seed"] == 2026 and metadata["accuracy"] == 0.1
    assert set(metadata["versions"]) == {"tblite", "ase"}
    assert [path.name for path in whole.parent.iterdir()] == ["ethanol.npz"]


def test_forces_are_minus_the_gradient_of_the_energy(whole):
    with np.load(whole) as stored:
        frames, forces, energies = (stored[key].astype(float) for key in "RFE")
    # central differences along the path, kcal/mol a step
    moved = (frames[2:] - frames[:-2]) / 2
    work = -(forces[1:-1] * moved).sum((1, 2))
    change = (energies[2:] - energies[:-2]) / 2
    assert np.corrcoef(work, change)[0, 1] > 0.99
    assert np.polyfit(work, change, 1)[0] == pytest.approx(1, abs=0.1)


def test_interrupted_goes_on_as_if_not(whole, tmp_path):
    interrupt(tmp_path, after=20)
    interrupt(tmp_path, after=40)
    assert [path.name for path in tmp_path.iterdir()] == ["ethanol.partial.npz"]
    reports = []
    generate_trajectories(
        tmp_path, ["ethanol"], SHORT, progress=lambda *values: reports.append(values)
    )
    assert reports == [("ethanol", 60, 60)]
    assert [path.name for path in tmp_path.iterdir()] == ["ethanol.npz"]
    with np.load(whole) as expected, np.load(tmp_path / "ethanol.npz") as found:
        # Charges start from another guess: equal up to where they are converged, and no further.
        np.testing.assert_allclose(found["R"], expected["R"], atol=1e-4)
        assert not np.array_equal(found["R"][0], found["R"][-1])


def test_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch):
    interrupt(tmp_path, after=20)
    partial = tmp_path / "ethanol.partial.npz"
    before = partial.read_bytes()

    def half(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(_xtb.np, "savez", half)
    with pytest.raises(KeyboardInterrupt):
        generate_trajectories(tmp_path, ["ethanol"], SHORT)
    assert partial.read_bytes() == before


def test_what_is_there_is_kept(whole):
    before = whole.read_bytes()
    reports = []
    generate_trajectories(
        whole.parent, ["ethanol"], SHORT, progress=lambda *values: reports.append(values)
    )
    assert reports == [] and whole.read_bytes() == before


def test_other_settings_are_refused(whole, tmp_path):
    other = XtbSettings(steps=60, equilibration=5, temperature=300.0)
    with pytest.raises(ValueError, match=r"temperature 500.0 \(now 300.0\)"):
        generate_trajectories(whole.parent, ["ethanol"], other)
    interrupt(tmp_path, after=20)
    with pytest.raises(ValueError, match=r"partial.npz.*temperature 500.0 \(now 300.0\)"):
        generate_trajectories(tmp_path, ["ethanol"], other)


def test_other_files_are_not_overwritten(tmp_path):
    np.savez(tmp_path / "ethanol.npz", R=np.zeros((1, 9, 3)))
    with pytest.raises(ValueError, match="no metadata"):
        generate_trajectories(tmp_path, ["ethanol"], SHORT)
    (tmp_path / "ethanol.npz").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="cannot be read"):
        generate_trajectories(tmp_path, ["ethanol"], SHORT)


# two processes that import everything
@pytest.mark.slow
def test_processes_make_the_same(whole, tmp_path):
    reports = []
    paths = generate_trajectories(
        tmp_path, ["ethanol", "benzene"], SHORT, processes=2,
        progress=lambda *values: reports.append(values),
    )  # fmt: skip
    assert sorted(path.name for path in paths) == ["benzene.npz", "ethanol.npz"]
    assert sorted({molecule for molecule, *_ in reports}) == ["benzene", "ethanol"]
    with np.load(whole) as expected, np.load(tmp_path / "ethanol.npz") as found:
        np.testing.assert_allclose(found["R"], expected["R"], atol=1e-4)


def test_unknown_molecule(tmp_path):
    with pytest.raises(ValueError, match="no molecule named 'water'"):
        generate_trajectories(tmp_path, ["ethanol", "water"], SHORT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["steps", "time_step", "temperature", "friction", "accuracy"])
def test_settings(name):
    for value in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=f"{name} must be positive"):
            XtbSettings(**{name: value})
