"""Trajectories in: everything that MDAnalysis reads."""

import contextlib
import functools
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ._frame_files import store_frames
from ._stored_frames import StoredFrames, n_bytes
from ._time_stamps import TimeStamps
from ._whole_molecules import WholeMolecules

#: GB that frames may take before they are kept on a disk
MEMORY = 1.0
# What HybridReporter calls the origin of a frame that a jump made
_JUMPED = 1


@dataclass(frozen=True)
class Trajectory:
    """Frames that follow each other at even intervals."""

    frames: Tensor | StoredFrames
    """``(n_frames, n_atoms, 3)``, Å, float32, finite; molecules whole."""
    interval: float
    """Time between frames, ps."""
    source: str
    """Where they come from, such as the path of a file."""
    interval_error: float = 0.0
    """How far the interval may be off, ps, since files round the times of frames."""

    def __len__(self):
        return len(self.frames)


def read_trajectories(
    paths: Iterable[str | Path], topology, *, memory: float = MEMORY, scratch=None,
    processes: int = 1,
) -> list[Trajectory]:  # fmt: skip
    """Read files, each a trajectory of its own.

    Parameters
    ----------
    paths : iterable of path
        In any format that MDAnalysis reads and that states the times of frames. A box of zeros is
        no box.
    topology : openmm.app.Topology
        Of the atoms in the files. Its bonds make molecules whole that a periodic box has cut.
    memory : float
        GB. Frames of all files that take more are kept in a file, which memory is mapped to, and
        of which the disk is freed when the process ends.
    scratch : path, optional
        Folder on the disk for that file; by default where temporary files are.
    processes : int
        On this machine that read the same trajectories, as those that train on several devices do.
        They share the memory: the file is written by one, and mapped by all.

    Returns
    -------
    list of Trajectory
        All with the same interval: that of the file that tells it best.

    Raises
    ------
    ValueError
        If a file is missing or unreadable, has another number of atoms, states no times or uneven
        ones, has a coordinate that is not finite, a box without volume or in some frames alone,
        or other intervals than the first;
        if a file is given twice, or has frames that a jump made.
    OSError
        If the disk has no room for the file.
    """
    paths = [Path(path) for path in paths]
    if not paths:
        raise ValueError("no trajectory given: name at least one file")
    for number, path in enumerate(paths):
        if path.resolve() in (other.resolve() for other in paths[:number]):
            raise ValueError(f"trajectory {path} is given twice: each must be given once")
    n_atoms, sources = topology.getNumAtoms(), [str(path) for path in paths]
    with contextlib.ExitStack() as files:
        # All are opened before the first is read, which may take long.
        opened = [files.enter_context(_open(path, topology)) for path in paths]
        counts = [atoms.universe.trajectory.n_frames for atoms in opened]
        if processes * n_bytes(sum(counts), n_atoms) <= memory * 1e9:
            found = [frames_of(*each) for each in zip(opened, sources, strict=True)]
        else:
            key = None if processes == 1 else _key(paths, topology)
            write = functools.partial(_write, opened, sources)
            frames, intervals = store_frames(write, counts, n_atoms, scratch, key)
            found = [
                Trajectory(each, interval, source, error)
                for each, (interval, error), source in zip(frames, intervals, sources, strict=True)
            ]
    interval = check_same_interval(found)
    return [replace(each, interval=interval) for each in found]


def _write(opened, sources, file):
    """All frames into a file; the interval of each trajectory, and its error."""

    def keep(_, positions):
        file.write(np.ascontiguousarray(positions, np.float32))

    return [_read(*each, keep) for each in zip(opened, sources, strict=True)]


def _key(paths, topology) -> str:
    """Changes with everything that the frames of files depend on."""
    files = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    bonds = [(first.index, second.index) for first, second in topology.bonds()]
    return repr((files, topology.getNumAtoms(), bonds))


