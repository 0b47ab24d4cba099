"""What is known of the frames of a trajectory before their positions are looked at."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np

from ..simulation import JUMP_KINDS, Origin

_SETTINGS = "parameters/openmm_stegmn"
_POSITION = "particles/trajectory/position"
# Values of a frame without jumps, for trajectories that do not tell.
_PLAIN = {
    "step": -1,
    "origin": int(Origin.PHYSICAL),
    "accepted": -1,
    "energy_change": np.nan,
    "constraint_error": np.nan,
    "potential_energy": np.nan,
    "kinetic_energy": np.nan,
}
# XTC keeps times in single precision.
_TIME_EPSILON = 4 * np.finfo(np.float32).eps


@dataclass(frozen=True)
class HybridFrames:
    """Time and origin of each frame, and what else a hybrid trajectory tells of it.

    Attributes
    ----------
    time : ndarray (n_frames,)
        ps. May be irregular, and stands still in exact jumps.
    origin : ndarray (n_frames,), int
        0 physical, 1 jump, 2 the first physical frame after a rejected jump.
    accepted : ndarray (n_frames,), int
        1, 0, or -1 where no jump was tried.
    energy_change : ndarray (n_frames,)
        kJ/mol; NaN where no jump was tried.
    constraint_error : ndarray (n_frames,)
        Relative, as measured in the simulation; NaN where that is not known.
    potential_energy, kinetic_energy : ndarray (n_frames,)
        kJ/mol; NaN where they were not written.
    step : ndarray (n_frames,), int
        -1 where it is not known.
    replica : ndarray (n_frames,), int
        Number of the run that a frame belongs to, from 0.
    kinds : tuple of str
        Kinds of jump that the files name: "exact", "approximate dynamics", "deterministic".
    frame_interval : float or None
        Of the physical frames, ps, as a file names it.
    """

    time: np.ndarray
    origin: np.ndarray
    accepted: np.ndarray
    energy_change: np.ndarray
    constraint_error: np.ndarray
    potential_energy: np.ndarray
    kinetic_energy: np.ndarray
    step: np.ndarray
    replica: np.ndarray
    kinds: tuple = ()
    frame_interval: float | None = field(default=None)

    @classmethod
    def of(cls, trajectory) -> "HybridFrames":
        """Of a trajectory of MDAnalysis: a reader, or several in a chain.

        Times and observables of files of `HybridReporter` are read without the positions. Anything
        else is gone through once. H5MD copies that MDAnalysis wrote have all of it (times in single
        precision); other formats keep no origins, and what has none is taken for plain molecular
        dynamics: see `of_files`.

        Parameters
        ----------
        trajectory : MDAnalysis reader
        """
        readers = getattr(trajectory, "readers", [trajectory])
        if sum(reader.n_frames for reader in readers) != trajectory.n_frames:
            readers = [trajectory]  # a chain that leaves overlapping frames out
        return cls._joined([_read(reader) for reader in readers])

    @classmethod
    def of_files(cls, *paths) -> "HybridFrames":
        """Of files of `HybridReporter`, for trajectories in another format of the same frames.

        Raises
        ------
        ValueError
            If a file is none of those.
        """
        parts = [_read_file(path) for path in paths]
        for path, part in zip(paths, parts, strict=True):
            if part is None:
                raise ValueError(
                    f"{path} has no frames of HybridReporter: expected an H5MD file that "
                    "HybridReporter, or `openmm-stegmn run`, wrote."
                )
        return cls._joined(parts)

    @classmethod
    def from_arrays(cls, time, origin, **values) -> "HybridFrames":
        """Of arrays, for trajectories whose origins are known from elsewhere.

        Parameters
        ----------
        time : array_like (n_frames,)
            ps. Where it goes back a new replica begins.
        origin : array_like (n_frames,), int
        **values
            Any other of the attributes that are arrays.

        Raises
        ------
        ValueError
            If lengths differ or an origin is unknown.
        """
        time, origin = np.asarray(time, float), np.asarray(origin, int)
        if time.ndim != 1 or time.shape != origin.shape:
            raise ValueError(
                f"time has shape {time.shape}, origin {origin.shape}: expected one of each for "
                "every frame."
            )
        unknown = np.setdiff1d(origin, [int(kind) for kind in Origin]).tolist()
        if unknown:
            raise ValueError(f"origins {unknown} are unknown: expected 0, 1 or 2.")
        default = np.where(origin == 1, 1, np.where(origin == 2, 0, -1))
        part = {"time": time, "origin": origin, "accepted": default, **values}
        return cls._joined([part])

    @classmethod
    def _joined(cls, parts):
        names = ["time", *_PLAIN]
        arrays, replicas, kinds, intervals, first = {}, [], [], [], 0
        last = None
        for part in parts:
            n_frames = len(part["time"])
            for name in names:
                value = part.get(name)
                value = np.full(n_frames, _PLAIN[name]) if value is None else np.asarray(value)
                if value.shape != (n_frames,):
                    raise ValueError(
                        f"{name} has shape {value.shape}, but there are {n_frames} frames."
                    )
                arrays.setdefault(name, []).append(value)
            own = np.concatenate([[0], np.cumsum(np.diff(part["time"]) < 0)])[:n_frames]
            if "replica" in part:
                own = np.asarray(part["replica"])
            if n_frames:
                first += 0 if last is None or _goes_on(last, part["time"]) else 1
                replicas.append(first + own.astype(int))
                first, last = int(replicas[-1][-1]), part["time"]
            kinds += [kind for kind in part.get("kinds", ()) if kind not in kinds]
            intervals.append(part.get("frame_interval"))
        arrays = {name: np.concatenate(values) for name, values in arrays.items()}
        arrays["time"] = arrays["time"].astype(float)
        replica = np.concatenate(replicas) if replicas else np.zeros(0, int)
        interval = intervals[0] if len(set(intervals)) == 1 else None
        return cls(**arrays, replica=replica, kinds=tuple(kinds), frame_interval=interval)

    def __len__(self):
        return len(self.time)

    def __getitem__(self, chosen) -> "HybridFrames":
        """Those of some frames."""
        names = ["time", *_PLAIN, "replica"]
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})

    @property
    def jumped(self):
        """Whether each frame was made by a jump, ``(n_frames,)``."""
        return self.origin == Origin.JUMP

    @property
    def is_hybrid(self):
        """Whether any jump was tried."""
        return bool((self.accepted >= 0).any() or self.jumped.any())

    @property
    def exact(self):
        """Whether all files say that their jumps leave the Boltzmann distribution unchanged."""
        return self.kinds == ("exact",)

    @property
    def interval(self):
        """Between physical frames, ps: as a file names it, or else the most frequent one."""
        if self.frame_interval is not None:
            return self.frame_interval
        steps = np.diff(self.time)[(np.diff(self.replica) == 0) & ~self.jumped[1:]]
        steps = np.round(steps[steps > 0], 4)
        if not len(steps):
            return np.nan
        values, counts = np.unique(steps, return_counts=True)
        return float(values[counts.argmax()])

    @property
    def regular(self):
        """Whether each frame is one interval after that before it, ``(n_frames,)``."""
        interval = self.interval
        slack = np.maximum(1e-3 * interval, _TIME_EPSILON * np.abs(self.time[1:]))
        follows = np.abs(np.diff(self.time) - interval) <= slack
        return np.concatenate([[False], follows & (np.diff(self.replica) == 0)])[: len(self)]

    @property
    def n_irregular(self):
        """Places where the time between physical frames of a replica is another than the interval,
        as where frames are lost: legs end there."""
        same = np.diff(self.replica, prepend=-1) == 0
        return int((~self.jumped & same & ~self.regular).sum())

    @property
    def running_time(self):
        """Time with replicas one after the other, ps, ``(n_frames,)``: for plots along the run."""
        steps = np.diff(self.time, prepend=self.time[:1])
        first = np.diff(self.replica, prepend=self.replica[:1]) != 0
        interval = self.interval
        return np.cumsum(np.where(first, interval if interval > 0 else 0.0, steps))

    @property
    def since_jump(self):
        """Frames since the last accepted jump in the replica, 0 at the jump, -1 before the first;
        a move of an exact jump counts whether or not it moved anything."""
        index = np.arange(len(self))
        last = np.maximum.accumulate(np.where(self.jumped, index, -1)) if len(self) else index
        begin = np.searchsorted(self.replica, self.replica)
        return np.where(last >= begin, index - last, -1)


def _goes_on(before, time):
    """Whether a file goes on where that before it ended: the next frame, a little later."""
    if len(before) < 2 or not len(time):
        return False
    step = np.median(np.diff(before))
    return 0 < time[0] - before[-1] <= 1.5 * step


def _read(reader):
    name = getattr(reader, "filename", None)
    if isinstance(name, str | Path) and h5py.is_hdf5(name):
        part = _read_file(name)
        if part is not None and len(part["time"]) == reader.n_frames:
            return part
    return _read_frames(reader)


def _read_file(path):
    try:
        with h5py.File(path, "r") as file:
            if _SETTINGS not in file:
                return None
            settings = dict(file[_SETTINGS].attrs)
            n_frames = len(file[f"{_POSITION}/value"])
            part = {"time": file[f"{_POSITION}/time"][:n_frames]}
            part["step"] = file[f"{_POSITION}/step"][:n_frames]
            for name in _PLAIN:
                if f"observables/{name}/value" in file:
                    part[name] = file[f"observables/{name}/value"][:n_frames]
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error}).") from error
    kind, interval = settings.get("jump_kind"), settings.get("frame_interval")
    kinds = () if kind is None else (str(kind),)
    return part | {"kinds": kinds, "frame_interval": None if interval is None else float(interval)}


def _read_frames(reader):
    part, kinds = {"time": []}, set()
    for ts in reader:
        part["time"].append(ts.time)
        if "jump_kind" in ts.data:
            kinds.add(int(np.ravel(ts.data["jump_kind"])[0]))
        for name in _PLAIN:
            if name in ts.data:
                part.setdefault(name, []).append(np.ravel(ts.data[name])[0])
    reader.rewind()
    kinds = [JUMP_KINDS[kind] for kind in sorted(kinds) if 0 <= kind < len(JUMP_KINDS)]
    return {name: np.array(values) for name, values in part.items()} | {"kinds": kinds}
