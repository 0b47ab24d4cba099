"""An H5MD file that can be appended to.

MDAnalysis reads these files with its stock reader; its writer cannot go on with a file, which a
restart needs. Format: https://www.nongnu.org/h5md/h5md.html, version 1.1. Lengths are in Å, times
in ps, energies in kJ/mol.
"""

from importlib.metadata import PackageNotFoundError, version

import h5py
import numpy as np

SETTINGS = "parameters/openmm_stegmn"
#: dtype and unit of what is stored for every frame beside positions and velocities.
OBSERVABLES = {
    "origin": (np.int32, None),
    "accepted": (np.int32, None),
    "energy_change": (np.float64, "kJ mol-1"),
    "constraint_error": (np.float64, None),
}
_SCALARS_PER_CHUNK = 256


class H5MDFile:
    """A hybrid trajectory on disk, open for writing.

    Parameters
    ----------
    path : str or Path
    mode : {"w-", "w", "r+"}
        New (fails if there is one), new in the place of an old one, or going on with one.
    """

    def __init__(self, path, mode):
        self._file = h5py.File(path, mode)
        self._group = None if mode != "r+" else self._file["particles/trajectory"]

    def create(self, n_atoms, periodic, settings):
        """Lay out an empty trajectory.

        Parameters
        ----------
        n_atoms : int
        periodic : bool
        settings : dict
            What made the trajectory, stored as attributes of `SETTINGS`.
        """
        file = self._file
        header = file.create_group("h5md")
        header.attrs["version"] = np.array([1, 1], dtype=np.int32)
        header.create_group("author").attrs["name"] = "openmm-stegmn"
        creator = header.create_group("creator")
        creator.attrs["name"] = "openmm-stegmn"
        creator.attrs["version"] = _own_version()
        for name, value in settings.items():
            file.require_group(SETTINGS).attrs[name] = value
        self._group = group = file.create_group("particles/trajectory")
        step = self._series("particles/trajectory/position/step", (), np.int64)
        time = self._series("particles/trajectory/position/time", (), np.float64, "ps")
        self._series("particles/trajectory/position/value", (n_atoms, 3), np.float32, "Angstrom")
        self._series(
            "particles/trajectory/velocity/value", (n_atoms, 3), np.float32, "Angstrom ps-1"
        )
        box = group.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = np.array(["periodic" if periodic else "none"] * 3, dtype="S8")
        shared = [group["velocity"]]
        if periodic:
            self._series("particles/trajectory/box/edges/value", (3, 3), np.float64, "Angstrom")
            shared.append(group["box/edges"])
        for name, (dtype, unit) in OBSERVABLES.items():
            self._series(f"observables/{name}/value", (), dtype, unit)
            shared.append(file[f"observables/{name}"])
        for element in shared:
            # One clock for all, as H5MD recommends: hard links, not copies.
            element["step"], element["time"] = step, time
        file.flush()

    def settings(self):
        """The settings stored in the file, as a dictionary of plain values."""
        return {name: _plain(value) for name, value in self._file[SETTINGS].attrs.items()}

    @property
    def n_frames(self):
        """Frames in the file."""
        return len(self._group["position/step"])

    @property
    def last_time(self):
        """Time of the last frame, ps; minus infinity without one."""
        return float(self._group["position/time"][-1]) if self.n_frames else -np.inf

    def truncate(self, step):
        """Drop the frames later than `step`."""
        keep = int(np.searchsorted(self._group["position/step"][:], step, side="right"))
        for series in self._all_series():
            series.resize(keep, axis=0)
        self._file.flush()

    def append(self, step, time, positions, velocities, box, observables):
        """Write one frame and hand it to the operating system.

        Parameters
        ----------
        step : int
        time : float
            ps.
        positions, velocities : numpy.ndarray (n_atoms, 3)
            Å and Å/ps.
        box : numpy.ndarray (3, 3) or None
            Box vectors in rows, Å.
        observables : dict
            A number for each of `OBSERVABLES`.
        """
        frame = self.n_frames
        values = {"position/value": positions, "velocity/value": velocities, "position/time": time}
        if box is not None:
            values["box/edges/value"] = box
        for name, value in values.items():
            _put(self._group[name], frame, value)
        for name, value in observables.items():
            _put(self._file[f"observables/{name}/value"], frame, value)
        _put(
            self._group["position/step"], frame, step
        )  # last: the number of steps is the number of frames
        self._file.flush()

    def close(self):
        """Close the file."""
        self._file.close()

    def _series(self, name, shape, dtype, unit=None):
        chunk = (1, *shape) if shape else (_SCALARS_PER_CHUNK,)
        series = self._file.create_dataset(
            name, (0, *shape), dtype, maxshape=(None, *shape), chunks=chunk
        )
        if unit is not None:
            series.attrs["unit"] = unit
        return series

    def _all_series(self):
        found = []
        # visititems shows a hard-linked series once, as resizing needs it
        self._file.visititems(
            lambda name, item: found.append(item) if isinstance(item, h5py.Dataset) else None
        )
        return found


def _put(series, frame, value):
    series.resize(frame + 1, axis=0)
    series[frame] = value


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def _own_version():
    try:
        return version("openmm-stegmn")
    except PackageNotFoundError:
        return "unknown"