def frames_of(atoms, source: str | None = None) -> Trajectory:
    """All frames of an MDAnalysis AtomGroup.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
        Such as ``universe.select_atoms("protein")``. In a periodic box it needs bonds.
    source : str, optional
        Named in errors; by default the file of the trajectory.

    Raises
    ------
    ValueError
        See :func:`read_trajectories`.
    """
    reader = atoms.universe.trajectory
    source = str(reader.filename) if source is None else source
    frames = np.empty((reader.n_frames, len(atoms), 3), np.float32)
    interval, error = _read(atoms, source, frames.__setitem__)
    return Trajectory(torch.from_numpy(frames), interval, source, error)


def _read(atoms, source, keep) -> tuple[float, float]:
    """Go through all frames, each passed to ``keep`` with its number; their interval, its error."""
    reader = atoms.universe.trajectory
    if not {"time", "dt"} & set(reader.ts.data):
        raise ValueError(
            f"{source} does not state the times of its frames: write it in a format that does "
            f"(XTC, TRR, DCD, NetCDF), or, in Python, state the interval to MDAnalysis "
            f"(Universe(..., dt=...), in ps) and use frames_of"
        )
    stamps, count = TimeStamps(source), 0
    for time, positions in _frames(atoms, source):
        stamps.add(time)
        keep(count, positions)
        count += 1
    if count < reader.n_frames:
        raise ValueError(
            f"{source}: frame {count} of {reader.n_frames} cannot be read, the file is cut "
            f"off or damaged: copy it again, or write the frames that are whole to a new one"
        )
    return stamps.interval()


def check_same_interval(trajectories) -> float:
    """The interval of trajectories, ps: that of the one that tells it best.

    Raises
    ------
    ValueError
        If intervals differ by more than rounding explains, naming two.
    """
    best = min(trajectories, key=lambda each: each.interval_error)
    for each in trajectories:
        if abs(each.interval - best.interval) > each.interval_error + best.interval_error:
            raise ValueError(
                f"{each.source} has a frame every {each.interval:g} ps, {best.source} one "
                f"every {best.interval:g} ps: the interval must be the same in all"
            )
    return best.interval


def _frames(atoms, source) -> Iterator[tuple[float, np.ndarray]]:
    """Times and positions, one frame at a time."""
    molecules = WholeMolecules(atoms, source)
    for number, step in enumerate(atoms.universe.trajectory):
        if step.data.get("origin") == _JUMPED:
            raise ValueError(
                f"{source}: frame {number} was made by a jump, which a model must not learn from: "
                f"take plain dynamics"
            )
        finite = np.isfinite(atoms.positions).all(1)
        if not finite.all():
            atom = int(np.argmin(finite))
            raise ValueError(
                f"{source}: frame {number} has a coordinate that is not finite, of atom {atom} "
                f"(counted from 0): leave out what follows the frame before it"
            )
        yield float(step.time), molecules.positions()


@contextlib.contextmanager
def _open(path, topology):
    """Atoms with bonds, and a file as their trajectory, which is closed afterwards."""
    import MDAnalysis as mda  # half a second, which runs do without

    if not path.is_file():
        raise ValueError(f"trajectory {path}: no such file")
    n_atoms = topology.getNumAtoms()
    universe = mda.Universe.empty(n_atoms)
    bonds = [(bond[0].index, bond[1].index) for bond in topology.bonds()]
    if bonds:
        universe.add_TopologyAttr("bonds", bonds)
    try:
        with warnings.catch_warnings():
            # On formats without times, which are refused; on changes of MDAnalysis to come.
            warnings.simplefilter("ignore")
            reader = mda.coordinates.core.get_reader_for(str(path))(str(path), n_atoms=n_atoms)
    except Exception as error:  # each reader raises what it likes
        raise ValueError(
            f"trajectory {path}: MDAnalysis cannot read it as a trajectory of {n_atoms} atoms "
            f"({' '.join(str(error).split())[:200]})"
        ) from error
    with contextlib.closing(reader):
        if reader.n_atoms != n_atoms:
            raise ValueError(
                f"trajectory {path} has {reader.n_atoms} atoms, the topology {n_atoms}: give the "
                f"topology of the atoms that were written"
            )
        universe.trajectory = reader
        yield universe.atoms
