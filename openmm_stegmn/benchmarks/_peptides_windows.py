"""What the records of the benchmark ``peptides`` are made from, read when it is needed."""

import functools
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..data import WindowSet
from ..systems import MolecularSystem
from ._peptides_data import read_trajectories
from ._peptides_settings import PeptideSettings


@dataclass(frozen=True)
class PeptideWindows:
    """The data of one molecule at one interval."""

    molecule: MolecularSystem
    sets: dict[str, WindowSet]
    """``"training"``, ``"validation"`` and ``"test"``."""
    energies: WindowSet
    """Test windows whose predicted frames get energies."""
    starts: Tensor
    """States that repeats start from, ``(n_states, n_atoms, 3)``, Å."""
    repeats: Tensor
    """Frames that followed, ``(n_states, n_repeats, n_atoms, 3)``, Å."""
    metadata: dict
    """Settings that decide the frames."""


# Jobs come in the order of molecules and intervals, in every process: one is enough.
@functools.lru_cache(maxsize=1)
def peptide_windows(
    folder: Path, molecule: str, interval: float, settings: PeptideSettings
) -> PeptideWindows:
    """Read the files of a molecule, all of which are there; once for many jobs in a row.

    Raises
    ------
    ValueError
        If a file cannot be read or was made with other settings, or trajectories are too short.
    """
    found = read_trajectories(folder, molecule, [interval], settings.dynamics)
    sets = {
        part: WindowSet.from_trajectories(frames, settings.history, settings.stride(interval))
        for part, frames in found.frames.items()
    }
    for part in ("test", "validation"):
        sets[part] = sets[part].subset(getattr(settings, part))
    return PeptideWindows(
        found.molecule, sets, sets["test"].subset(settings.energies), found.starts,
        found.repeats[interval], found.metadata,
    )  # fmt: skip
