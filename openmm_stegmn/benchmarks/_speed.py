"""The benchmark ``speed``: how fast networks are, beside what the machine could do."""

from collections.abc import Callable, Iterator

from ._jobs import Job, make_records
from ._records import RecordFile
from ._speed_cases import SpeedCase
from ._speed_jobs import (
    TRAINING_MODES,
    InferenceJob,
    MachineJob,
    ProfileJob,
    TrainingJob,
)
from ._speed_modes import PRECISIONS
from ._speed_precision import PrecisionJob
from ._speed_process import FreshJob
from ._speed_record import SpeedRecord
from ._speed_settings import BACKBONE_ATOMS, SPEED_MODES, SpeedSettings
from ._speed_start import StartJob

# Windows at a time, as what was published was measured
_INFERENCE = {"aspirin": (1, 100), "protein": (1,)}
_TRAINING = {"aspirin": 100, "protein": 10}
_LAST = ("graph", "compile")
_NO_TF32 = ("tf32", "cpu")


def run_speed(
    settings: SpeedSettings | None = None, *, output=None, overwrite: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[SpeedRecord]:  # fmt: skip
    """Measure everything that the settings name, one after the other.

    Inputs are made up, and the same for all models and modes. What cannot be done here (a capture,
    a compiler, memory) has a record that says why.

    Parameters
    ----------
    settings : SpeedSettings, optional
    output : path-like, optional
        JSON file of records. It is written after each record, and records that it holds already are
        not made again.
    overwrite : bool
        Make them again.
    progress : callable, optional
        Called with what is measured now, records done, and records in all.

    Returns
    -------
    list of SpeedRecord

    Raises
    ------
    ValueError
        If a model does not take its molecule, or the output holds records made with other settings.
    """
    settings = settings or SpeedSettings()
    file = RecordFile(output, SpeedRecord)
    jobs = sorted(_jobs(settings), key=lambda job: _place(job.key))
    for name in settings.models:
        _check(name, settings)
    return make_records(jobs, file, overwrite=overwrite, progress=progress)


def _check(name, settings):
    for case in settings.cases:
        # Small: what a model takes does not depend on the number of residues
        small = SpeedCase.aspirin(1) if case == "aspirin" else SpeedCase.protein(2, 1)
        try:
            model = small.build(name)
        except ValueError as error:
            raise ValueError(f"{name} for {case}: {error}") from error
        if model.closed_form:
            raise ValueError(f"{name} is set by least squares and has no training step to time")


def _jobs(settings) -> Iterator[Job]:
    makers = {
        "inference": _inference, "training": _training, "precision": _precision,
        "atoms": _atoms, "history": _history, "batch": _batch, "profile": _profile,
    }  # fmt: skip
    if "machine" in settings.parts:
        for threads in settings.threads:
            yield MachineJob(settings, threads=threads)
    for part, make in makers.items():
        if part in settings.parts:
            for threads in settings.threads:
                yield from make(settings, threads)
    if "start" in settings.parts:
        yield StartJob(settings)


def _place(key):
    # A capture or a compiler that fails may leave traces: what is run in other ways comes first.
    mode = key[4].split(",")[0]
    return SPEED_MODES.index(mode) if mode in _LAST else 0


def _case(name, batch, settings):
    if name == "aspirin":
        return SpeedCase.aspirin(batch)
    return SpeedCase.protein(settings.residues, batch)


def _inference(settings, threads):
    for name in settings.cases:
        for batch in _INFERENCE[name]:
            for model in settings.models:
                for mode in settings.modes:
                    case = _case(name, batch, settings)
                    yield InferenceJob(settings, case, model, mode, threads)


def _training(settings, threads):
    for name in settings.cases:
        for model in settings.models:
            for mode in TRAINING_MODES:
                case = _case(name, _TRAINING[name], settings)
                yield TrainingJob(settings, case, model, mode, threads)


def _precision(settings, threads):
    kinds = [(mode, "float32") for mode in settings.modes]
    # On a CPU there is no tf32.
    kinds += [("eager", name) for name in PRECISIONS[1:] if (name, settings.device) != _NO_TF32]
    for model in settings.models:
        for mode, precision in kinds:
            case = SpeedCase.aspirin(_TRAINING["aspirin"])
            yield PrecisionJob(settings, case, model, f"{mode}, {precision}", threads)


def _atoms(settings, threads):
    for model in settings.models:
        for count in settings.atoms:
            case = SpeedCase.protein(count // BACKBONE_ATOMS, 1)
            yield FreshJob(InferenceJob(settings, case, model, "eager", threads, "atoms"))


def _series_modes(settings):
    # A compiler takes as long for each size as all that is measured.
    return [mode for mode in settings.modes if mode != "compile"]


def _history(settings, threads):
    for model in settings.models:
        for history in settings.histories:
            for mode in _series_modes(settings):
                case = SpeedCase.aspirin(1, history)
                yield InferenceJob(settings, case, model, mode, threads, "history")


def _batch(settings, threads):
    for model in settings.models:
        for batch in settings.batches:
            for mode in _series_modes(settings):
                case = SpeedCase.aspirin(batch)
                yield InferenceJob(settings, case, model, mode, threads, "batch")


def _profile(settings, threads):
    for name in settings.cases:
        for model in settings.models:
            for work, batch in (("inference", 1), ("training step", _TRAINING[name])):
                yield ProfileJob(settings, _case(name, batch, settings), model, work, threads)
