"""Trajectories from files and from MDAnalysis: positions, times, boxes, and what is refused."""

import contextlib
import gc
import sys
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
import torch
from molecules import alkane, random_walk
from openmm import app
from trajectory_files import write_trajectory

from openmm_stegmn.data import check_same_interval, frames_of, read_trajectories

MOLECULE = alkane(4, hydrogens=False)
FRAMES = random_walk(MOLECULE, 12).float()


def topology(n_molecules=1, bonds=True):
    result = app.Topology()
    chain = result.addChain()
    for _ in range(n_molecules):
        residue = result.addResidue("MOL", chain)
        atoms = [
            result.addAtom(name, app.Element.getBySymbol(name), residue)
            for name in MOLECULE.elements
        ]
        for first, second in MOLECULE.bonds if bonds else ():
            result.addBond(atoms[first], atoms[second])
    return result


@pytest.mark.parametrize("suffix", ["xtc", "trr", "dcd", "nc"])
def test_formats(tmp_path, suffix):
    path = write_trajectory(tmp_path / f"a.{suffix}", FRAMES, interval=0.3)
    (found,) = read_trajectories([path], topology())
    assert (found.interval, found.source, len(found)) == (0.3, str(path), 12)
    assert found.frames.dtype == torch.float32
    torch.testing.assert_close(found.frames, FRAMES, atol=0.006, rtol=0)  # XTC rounds to 0.01 Å


def test_each_file_is_a_trajectory(tmp_path):
    paths = [
        write_trajectory(tmp_path / "a.trr", FRAMES[:7]),
        write_trajectory(tmp_path / "b.dcd", FRAMES[7:]),
    ]
    found = read_trajectories(paths, topology())
    assert [len(each) for each in found] == [7, 5]
    torch.testing.assert_close(torch.cat([each.frames for each in found]), FRAMES)


def test_a_group_of_atoms(tmp_path):
    path = write_trajectory(tmp_path / "a.trr", FRAMES, interval=0.5)
    universe = mda.Universe.empty(4)
    universe.load_new(str(path))
    found = frames_of(universe.atoms[[3, 1]])
    assert (found.interval, found.source) == (0.5, str(path))
    torch.testing.assert_close(found.frames, FRAMES[:, [3, 1]])


def test_times_that_a_format_lacks_can_be_stated_in_python(tmp_path):
    path = write_trajectory(tmp_path / "a.xyz", FRAMES)
    found = frames_of(mda.Universe(str(path), str(path), dt=0.25).atoms)
    assert found.interval == 0.25
    with pytest.raises(ValueError, match=r"a.xyz does not state the times .* \(XTC, TRR"):
        read_trajectories([path], topology())


def wrapped(frames, box):
    """Frames moving through a periodic box, cut at its sides atom by atom."""
    vectors = mda.lib.mdamath.triclinic_vectors(np.array(box, np.float32)).astype(float)
    moving = frames.numpy() + np.linspace(0, 1, len(frames))[:, None, None] * 3 * vectors.sum(0)
    inside = np.linalg.solve(vectors.T, moving.reshape(-1, 3).T).T
    return moving, ((inside % 1) @ vectors).reshape(moving.shape)


@pytest.mark.parametrize("box", [(9, 9, 9, 90, 90, 90), (9, 9, 9, 70.5, 109.5, 70.5)])
def test_molecules_are_made_whole_and_do_not_jump(tmp_path, box):
    two = torch.cat([FRAMES, FRAMES + 4.0], 1)
    moving, cut = wrapped(two, box)
    assert np.abs(np.diff(cut, axis=0)).max() > 4  # it jumps in the file
    path = write_trajectory(tmp_path / "a.trr", cut, box=box)
    (found,) = read_trajectories([path], topology(2))
    # Each molecule is where it was, up to where its first frame is.
    for atoms in (slice(0, 4), slice(4, 8)):
        offset = found.frames[:, atoms].double() - torch.from_numpy(moving[:, atoms])
        torch.testing.assert_close(offset, offset[:1, :1].expand_as(offset), atol=1e-4, rtol=0)


@pytest.mark.parametrize("suffix", ["xtc", "trr", "dcd", "nc"])
@pytest.mark.parametrize("box", [None, (0,) * 6, (0, 0, 0, 90, 90, 90)])
def test_a_box_of_zeros_is_none(tmp_path, suffix, box):
    path = write_trajectory(tmp_path / f"a.{suffix}", FRAMES, box=box)
    found = read_trajectories([path], topology(bonds=False))[0].frames
    torch.testing.assert_close(found, FRAMES, atol=0.006, rtol=0)


@pytest.mark.parametrize(
    "box",
    [(9, 9, 0, 90, 90, 90), (9, 9, 9, 0, 0, 0), (9, 9, -9, 90, 90, 90), (9, 9, 9, 60, 60, 170)]
    + [(*(9, 9, 9), *[value] * 3) for value in (np.nan, np.inf)]
    + [(np.nan, 9, 9, 90, 90, 90), (np.nan,) * 6],
)
def test_a_box_without_volume_is_refused(tmp_path, box):
    path = write_trajectory(tmp_path / "a.nc", FRAMES, box=box)
    with pytest.raises(ValueError, match=r"a.nc: the box of frame 0 is .*, which has no volume"):
        read_trajectories([path], topology())


