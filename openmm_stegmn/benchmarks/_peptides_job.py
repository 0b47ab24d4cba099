"""One record of the benchmark ``peptides``: train, compare with what followed, take energies."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from ..data import describe_molecule
from ..models import MODELS, ModelSpec, build_model
from ..systems import MolecularSystem
from ..training import choose_device, evaluate
from ._peptides_data import PEPTIDES
from ._peptides_energy import EnergyMeter, next_frames
from ._peptides_floor import NoiseFloor
from ._peptides_models import PEPTIDE_MODELS, peptide_training
from ._peptides_references import NOISE_FLOOR, REFERENCES, molecule_context, turned_frames
from ._peptides_settings import PeptideSettings
from ._peptides_windows import PeptideWindows, peptide_windows
from ._records import Record
from ._seeded_training import train_with_seed

_BENCHMARK, _LABEL = "peptides", "ff14SB, OBC2"


def peptide_model(molecule: str, system: MolecularSystem, name: str, settings, interval: float):
    """An untrained model, by its name in the benchmark.

    Raises
    ------
    ValueError
        If the architecture does not take the molecule.
    """
    architecture, config = PEPTIDE_MODELS[name]
    spec = ModelSpec(
        architecture=architecture, history=settings.history, frame_interval=interval,
        temperature=settings.dynamics.temperature, config=config,
        **describe_molecule(system.topology, system.system),
    )  # fmt: skip
    try:
        return build_model(spec)
    except ValueError as error:
        raise ValueError(f"{name} for {molecule}: {error}") from error


@dataclass(frozen=True)
class PeptideJob:
    """One record to be made; its data are in files, so that it is small where it is sent."""

    folder: Path
    """Of the trajectories."""
    molecule: str
    interval: float
    """ps."""
    name: str
    """Of a model or a reference."""
    seed: int
    settings: PeptideSettings

    @classmethod
    def all_of(cls, folder: Path, molecule: str, interval: float, settings) -> list["PeptideJob"]:
        """Those of a molecule at an interval; what has no random numbers has seed 0 only."""
        seeds = {name: 1 for name in REFERENCES}
        for name in settings.models:
            seeds[name] = 1 if _closed_form(name) else settings.seeds
        return [
            cls(folder, molecule, interval, name, seed, settings)
            for name, count in seeds.items()
            for seed in range(count)
        ]

    @property
    def data(self) -> PeptideWindows:
        """What the record is made from."""
        return peptide_windows(self.folder, self.molecule, self.interval, self.settings)

    @property
    def key(self):
        return (
            _BENCHMARK, f"{_LABEL}, {self.interval:g} ps", self.molecule, self.name, self.seed,
            "all", len(self.data.sets["training"]),
        )  # fmt: skip

    @property
    def identity(self):
        """What decides the numbers beside the key."""
        settings, dynamics, data = self.settings, self.settings.dynamics, self.data
        values = {
            "interval_ps": self.interval, "history": settings.history,
            "test_windows": len(data.sets["test"]), "energy_windows": len(data.energies),
            "data": data.metadata,
        }  # fmt: skip
        if self.name == NOISE_FLOOR:
            return values | {"states": dynamics.states, "repeats": dynamics.repeats}
        if self.name in REFERENCES:
            return values
        architecture, config = PEPTIDE_MODELS[self.name]
        values |= {"architecture": architecture, "config": config}
        if not _closed_form(self.name):
            values["training"] = asdict(self._training())
            values["validation_windows"] = len(data.sets["validation"])
        return values

    @property
    def title(self):
        return f"{self.molecule}, {self.interval:g} ps, {self.name}, seed {self.seed}"

    def run(self) -> Record:
        seconds = 0.0
        if self.name in REFERENCES:
            frames, errors = self._reference()
            errors |= self._rise(frames)
        else:
            errors, seconds = self._measure()
        mse, mae = errors.pop("mse"), errors.pop("mae")
        if not (math.isfinite(mse) and math.isfinite(mae)):
            raise RuntimeError(
                f"{self.name} for {self.molecule} at {self.interval:g} ps, seed {self.seed}: "
                f"predicted positions are not finite"
            )
        return Record(*self.key, mse, mae, seconds, self.identity, errors)

    def _model(self):
        return peptide_model(
            self.molecule, self.data.molecule, self.name, self.settings, self.interval
        )

    def _training(self):
        settings = self.settings
        return peptide_training(self.molecule, self.seed, settings.steps, settings.batch_size)

    def _reference(self):
        data = self.data
        context, heavy = molecule_context(data.molecule)
        if self.name == NOISE_FLOOR:
            floor = NoiseFloor.estimate(data.repeats, data.starts, context, heavy)
            _, followed = data.energies.take(slice(None))
            return followed, asdict(floor)
        return turned_frames(self.name, data.energies, context, heavy)

    def _measure(self):
        device, data = choose_device(self.settings.device), self.data
        model, seconds = train_with_seed(self._model, data.sets, self._training(), device)
        accuracy = evaluate(model.to(device), data.sets["test"], batch_size=250)
        errors = {
            "mse": accuracy.position_mse, "mae": accuracy.position_mae,
            "mse_heavy": accuracy.position_mse_heavy, "torsion_rmse": accuracy.mean_torsion_rmse,
            "torsion_mae": accuracy.mean_torsion_mae, "kinematics": model.kinematics,
            "parameters": sum(p.numel() for p in model.parameters()), "device": device,
            **self._rise(next_frames(model, data.energies)),
        }  # fmt: skip
        return errors, seconds

    def _rise(self, after):
        """Energies of frames that follow the last ones of the windows."""
        window, _ = self.data.energies.take(slice(None))
        meter = EnergyMeter(self.data.molecule.system, PEPTIDES[self.molecule][1])
        return asdict(meter.rise(window[:, -1], after, self.settings.dynamics.temperature))


def _closed_form(name):
    architecture, _ = PEPTIDE_MODELS[name]
    return MODELS[architecture][0].closed_form
