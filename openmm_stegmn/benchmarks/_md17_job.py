"""One record of the benchmark ``md17``: a model, trained and measured."""

import math
from dataclasses import asdict, dataclass

from ..data import MoleculeTrajectory, split_windows
from ..mechanics import disjoint_bonds
from ..models import MODELS, ModelSpec, build_model
from ..training import TrainingConfig, choose_device
from ._accuracy import PositionErrors, predict, rigid_stick_frames
from ._md17_models import model_config, training_config
from ._md17_settings import MD17Settings
from ._records import Record
from ._seeded_training import train_with_seed

#: Name of the floor in records and tables.
FLOOR = "rigid-stick floor"
#: Of the trajectories, fs.
TIME_STEP = 0.5

_BENCHMARK = "md17"
_HISTORY, _STRIDE = 10, 10


@dataclass(frozen=True)
class MD17Job:
    """One record to be made."""

    trajectory: MoleculeTrajectory
    model: str
    seed: int
    settings: MD17Settings

    @property
    def key(self):
        settings = self.settings
        return (
            _BENCHMARK, self.trajectory.label, self.trajectory.name, self.model, self.seed,
            settings.atoms, settings.windows,
        )  # fmt: skip

    @property
    def identity(self):
        """What decides the numbers beside the key."""
        settings = self.settings
        values = {
            "history": _HISTORY, "stride": _STRIDE, "time_step_fs": TIME_STEP,
            "validation_windows": settings.validation, "test_windows": settings.test,
            "data_sha256": self.trajectory.sha256,
        }  # fmt: skip
        if self.model != FLOOR:
            values["config"] = self.config
            training = asdict(self.training)
            if MODELS[self.model][0].closed_form:
                # Least squares has no steps: all it has of these is what the windows are.
                training = {k: v for k, v in training.items() if k == "time_reversal"}
            values["training"] = training
        return values

    @property
    def title(self):
        return f"{self.trajectory.name}, {self.model}, seed {self.seed}"

    @property
    def config(self) -> dict:
        """Keyword arguments of the architecture."""
        return model_config(self.model)

    @property
    def training(self) -> TrainingConfig:
        """How the model is trained."""
        return training_config(self.model, self.seed)

    def check(self):
        """Raise ValueError if there are too few windows or the model does not take the molecule."""
        if self.model == FLOOR:
            self._split()
        elif self.seed == 0:
            try:
                self.build()
            except ValueError as error:
                raise ValueError(f"{self.model} for {self.trajectory.name}: {error}") from error

    def run(self) -> Record:
        windows = self._split()
        details = {"file": self.trajectory.path.name, "temperature_K": self.trajectory.temperature}
        if self.model == FLOOR:
            seconds = 0.0
            window, target = windows["test"].take(slice(None))
            # those that stegmn-paper chooses
            sticks = disjoint_bonds(self.trajectory.bonds)
            predicted = rigid_stick_frames(window[:, -1], target, sticks, self.trajectory.masses)
        else:
            device = choose_device(self.settings.device)
            model, seconds = train_with_seed(self.build, windows, self.training, device)
            predicted, target = predict(model, windows["test"], device)
            details["parameters"] = sum(p.numel() for p in model.parameters())
            details["device"] = device
        errors = asdict(PositionErrors.of(predicted, target, self.trajectory.heavy))
        if not all(map(math.isfinite, errors.values())):
            raise RuntimeError(
                f"{self.model} for {self.trajectory.name}, seed {self.seed}: predicted positions "
                f"are not finite"
            )
        mse, mae = errors.pop("mse"), errors.pop("mae")
        if self.settings.atoms == "all":
            details |= errors
        return Record(*self.key, mse, mae, seconds, self.identity, details)

    def _split(self):
        return split_windows(
            self.trajectory, training=self.settings.windows, validation=self.settings.validation,
            test=self.settings.test, history=_HISTORY, stride=_STRIDE, seed=self.seed,
        )  # fmt: skip

    def build(self):
        """The untrained model."""
        spec = ModelSpec(
            architecture=self.model, history=_HISTORY,
            frame_interval=_STRIDE * TIME_STEP / 1000, config=self.config,
            **self.trajectory.describe(),
        )  # fmt: skip
        return build_model(spec)
