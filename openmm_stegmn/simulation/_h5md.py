"""An H5MD file that can be appended to.

MDAnalysis reads these files with its stock reader; its writer cannot go on with a file, which a
restart needs. Format: https://www.nongnu.org/h5md/h5md.html, version 1.1. Lengths are in Å, times
in ps, energies in kJ/mol.
"""

import os
from importlib.metadata import PackageNotFoundError, version

import h5py
import numpy as np

from ._journal import JournaledFile

SETTINGS = "parameters/openmm_stegmn"
#: dtype and unit of what is stored for every frame beside positions and velocities.
OBSERVABLES = {
    "origin": (np.int32, None),
    "accepted": (np.int32, None),
    "energy_change": (np.float64, "kJ mol-1"),
    "constraint_error": (np.float64, None),
    # in the settings too, but copies that MDAnalysis writes have the observables alone
    "jump_kind": (np.int32, None),
}
#: The same of what is stored if it is asked for.
ENERGIES = {
    "potential_energy": (np.float64, "kJ mol-1"),
    "kinetic_energy": (np.float64, "kJ mol-1"),
}
_PATHS = {
    "step": "particles/trajectory/position/step",
    "time": "particles/trajectory/position/time",
    "box": "particles/trajectory/box/edges/value",
    "velocity": "particles/trajectory/velocity/value",
    "position": "particles/trajectory/position/value",
}
_SCALARS_PER_CHUNK = 256


class H5MDFile:
    """A hybrid trajectory on disk, open for writing; see `JournaledFile` for what a crash leaves.

    Parameters
    ----------
    path : str or Path
    mode : {"w-", "w", "r+"}
        New (fails if there is one), new in the place of an old one, or going on with one.
    """

    def __init__(self, path, mode):
        self._disk = JournaledFile(path, mode)
        try:
            self._file = h5py.File(self._disk, mode)
        except (OSError, ValueError):
            self._disk.close()
            raise
        self._series = {}
        if mode == "r+":
            names = (*OBSERVABLES, *ENERGIES, *_PATHS)
            names = [name for name in names if _path(name) in self._file]
            self._series = {name: self._file[_path(name)] for name in names}

    def create(self, n_atoms, periodic, settings, energies=False):
        """Lay out an empty trajectory.

        Parameters
        ----------
        n_atoms : int
        periodic : bool
        settings : dict
            What made the trajectory, stored as attributes of `SETTINGS`.
        energies : bool
            Whether `ENERGIES` are stored too.
        """
        file = self._file
        header = file.create_group("h5md")
        header.attrs["version"] = np.array([1, 1], dtype=np.int32)
        header.create_group("author").attrs["name"] = "openmm-stegmn"
        creator = header.create_group("creator")
        creator.attrs["name"] = "openmm-stegmn"
        creator.attrs["version"] = _own_version()
        file.create_group(SETTINGS).attrs.update(settings)
        box = file.create_group("particles/trajectory/box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = np.array(["periodic" if periodic else "none"] * 3, dtype="S8")

        self._add("step", (), np.int64)
        self._add("time", (), np.float64, "ps")
        if periodic:
            self._add("box", (3, 3), np.float64, "Angstrom")
        observables = OBSERVABLES | (ENERGIES if energies else {})
        for name, (dtype, unit) in observables.items():
            self._add(name, (), dtype, unit)
        self._add("velocity", (n_atoms, 3), np.float32, "Angstrom ps-1")
        self._add("position", (n_atoms, 3), np.float32, "Angstrom")
        for name, series in self._series.items():
            if name not in ("step", "time", "position"):
                # One clock for all, as H5MD recommends: hard links, not copies.
                series.parent["step"] = self._series["step"]
                series.parent["time"] = self._series["time"]
        self._commit()

    def settings(self):
        """The settings stored in the file, as a dictionary of plain values."""
        return {name: _plain(value) for name, value in self._file[SETTINGS].attrs.items()}

    @property
    def has_energies(self):
        """Whether `ENERGIES` are stored."""
        return all(name in self._series for name in ENERGIES)

    @property
    def n_frames(self):
        """Frames in the file."""
        return len(self._series["position"])

    @property
    def last_step(self):
        """Step of the last frame; -1 without one."""
        return int(self._series["step"][-1]) if self.n_frames else -1

    @property
    def last_time(self):
        """Time of the last frame, ps; minus infinity without one."""
        return float(self._series["time"][-1]) if self.n_frames else -np.inf

    def truncate(self, step):
        """Drop the frames later than `step`, and what a killed run left of an unfinished one."""
        whole = min(len(series) for series in self._series.values())
        keep = int(np.searchsorted(self._series["step"][:whole], step, side="right"))
        for series in self._series.values():
            series.resize(keep, axis=0)
        self._commit()

    def append(self, **values):
        """Write one frame, whole or not at all, and hand it to the operating system.

        Parameters
        ----------
        **values
            ``step``; ``time`` in ps; ``position`` and ``velocity`` (n_atoms, 3) in Å and Å/ps;
            ``box`` (3, 3), vectors in rows, Å, where periodic; each of `OBSERVABLES`, and of
            `ENERGIES` where those are stored.

        Raises
        ------
        OSError
            If it cannot be written, as on a full disk. The file then ends with the frame before.
        """
        frame = self.n_frames
        try:
            # positions last: their number is that of frames
            for name, series in self._series.items():
                series.resize(frame + 1, axis=0)
                series[frame] = values[name]
        except BaseException:  # Ctrl-C too: closing the file must not write half a frame
            for series in self._series.values():
                series.resize(frame, axis=0)
            raise
        self._commit()

    def discard(self):
        """Close the file without what was not handed over yet; one begun so is none."""
        self._disk.give_up()
        self.close()

    def close(self):
        """Close the file."""
        self._file.close()
        try:
            self._disk.commit()
        finally:
            self._disk.close()

    def _commit(self):
        self._file.flush()
        self._disk.commit()

    def _add(self, name, shape, dtype, unit=None):
        chunks = (1, *shape) if shape else (_SCALARS_PER_CHUNK,)
        series = self._file.create_dataset(
            _path(name), (0, *shape), dtype, maxshape=(None, *shape), chunks=chunks
        )
        if unit is not None:
            series.attrs["unit"] = unit
        self._series[name] = series


def is_read_here(path):
    """Whether HDF5 has a file open in this process, as a Universe has, and not by `H5MDFile`.

    Parameters
    ----------
    path : str or Path
        Of a file that exists.
    """
    wanted = os.stat(path)
    for file in h5py.h5f.get_obj_ids(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE):
        # Others than those of the operating system's files have no descriptor.
        if file.get_access_plist().get_driver() == h5py.h5fd.SEC2 and os.path.samestat(
            os.fstat(file.get_vfd_handle()), wanted
        ):
            return True
    return False


def _path(name):
    return _PATHS.get(name, f"observables/{name}/value")


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def _own_version():
    try:
        return version("openmm-stegmn")
    except PackageNotFoundError:
        return "unknown"