@pytest.mark.parametrize("first", [0, 9])
def test_a_box_in_some_frames_alone_is_refused(tmp_path, first):
    universe = mda.Universe.empty(4, trajectory=True)
    with mda.Writer(str(tmp_path / "a.trr"), n_atoms=4) as writer:
        for number, frame in enumerate(FRAMES):
            size = first if number < 3 else 9 - first
            universe.trajectory.ts.dimensions = [size] * 3 + [90] * 3
            universe.trajectory.ts.time, universe.atoms.positions = number, frame
            writer.write(universe.atoms)
    found = "no" if first else "a"
    with pytest.raises(ValueError, match=f"a.trr: frame 3 has {found} box, unlike those before"):
        read_trajectories([tmp_path / "a.trr"], topology())


def test_a_box_without_bonds_is_refused(tmp_path):
    path = write_trajectory(tmp_path / "a.trr", FRAMES, box=(9, 9, 9, 90, 90, 90))
    with pytest.raises(ValueError, match="a.trr has a periodic box, and no bonds .*CONECT"):
        read_trajectories([path], topology(bonds=False))


def test_a_part_of_a_molecule_in_a_box_is_refused(tmp_path):
    box = (9, 9, 9, 90, 90, 90)
    path = write_trajectory(tmp_path / "a.trr", wrapped(FRAMES, box)[1], box=box)
    universe = mda.Universe.empty(4)
    universe.add_TopologyAttr("bonds", MOLECULE.bonds)
    universe.load_new(str(path))
    with pytest.raises(ValueError, match="a.trr has a periodic box, .* cannot be made whole"):
        frames_of(universe.atoms[[0, 1, 3]])


def test_not_finite(tmp_path):
    frames = FRAMES.clone()
    frames[5, 2, 1] = float("nan")
    path = write_trajectory(tmp_path / "a.trr", frames)
    with pytest.raises(ValueError, match="a.trr: frame 5 has a coordinate .* of atom 2"):
        read_trajectories([path], topology())


def test_uneven(tmp_path):
    times = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12]
    path = write_trajectory(tmp_path / "a.xtc", FRAMES, times=times)
    with pytest.raises(ValueError, match="a.xtc: frame 4 is at 5 ps, 2 ps after"):
        read_trajectories([path], topology())


def test_other_intervals(tmp_path):
    paths = [
        write_trajectory(tmp_path / "a.xtc", FRAMES, interval=1),
        write_trajectory(tmp_path / "b.xtc", FRAMES, interval=2),
    ]
    with pytest.raises(ValueError, match="b.xtc has a frame every 2 ps, .*a.xtc one every 1 ps"):
        read_trajectories(paths, topology())


@pytest.mark.parametrize("memory", [1.0, 0.0])
@pytest.mark.parametrize("order", [1, -1])
def test_an_interval_that_late_times_round_more_is_the_same(tmp_path, memory, order):
    """Times are in single precision: the file whose times are small tells the interval best."""
    early, late = np.arange(12) / 3, 50_000 + np.arange(12) / 3
    paths = [
        write_trajectory(tmp_path / "early.xtc", FRAMES, times=early),
        write_trajectory(tmp_path / "late.xtc", FRAMES, times=late),
    ]
    apart = [read_trajectories([path], topology())[0] for path in paths]
    best = apart[0].interval
    assert best == pytest.approx(1 / 3, abs=1e-6) and apart[1].interval != best
    assert check_same_interval(apart[::order]) == best
    for each in read_trajectories(paths[::order], topology(), memory=memory, scratch=tmp_path):
        assert each.interval == best
    other = write_trajectory(tmp_path / "other.xtc", FRAMES, times=early * 1.0001)
    with pytest.raises(ValueError, match="the interval must be the same in all"):
        read_trajectories([*paths[::order], other], topology())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="files that are open are in /proc")
@pytest.mark.parametrize("n_molecules", [1, 2])
def test_files_are_closed(tmp_path, n_molecules):
    """Whether or not they are what is expected; and not only when garbage is collected."""
    path = write_trajectory(tmp_path / "a.xtc", FRAMES)
    gc.disable()
    try:
        expected = pytest.raises(ValueError, match="has 4 atoms, the topology 8")
        with contextlib.nullcontext() if n_molecules == 1 else expected:
            read_trajectories([path], topology(n_molecules))
        opened = [link.resolve() for link in Path("/proc/self/fd").iterdir()]
    finally:
        gc.enable()
    assert path.resolve() not in opened


@pytest.mark.parametrize("suffix", ["xtc", "dcd"])
def test_other_atoms(tmp_path, suffix):
    path = write_trajectory(tmp_path / f"a.{suffix}", FRAMES)
    with pytest.raises(ValueError, match=f"a.{suffix} has 4 atoms, the topology 8"):
        read_trajectories([path], topology(2))


def test_cut_off(tmp_path):
    path = write_trajectory(tmp_path / "a.xtc", FRAMES.repeat(1, 3, 1))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="a.xtc: frame 11 of 12 cannot be read"):
        read_trajectories([path], topology(3))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["junk.xtc", "junk.zzz"])
def test_no_trajectory(tmp_path, name):
    (tmp_path / name).write_bytes(b"no trajectory" * 20)
    with pytest.raises(ValueError, match=f"{name}: MDAnalysis cannot read it"):
        read_trajectories([tmp_path / name], topology())


def test_given_twice(tmp_path):
    path = write_trajectory(tmp_path / "a.trr", FRAMES)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="a.trr is given twice"):
        read_trajectories([path, tmp_path / "folder" / ".." / "a.trr"], topology())


def test_missing(tmp_path):
    with pytest.raises(ValueError, match="absent.xtc: no such file"):
        read_trajectories([tmp_path / "absent.xtc"], topology())
    with pytest.raises(ValueError, match="no trajectory given"):
        read_trajectories([], topology())
