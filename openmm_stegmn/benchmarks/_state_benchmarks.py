"""The benchmarks of state networks: charged particles, motion capture, molecules, a protein."""

from collections.abc import Callable, Sequence

from ._jobs import make_records
from ._records import Record, RecordFile
from ._state_job import StateJob
from ._state_models import PROTOCOLS
from ._state_molecules import forget_protein
from ._state_settings import StateSettings
from ._state_sources import StateSource, forget_data


def run_states(
    sources: Sequence[StateSource], settings: StateSettings | None = None, *, output=None,
    overwrite: bool = False, processes: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Record]:  # fmt: skip
    """Train and measure every network on all data with every seed.

    Everything that can be refused is refused before the first network is trained.

    Parameters
    ----------
    sources : sequence of StateSource
    settings : StateSettings, optional
    output : path-like, optional
        JSON file of records. It is written after each record, and records that it holds already are
        not made again.
    overwrite : bool
        Make them again.
    processes : int
        Networks trained at the same time, on the visible CUDA devices in turn; several have one
        thread each.
    progress : callable, optional
        Called with what is trained now, records done, and records in all.

    Returns
    -------
    list of Record
        Their ``mse`` is F-MSE, ``details["a_mse"]`` A-MSE, where all frames are predicted; in the
        square of the data's unit.

    Raises
    ------
    ValueError
        If data are missing or unfit, a network does not take them, or the output holds records
        made with other settings.
    RuntimeError
        If a network predicts positions that are not finite.
    """
    settings, file = settings or StateSettings(), RecordFile(output)
    jobs = [
        StateJob(source, name, seed, settings)
        for source in sources
        for seed in range(settings.seeds)
        for name in settings.models or PROTOCOLS[source.benchmark].models
    ]
    try:
        for job in jobs:
            job.check()
        return make_records(jobs, file, overwrite=overwrite, processes=processes, progress=progress)
    finally:
        forget_data()
        forget_protein()
