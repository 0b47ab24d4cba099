"""The benchmark ``peptides``: the next frame of peptides in implicit solvent, 0.1 to 10 ps on."""

from collections.abc import Callable

from ._peptides_data import peptide_system, peptide_trajectories
from ._peptides_records import PeptideRecords, peptide_model
from ._peptides_settings import PeptideSettings
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
    processes, platform
        Of the simulations.
    made : callable, optional
        Called with what is simulated, files that are there, and files in all.
    measured : callable, optional
        Called with what comes next, records done, and records in all.

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
    report = measured or (lambda *_: None)
    for molecule in settings.molecules:
        system = peptide_system(molecule)
        for name in settings.models:
            peptide_model(molecule, system, name, settings, settings.intervals[0])
    groups = []
    for molecule in settings.molecules:
        trajectories = peptide_trajectories(
            folder, molecule, settings.intervals, settings.dynamics,
            processes=processes, platform=platform, progress=made,
        )  # fmt: skip
        groups += [
            PeptideRecords(trajectories, interval, settings) for interval in settings.intervals
        ]
    jobs = [(group, name, seed) for group in groups for name, seed in group.jobs()]
    done = {}
    for group, name, seed in jobs:
        key = group.key(name, seed)
        found = None if overwrite else file.find(key, group.identity(name, seed))
        if found is not None:
            done[key] = found
    for group, name, seed in jobs:
        key = group.key(name, seed)
        if key not in done:
            what = f"{group.trajectories.name}, {group.interval:g} ps, {name}, seed {seed}"
            report(what, len(done), len(jobs))
            done[key] = group.run(name, seed)
            file.add(done[key])
    report("done", len(done), len(jobs))
    return [done[group.key(name, seed)] for group, name, seed in jobs]
