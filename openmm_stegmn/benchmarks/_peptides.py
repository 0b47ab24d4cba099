"""The benchmark ``peptides``: the next frame of peptides in implicit solvent, 0.1 to 10 ps on."""

from collections.abc import Callable
from pathlib import Path

from ._jobs import make_records
from ._peptides_data import peptide_system, peptide_trajectories
from ._peptides_job import PeptideJob, peptide_model
from ._peptides_settings import PeptideSettings
from ._peptides_windows import peptide_windows
from ._records import Record, RecordFile


def run_peptides(
    folder, settings: PeptideSettings | None = None, *, output=None, overwrite: bool = False,
    processes: int = 1, platform: str | None = None,
    made: Callable[[str, int, int], None] | None = None,
    measured: Callable[[str, int, int], None] | None = None,
) -> list[Record]:  # fmt: skip
    """Train and measure every model on every molecule at every interval.

    Parameters
    ----------
    folder : path-like
        Trajectories are read from there, and those that are missing made,
        see :func:`peptide_trajectories`.
    settings : PeptideSettings, optional
    output : path-like, optional
        JSON file of records. It is written after each record, and records that it holds already are
        not made again.
    overwrite : bool
        Make them again.
    processes : int
        Simulations, and then models trained, at the same time. Several models are trained with one
        thread each, on the visible CUDA devices in turn.
    platform : str, optional
        OpenMM's, of the simulations; by default the quickest on one core.
    made : callable, optional
        Called with what is simulated, files that are there, and files in all.
    measured : callable, optional
        Called with what is trained now, records done, and records in all.

    Returns
    -------
    list of Record
        Those asked for, and for each molecule and interval those named :data:`NOISE_FLOOR`,
        :data:`TRUE_TORSIONS` and :data:`CLOSEST_TURNS`.

    Raises
    ------
    ValueError
        If a model does not take a molecule, trajectories are too short or were made with other
        settings, or so were records in the output.
    RuntimeError
        If a model predicts positions that are not finite.
    """
    settings, file = settings or PeptideSettings(), RecordFile(output)
    folder, jobs = Path(folder), []
    for molecule in settings.molecules:
        system = peptide_system(molecule)
        for name in settings.models:
            peptide_model(molecule, system, name, settings, settings.intervals[0])
    try:
        for molecule in settings.molecules:
            peptide_trajectories(
                folder, molecule, settings.intervals, settings.dynamics,
                processes=processes, platform=platform, progress=made,
            )  # fmt: skip
            for interval in settings.intervals:
                # refuses trajectories that are too short before the next ones are simulated
                peptide_windows(folder, molecule, interval, settings)
                jobs += PeptideJob.all_of(folder, molecule, interval, settings)
        return make_records(jobs, file, overwrite=overwrite, processes=processes, progress=measured)
    finally:
        # hundreds of MB, and the files may be others next time
        peptide_windows.cache_clear()
