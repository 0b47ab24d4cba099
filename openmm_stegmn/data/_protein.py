"""Atoms of a protein from any topology and trajectory that MDAnalysis reads, with charges."""

import contextlib
import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..mechanics import superpose
from ._md17 import guess_bonds

#: The domain of E. coli adenylate kinase that moves least when it opens and closes.
ADK_CORE = "resid 1:29 or resid 60:121 or resid 160:214"
_FORMATS = (".dcd", ".xtc")


@dataclass(frozen=True)
class ProteinTrajectory:
    """Some atoms of a protein, and where they are in frames that are evenly spaced in time."""

    frames: Tensor
    """``(n_frames, n_atoms, 3)``, Å, float32."""
    charges: Tensor
    """``(n_atoms,)``, e, float32."""
    bonds: tuple
    """Pairs of bonded atoms."""
    names: tuple
    """Of atoms."""
    residue_names: tuple
    """Of atoms."""
    residue_ids: tuple
    """Of atoms, from 0."""
    interval: float
    """Between frames, ps, as the file says."""
    source: str
    sha256: str = ""
    """Of all of the above but the source, and of the frames as the files have them, since
    processors superpose with other roundings. Empty if they are from no file."""

    @property
    def n_atoms(self) -> int:
        """Atoms."""
        return self.frames.shape[1]


def read_protein(
    topology, trajectories: Sequence, selection: str = "backbone", *,
    superpose_on: str | None = None,
) -> ProteinTrajectory:  # fmt: skip
    """Read atoms of a protein.

    Parameters
    ----------
    topology : path-like
        With charges: PSF, PQR and others. Where it has no bonds, they are guessed from the frames.
    trajectories : sequence of path-like
        One after the other. Of a folder, all ``.dcd`` and ``.xtc`` in it, by their names.
    selection : str
        In the language of MDAnalysis.
    superpose_on : str, optional
        Those of the selected atoms that are selected by this, too, are superposed on where they
        are in the first frame. By default frames are as they are in the file.

    Raises
    ------
    ValueError
        If a file cannot be read, nothing is selected, there are no charges, or a coordinate is not
        finite.
    """
    import MDAnalysis as mda  # half a second, which runs do without

    topology, paths = Path(topology), _files(trajectories)
    for path in (topology, *paths):
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
    source = f"{topology.name}, {', '.join(path.name for path in paths)}"
    try:
        with warnings.catch_warnings():
            # on what the formats leave out, and on changes of MDAnalysis to come
            warnings.simplefilter("ignore")
            universe = mda.Universe(str(topology), [str(path) for path in paths])
            with contextlib.closing(universe.trajectory):
                atoms = _select(universe, selection, topology)
                charges = _charges(universe, atoms, topology)
                frames = np.array([atoms.positions for _ in universe.trajectory], np.float32)
                interval = float(universe.trajectory.dt)
                core = None if superpose_on is None else _select(universe, superpose_on, topology)
    except ValueError:
        raise
    except Exception as error:  # each reader raises what it likes
        raise ValueError(
            f"{source}: MDAnalysis cannot read them ({' '.join(str(error).split())[:200]})"
        ) from error
    if not np.isfinite(frames).all():
        bad = int(np.argmin(np.isfinite(frames).all((1, 2))))
        raise ValueError(f"{source}: frame {bad} has a coordinate that is not finite")
    frames = torch.from_numpy(frames)
    _, residues = np.unique(atoms.resindices, return_inverse=True)
    found = ProteinTrajectory(
        frames, charges, _bonds(universe, atoms, frames, topology), tuple(atoms.names),
        tuple(atoms.resnames), tuple(residues.tolist()), interval, source,
    )  # fmt: skip
    digest = _sha256(found)
    if core is not None:
        weights = torch.from_numpy(np.isin(atoms.ix, core.ix))
        if weights.sum() < 3:
            raise ValueError(
                f"{topology}: {superpose_on!r} selects {int(weights.sum())} of the atoms of "
                f"{selection!r}; at least three are needed to superpose frames"
            )
        frames = superpose(frames.double(), frames[:1].double(), weights.double()).float()
    return replace(found, frames=frames, sha256=digest)


def _sha256(protein):
    about = [
        protein.bonds, protein.names, protein.residue_names, protein.residue_ids, protein.interval,
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(about).encode())
    for values in (protein.charges, protein.frames):
        digest.update(values.numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def _files(trajectories):
    paths = []
    for path in map(Path, trajectories):
        if not path.is_dir():
            paths.append(path)
            continue
        found = sorted(each for each in path.iterdir() if each.suffix in _FORMATS)
        if not found:
            raise ValueError(f"{path} has no trajectory ({', '.join(_FORMATS)})")
        paths += found
    if not paths:
        raise ValueError("no trajectory given: name a file, or a folder of them")
    return paths


def _select(universe, selection, topology):
    from MDAnalysis import SelectionError

    try:
        atoms = universe.select_atoms(selection)
    except SelectionError as error:
        raise ValueError(f"selection {selection!r}: {error}") from error
    if not len(atoms):
        raise ValueError(f"{topology}: {selection!r} selects none of its atoms")
    return atoms


def _charges(universe, atoms, topology):
    if not hasattr(universe.atoms, "charges"):
        raise ValueError(
            f"{topology} has no charges, which networks read: take a format that has them, such as "
            f"PSF or PQR"
        )
    return torch.tensor(atoms.charges, dtype=torch.float32)


def _bonds(universe, atoms, frames, topology):
    """Bonds between the atoms, by their place in the selection."""
    if not hasattr(universe.atoms, "bonds"):
        elements = [name.lstrip("0123456789")[0] for name in atoms.names]
        try:
            return guess_bonds(elements, frames)
        except ValueError as error:
            raise ValueError(
                f"{topology} has no bonds, and they cannot be guessed ({error}): select atoms of "
                f"the protein only, or take a format that has bonds, such as PSF"
            ) from error
    place = {int(atom): number for number, atom in enumerate(atoms.ix)}
    pairs = universe.bonds.indices.tolist()
    return tuple((place[a], place[b]) for a, b in pairs if a in place and b in place)
