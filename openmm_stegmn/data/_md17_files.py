"""Files of MD17, rMD17 and of :func:`generate_trajectories`: finding and reading them."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import networkx as nx
import numpy as np
import torch
from openmm import unit
from openmm.app import Element

from ._archives import DAMAGED
from ._md17 import MoleculeTrajectory, guess_bonds
from ._md17_molecules import MD17_ALIASES, md17_elements
from ._xtb import METHOD

_PREFIXES = ("", "md17_", "rmd17_")
_SUFFIXES = ("", "_dft")
# Keys of each format: atomic numbers, coordinates, and where the order of frames is stored.
_KEYS = {
    "MD17": ("z", "R"),
    "rMD17": ("nuclear_charges", "coords", "old_indices"),
    METHOD: ("z", "R"),
}
_TIME_STEP = 0.5
_TEMPERATURE = 500.0
# The longest trajectory of MD17 has 993,237 frames.
_LONGEST = 2_000_000


class TrajectoryFileError(ValueError):
    """A file with a trajectory is missing, unreadable or not what its name says."""


def find_md17(folder, molecule: str) -> Path | None:
    """The file of a molecule in a folder, or None.

    Parameters
    ----------
    folder : path-like
    molecule : str
        Of :data:`MD17_MOLECULES`. ``ethanol`` may be in ``ethanol.npz``, ``md17_ethanol.npz`` or
        ``rmd17_ethanol.npz``.

    Raises
    ------
    TrajectoryFileError
        If several files fit: which one is meant would be a guess.
    """
    found = [
        path
        for prefix in _PREFIXES
        for name in MD17_ALIASES.get(molecule, (molecule,))
        for suffix in _SUFFIXES
        if (path := Path(folder) / f"{prefix}{name}{suffix}.npz").is_file()
    ]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise TrajectoryFileError(
            f"{folder} has several files for {molecule}: {names}; keep one of them there"
        )
    return found[0] if found else None


def read_md17(path, molecule: str) -> MoleculeTrajectory:
    """Read a trajectory; its label says what it is, by the keys in the file.

    ==========  ========================================================  =======================
    label       keys                                                      order of frames
    ==========  ========================================================  =======================
    MD17        ``R`` (Å), ``z``                                          time
    rMD17       ``coords`` (Å), ``nuclear_charges``, ``old_indices``      random: sorted here by
                                                                          ``old_indices``
    GFN2-xTB    those of MD17 and ``metadata`` (JSON)                     time
    ==========  ========================================================  =======================

    Parameters
    ----------
    path : path-like
        ``.npz``.
    molecule : str
        Of :data:`MD17_MOLECULES`.

    Raises
    ------
    TrajectoryFileError
        If the file cannot be read, lacks a key, holds another molecule, or a coordinate is not
        finite.
    """
    path = Path(path)
    try:
        with np.load(path) as stored:
            label, metadata = _label(path, stored)
            numbers, frames, *order = (stored[key] for key in _KEYS[label])
    except TrajectoryFileError:
        raise
    except (OSError, *DAMAGED) as error:
        raise TrajectoryFileError(f"{path} cannot be read as .npz: {error}") from error
    elements, masses = _elements(path, molecule, numbers)
    _check_frames(path, frames, len(elements))
    frames = torch.from_numpy(frames.astype(np.float32))
    present = torch.ones(len(frames), dtype=torch.bool)
    bonds = _bonds(path, elements, frames)
    if order:
        frames, present = _in_time_order(path, frames, *order)
    return MoleculeTrajectory(
        name=molecule, label=label, elements=elements, masses=masses, bonds=bonds,
        frames=frames, present=present,
        time_step=metadata.get("time_step", _TIME_STEP),
        temperature=metadata.get("temperature", _TEMPERATURE),
        path=path, sha256=_sha256(path),
    )  # fmt: skip


def _label(path, stored):
    keys = set(stored.files)
    if "metadata" in keys:
        try:
            metadata = json.loads(str(stored["metadata"]))
            method = metadata["method"]
        except (ValueError, KeyError, TypeError) as error:
            raise TrajectoryFileError(
                f"{path}: its metadata do not say how it was made ({error!r})"
            ) from error
        if method != METHOD:
            raise TrajectoryFileError(f"{path} was made with {method}; expected {METHOD}")
    else:
        metadata, method = {}, "rMD17" if "coords" in keys else "MD17"
    missing = sorted(set(_KEYS[method]) - keys)
    if missing:
        raise TrajectoryFileError(
            f"{path} lacks {', '.join(missing)} (it has {', '.join(sorted(keys)) or 'nothing'}); "
            f"expected R and z as in MD17, or coords, nuclear_charges and old_indices as in rMD17"
        )
    return method, metadata


def _elements(path, molecule, numbers):
    try:
        found = [Element.getByAtomicNumber(int(number)) for number in np.atleast_1d(numbers)]
    except (KeyError, TypeError, ValueError) as error:
        raise TrajectoryFileError(f"{path}: atomic numbers {numbers!r} are none") from error
    symbols, expected = [e.symbol for e in found], md17_elements(molecule)
    if sorted(symbols) != sorted(expected):
        raise TrajectoryFileError(
            f"{path} holds {_formula(symbols)}; {molecule} is {_formula(expected)}"
        )
    return tuple(symbols), tuple(e.mass.value_in_unit(unit.dalton) for e in found)


def _formula(symbols):
    counts = Counter(symbols)
    return "".join(f"{s}{counts[s] if counts[s] > 1 else ''}" for s in sorted(counts))


def _check_frames(path, frames, n_atoms):
    if frames.ndim != 3 or frames.shape[1:] != (n_atoms, 3) or len(frames) == 0:
        raise TrajectoryFileError(
            f"{path}: coordinates of shape {frames.shape}; expected (frames, {n_atoms}, 3)"
        )
    if not np.issubdtype(frames.dtype, np.floating):
        raise TrajectoryFileError(f"{path}: coordinates are {frames.dtype}, expected numbers in Å")
    finite = np.isfinite(frames).all((1, 2))
    if not finite.all():
        raise TrajectoryFileError(
            f"{path}: a coordinate in frame {int(np.argmin(finite))} is not finite"
        )


def _bonds(path, elements, frames):
    bonds = guess_bonds(elements, frames)
    pieces = nx.Graph(bonds)
    pieces.add_nodes_from(range(len(elements)))
    if not nx.is_connected(pieces):
        raise TrajectoryFileError(
            f"{path}: atoms are too far apart for one molecule; coordinates must be in Å"
        )
    return bonds


def _in_time_order(path, frames, order):
    """Put each frame at its place in the original trajectory; NaN where there is none."""
    if order.shape != (len(frames),) or not np.issubdtype(order.dtype, np.integer):
        raise TrajectoryFileError(
            f"{path}: old_indices are {order.dtype} of shape {order.shape}; expected "
            f"{len(frames)} integers"
        )
    if order.min() < 0 or order.max() >= _LONGEST or len(np.unique(order)) < len(order):
        raise TrajectoryFileError(
            f"{path}: old_indices are not distinct numbers of frames of an MD17 trajectory"
        )
    places = torch.from_numpy(order.astype(np.int64))
    length = int(places.max()) + 1
    whole = torch.full((length,) + frames.shape[1:], torch.nan)
    present = torch.zeros(length, dtype=torch.bool)
    whole[places], present[places] = frames, True
    return whole, present


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
