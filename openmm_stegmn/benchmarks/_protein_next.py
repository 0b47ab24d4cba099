"""The next frame of a protein from the last ten: STEGMN's task on adenylate kinase."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from openmm.app import Element

from ..data import ProteinTrajectory, WindowSet
from ..models import MODELS, ModelSpec, build_model
from ..training import TrainingConfig, choose_device
from ._accuracy import PositionErrors, predict
from ._jobs import make_records
from ._records import Record, RecordFile
from ._seeded_training import train_with_seed
from ._state_molecules import ProteinSource, forget_protein

#: Models of the table. Regression of all atoms on all is left out: its matrix does not fit.
NEXT_MODELS = ("persistence", "linear", "linear-ar", "egno", "st-egnn", "stegmn-paper", "stegmn")
_BENCHMARK, _HISTORY = "adk-next", 10
# Positions are judged as they are, as published. A backbone's bonds stretch.
_CONFIGS = {
    **{name: {"superposed": False} for name in ("linear", "linear-ar", "egno", "st-egnn")},
    "stegmn": {"kinematics": "elastic", "superposed": False},
}
_TRAINING = {"batch_size": 10, "steps": 5000}


@dataclass(frozen=True)
class NextFrameSettings:
    """What to measure."""

    models: tuple = NEXT_MODELS
    """Of :data:`~openmm_stegmn.models.MODELS`."""
    seeds: int = 3
    """Seeds 0 to ``seeds - 1`` set initial weights and training; closed forms need one only."""
    steps: int | None = None
    """Of training."""
    batch_size: int | None = None
    device: str = "auto"

    def __post_init__(self):
        object.__setattr__(self, "models", tuple(dict.fromkeys(self.models or NEXT_MODELS)))
        unknown = [name for name in self.models if name not in MODELS]
        if unknown:
            raise ValueError(
                f"models: {', '.join(unknown)} not known; there are: {', '.join(sorted(MODELS))}"
            )
        if self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {self.seeds}")
        self.training(0)
        choose_device(self.device)

    def training(self, seed: int) -> TrainingConfig:
        """How models are trained."""
        changes = {"steps": self.steps, "batch_size": self.batch_size}
        changes = {name: value for name, value in changes.items() if value is not None}
        return TrainingConfig(**_TRAINING | changes, seed=seed)


@dataclass(frozen=True)
class NextFrameJob:
    """One record to be made."""

    source: ProteinSource
    model: str
    seed: int
    settings: NextFrameSettings

    @property
    def key(self):
        return (
            _BENCHMARK, self.source.label, self.source.molecule, self.model, self.seed, "all",
            len(self._starts()["training"]),
        )  # fmt: skip

    @property
    def identity(self):
        """What decides the numbers beside the key."""
        values = self.source.identity | {"history": _HISTORY, "config": self._config}
        del values["radius"]
        if not MODELS[self.model][0].closed_form:
            values["training"] = asdict(self.settings.training(self.seed))
        return values

    @property
    def title(self):
        return f"{_BENCHMARK}, {self.source.molecule}, {self.model}, seed {self.seed}"

    def check(self):
        """Raise ValueError if there are too few windows or the model does not take the protein."""
        if self.seed == 0:
            try:
                with torch.random.fork_rng(devices=[]):
                    self.build()
            except ValueError as error:
                raise ValueError(f"{self.model} for {self.source.label}: {error}") from error

    def run(self) -> Record:
        device, config = choose_device(self.settings.device), self.settings.training(self.seed)
        windows = self.windows()
        model, seconds = train_with_seed(self.build, windows, config, device)
        predicted, target = predict(model, windows["test"], device, batch_size=config.batch_size)
        every = torch.ones(predicted.shape[1], dtype=torch.bool)
        errors = PositionErrors.of(predicted, target, every)
        if not math.isfinite(errors.mse):
            raise RuntimeError(f"{self.title}: predicted positions are not finite")
        details = {"parameters": sum(p.numel() for p in model.parameters()), "device": device}
        return Record(*self.key, errors.mse, errors.mae, seconds, self.identity, details)

    def windows(self) -> dict[str, WindowSet]:
        """Windows of ten frames, whose last is in its part."""
        return {
            part: WindowSet(self.source.protein.frames, starts - (_HISTORY - 1), _HISTORY)
            for part, starts in self._starts().items()
        }

    def build(self):
        """The untrained model."""
        return build_model(
            ModelSpec(
                architecture=self.model,
                history=_HISTORY,
                config=self._config,
                **describe_protein(self.source.protein),
            )  # fmt: skip
        )

    @property
    def _config(self):
        return dict(_CONFIGS.get(self.model, {}))

    def _starts(self):
        return self.source.starts(_HISTORY - 1)


def describe_protein(protein: ProteinTrajectory) -> dict:
    """Describe atoms of a protein, as arguments of :class:`~openmm_stegmn.models.ModelSpec`."""
    # of a protein: the first letter of an atom's name
    elements = tuple(name.lstrip("0123456789")[0] for name in protein.names)
    if strange := sorted(set(elements).difference("HCNOS")):
        raise ValueError(
            f"atoms whose names begin with {', '.join(strange)} are none of a protein: select H, "
            f"C, N, O and S"
        )
    return {
        "frame_interval": protein.interval, "atom_names": protein.names, "elements": elements,
        "residue_names": protein.residue_names, "residue_ids": protein.residue_ids,
        "masses": tuple(Element.getBySymbol(element).mass._value for element in elements),
        "bonds": protein.bonds,
    }  # fmt: skip


def run_next_frames(
    source: ProteinSource, settings: NextFrameSettings | None = None, *, output=None,
    overwrite: bool = False, processes: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Record]:  # fmt: skip
    """Train and measure every model with every seed; see :func:`run_states` for the rest.

    Parameters
    ----------
    source : ProteinSource
        That looks one frame ahead.
    settings : NextFrameSettings, optional
    output, overwrite, processes, progress
        See :func:`run_states`.
    """
    settings, file = settings or NextFrameSettings(), RecordFile(output)
    jobs = [
        NextFrameJob(source, name, seed, settings)
        for seed in range(settings.seeds)
        for name in settings.models
        if seed == 0 or not MODELS[name][0].closed_form
    ]
    try:
        for job in jobs:
            job.check()
        return make_records(jobs, file, overwrite=overwrite, processes=processes, progress=progress)
    finally:
        forget_protein()
