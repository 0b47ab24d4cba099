"""The benchmark ``sampling``: what exact jumps gain over plain dynamics of the same wall time."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from ..models import load_model
from ..runs import RunSettings
from ..systems import packaged_structure
from ._jobs import make_records
from ._records import Record, RecordFile
from ._sampling_data import reference_torsions, training_files, training_replicas
from ._sampling_judge import Judge
from ._sampling_machine import machine
from ._sampling_models import ProposalJob
from ._sampling_molecules import FRAME_INTERVAL, LABEL, SAMPLING_MOLECULES, block_name
from ._sampling_runs import PLAIN, TorsionReader, sample
from ._sampling_settings import SamplingSettings

# ps, of the runs that are compared
_EQUILIBRATION = 100.0

_BENCHMARK = "sampling"


def run_sampling(
    folder, settings: SamplingSettings | None = None, *, output=None, overwrite: bool = False,
    processes: int = 1, at_once: int = 1, prepare_only: bool = False,
    made: Callable[[str, int, int], None] | None = None,
    measured: Callable[[str, int, int], None] | None = None,
) -> list[Record]:  # fmt: skip
    """Sample each molecule by plain dynamics and by exact jumps, and compare.

    Parameters
    ----------
    folder : path-like
        Holds plain dynamics to compare with and to train on, and the trained models; or gets what
        is missing of them.
    settings : SamplingSettings, optional
    output : path-like, optional
        JSON file of records; those in it are not made again.
    overwrite : bool
        Make them again.
    processes : int
        Replicas of plain dynamics, and trainings, at the same time.
    at_once : int
        Timed runs at the same time. They share the machine: more than one only where each has a
        core, or a GPU, of its own.
    prepare_only : bool
        Make what the folder lacks, models too, and run nothing that is timed.
    made : callable, optional
        Called with what is simulated, files that are there, and files in all.
    measured : callable, optional
        Called with what runs now, records done, and records in all.

    Returns
    -------
    list of Record
        Of the trained models (``benchmark`` is "proposal"), then of the runs.

    Raises
    ------
    ValueError
        If a setting makes no sense, files were made with other settings, or no model is there.
    """
    settings, file = settings or SamplingSettings(), RecordFile(output)
    trainings = [job for name in settings.molecules for job in _trainings(folder, name, settings)]
    lost = [job for job in trainings if not job.path.exists()]
    there = [job for job in trainings if job.path.exists()]
    # Models that are there, and measured, need no frames.
    todo = list(lost)
    for job in there:
        record = None if overwrite else file.find(job.key, job.identity)
        if record is None:
            todo.append(job)
        else:
            job.check(record)
    for name in dict.fromkeys(job.molecule for job in todo):
        training_replicas(
            folder, name, settings.training_ns, processes, made, platform=settings.made_on
        )
    records = make_records(there, file, overwrite=overwrite, processes=processes, progress=measured)
    records += make_records(lost, file, overwrite=True, processes=processes, progress=measured)
    models, jobs = {(job.molecule, job.block): str(job.path) for job in trainings}, []
    for molecule in settings.molecules:
        jobs += _runs(folder, molecule, models, settings, processes, made)
    return records + make_records(
        [] if prepare_only else jobs,
        file,
        overwrite=overwrite,
        processes=at_once,
        progress=measured,
    )


def _trainings(folder, molecule, settings):
    """Trainings that a molecule needs."""
    about = SAMPLING_MOLECULES[molecule]
    blocks = [*([] if about.packaged else [None]), *about.blocks]
    replicas = tuple(training_files(folder, molecule, settings.training_ns))
    return [
        ProposalJob(molecule, block, replicas, settings.steps, settings.device) for block in blocks
    ]


def _runs(folder, molecule, models, settings, processes, made):
    about = SAMPLING_MOLECULES[molecule]
    kinds = {
        block_name(block): load_model(models.get((molecule, block), about.packaged))
        for block in (None, *about.blocks)
    }
    first = next(iter(kinds.values()))
    reader = TorsionReader(first)
    reference = reference_torsions(
        folder, molecule, settings.reference_ns, settings.replicas, processes, made,
        platform=settings.made_on,
    )  # fmt: skip
    judge = Judge(reference, FRAME_INTERVAL, reader)
    # Plain dynamics takes its frames from the first of the models.
    kinds = {PLAIN: first, **kinds}
    return [
        _Run(molecule, kind, str(model.source), model.sha256, seed, settings, reader, judge)
        for seed in range(settings.seeds)
        for kind, model in kinds.items()
    ]


@dataclass(frozen=True)
class _Run:
    """One run, and what is measured of it."""

    molecule: str
    kind: str
    model: str
    model_sha256: str
    seed: int
    settings: SamplingSettings
    reader: TorsionReader
    judge: Judge

    @property
    def key(self):
        return (_BENCHMARK, LABEL, self.molecule, self.kind, self.seed, "all", 0)

    @property
    def identity(self):
        """What decides the numbers beside the key."""
        values, wanted = asdict(self.settings), ["seconds", "reference_ns", "replicas"]
        if self.kind != PLAIN:
            wanted += ["md_frames", "jumps", "tries"]
        platform, hardware = machine(self.settings.platform, self.molecule)
        return {name: values[name] for name in wanted} | {
            "platform": platform, "hardware": hardware, "model_sha256": self.model_sha256,
        }  # fmt: skip

    @property
    def title(self):
        return f"{self.molecule}: {self.kind}, seed {self.seed}"

    def run(self) -> Record:
        settings, identity = self.settings, self.identity
        hybrid = RunSettings(
            pdb=str(packaged_structure(self.molecule)), model=self.model, guard="metropolis",
            md_frames=settings.md_frames, jumps=settings.jumps, tries=settings.tries,
            platform=identity["platform"], equilibration=_EQUILIBRATION,
            seed=1000 * (self.seed + 1),
        )  # fmt: skip
        run = sample(hybrid, self.kind, settings.seconds, self.reader)
        return Record(*self.key, None, None, 0.0, identity, self.judge(run))
