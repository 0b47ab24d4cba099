"""The benchmark ``md17``: the next frame of eight small molecules, 5 fs ahead."""

from collections.abc import Callable
from pathlib import Path

from ..data import MoleculeTrajectory, find_md17, read_md17
from ..models import MODELS
from ._jobs import make_records
from ._md17_job import FLOOR, TIME_STEP, MD17Job
from ._md17_settings import MD17Settings
from ._records import Record, RecordFile


class MissingDataError(ValueError):
    """There are no trajectories of some molecules."""


def run_md17(
    folder, settings: MD17Settings | None = None, *, output=None, overwrite: bool = False,
    processes: int = 1, progress: Callable[[str, int, int], None] | None = None,
) -> list[Record]:  # fmt: skip
    """Train and measure every model on every molecule with every seed.

    Everything that can be refused is refused before the first model is trained.

    Parameters
    ----------
    folder : path-like
        With a file for each molecule, see :func:`~openmm_stegmn.data.find_md17`.
    settings : MD17Settings, optional
    output : path-like, optional
        JSON file of records. It is written after each record, and records that it holds already are
        not made again.
    overwrite : bool
        Make them again.
    processes : int
        Models trained at the same time. Several are trained with one thread each, on the visible
        CUDA devices in turn.
    progress : callable, optional
        Called with what is trained now, records done, and records in all.

    Returns
    -------
    list of Record
        Those asked for, of which each molecule and seed has one named :data:`FLOOR`.

    Raises
    ------
    ValueError
        If data are missing or unfit, a model is unknown or does not take the molecule, or the
        output holds records made with other settings.
    RuntimeError
        If a model predicts positions that are not finite.
    """
    settings = settings or MD17Settings()
    for name in settings.models:
        if name not in MODELS:
            raise ValueError(f"no model named {name!r}; there are: {', '.join(sorted(MODELS))}")
    file = RecordFile(output)
    trajectories = md17_trajectories(folder, settings)
    names = (*settings.models, FLOOR)
    jobs = [
        MD17Job(trajectory, name, seed, settings)
        for trajectory in trajectories
        for seed in range(settings.seeds)
        for name in names
    ]
    for job in jobs:
        job.check()
    return make_records(jobs, file, overwrite=overwrite, processes=processes, progress=progress)


def md17_trajectories(folder, settings: MD17Settings) -> list[MoleculeTrajectory]:
    """Trajectories of the molecules, with or without hydrogens, as the settings say.

    Raises
    ------
    ValueError
        If some are missing, cannot be read, or have another time step.
    """
    folder = Path(folder)
    paths = {molecule: find_md17(folder, molecule) for molecule in settings.molecules}
    missing = [molecule for molecule, path in paths.items() if path is None]
    if missing:
        raise MissingDataError(
            f"{folder} has no trajectory of {', '.join(missing)}: put "
            f"{', '.join(f'{molecule}.npz' for molecule in missing)} of MD17 or rMD17 there, name "
            f"another folder with --data, or make GFN2-xTB trajectories there with --generate"
        )
    trajectories = []
    for molecule, path in paths.items():
        trajectory = read_md17(path, molecule)
        if trajectory.time_step != TIME_STEP:
            raise ValueError(
                f"{path} has a time step of {trajectory.time_step} fs; the benchmark is defined "
                f"for {TIME_STEP} fs"
            )
        trajectories.append(trajectory if settings.atoms == "all" else trajectory.heavy_atoms())
    return trajectories
