"""The records of the benchmark ``peptides``: train, compare with what followed, take energies."""

import math
from dataclasses import asdict

from ..data import WindowSet, describe_molecule
from ..models import MODELS, ModelSpec, build_model
from ..systems import MolecularSystem
from ..training import evaluate
from ._device import choose_device
from ._peptides_data import PEPTIDES, PeptideTrajectories
from ._peptides_energy import EnergyMeter, next_frames
from ._peptides_floor import NoiseFloor
from ._peptides_models import PEPTIDE_MODELS, peptide_training
from ._peptides_references import NOISE_FLOOR, REFERENCES, molecule_context, turned_frames
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


class PeptideRecords:
    """The records of one molecule at one interval."""

    def __init__(self, trajectories: PeptideTrajectories, interval, settings):
        self.trajectories, self.interval, self.settings = trajectories, interval, settings
        stride = settings.stride(interval)
        self.windows = {
            part: WindowSet.from_trajectories(frames, settings.history, stride)
            for part, frames in trajectories.frames.items()
        }
        for part in ("test", "validation"):
            self.windows[part] = self.windows[part].subset(getattr(settings, part))

    def jobs(self):
        """Names and seeds; what has no random numbers has seed 0 only."""
        yield from ((name, 0) for name in REFERENCES)
        for name in self.settings.models:
            seeds = 1 if _closed_form(name) else self.settings.seeds
            yield from ((name, seed) for seed in range(seeds))

    def key(self, name, seed):
        return (
            _BENCHMARK, f"{_LABEL}, {self.interval:g} ps", self.trajectories.name, name, seed,
            "all", len(self.windows["training"]),
        )  # fmt: skip

    def identity(self, name, seed):
        """What decides the numbers beside the key."""
        settings, dynamics = self.settings, self.settings.dynamics
        values = {
            "interval_ps": self.interval, "history": settings.history,
            "test_windows": len(self.windows["test"]),
            "energy_windows": len(self._energy_windows()), "data": self.trajectories.metadata,
        }  # fmt: skip
        if name == NOISE_FLOOR:
            return values | {"states": dynamics.states, "repeats": dynamics.repeats}
        if name in REFERENCES:
            return values
        architecture, config = PEPTIDE_MODELS[name]
        values |= {"architecture": architecture, "config": config}
        if not _closed_form(name):
            values["training"] = asdict(self._training(seed))
            values["validation_windows"] = len(self.windows["validation"])
        return values

    def run(self, name, seed) -> Record:
        seconds = 0.0
        if name in REFERENCES:
            frames, errors = self._reference(name)
            errors |= self._rise(frames)
        else:
            errors, seconds = self._measure(name, seed)
        mse, mae = errors.pop("mse"), errors.pop("mae")
        if not (math.isfinite(mse) and math.isfinite(mae)):
            raise RuntimeError(
                f"{name} for {self.trajectories.name} at {self.interval:g} ps, seed {seed}: "
                f"predicted positions are not finite"
            )
        return Record(*self.key(name, seed), mse, mae, seconds, self.identity(name, seed), errors)

    def _model(self, name):
        trajectories = self.trajectories
        return peptide_model(
            trajectories.name, trajectories.molecule, name, self.settings, self.interval
        )

    def _training(self, seed):
        settings = self.settings
        return peptide_training(self.trajectories.name, seed, settings.steps, settings.batch_size)

    def _reference(self, name):
        trajectories = self.trajectories
        context, heavy = molecule_context(trajectories.molecule)
        if name == NOISE_FLOOR:
            floor = NoiseFloor.estimate(
                trajectories.repeats[self.interval], trajectories.starts, context, heavy
            )
            _, followed = self._energy_windows().take(slice(None))
            return followed, asdict(floor)
        return turned_frames(name, self._energy_windows(), context, heavy)

    def _measure(self, name, seed):
        device = choose_device(self.settings.device)
        model, seconds = train_with_seed(
            lambda: self._model(name), self.windows, self._training(seed), device
        )
        accuracy = evaluate(model.to(device), self.windows["test"], batch_size=250)
        errors = {
            "mse": accuracy.position_mse, "mae": accuracy.position_mae,
            "mse_heavy": accuracy.position_mse_heavy, "torsion_rmse": accuracy.mean_torsion_rmse,
            "torsion_mae": accuracy.mean_torsion_mae, "kinematics": model.kinematics,
            "parameters": sum(p.numel() for p in model.parameters()), "device": device,
            **self._rise(next_frames(model, self._energy_windows())),
        }  # fmt: skip
        return errors, seconds

    def _energy_windows(self):
        return self.windows["test"].subset(self.settings.energies)

    def _rise(self, after):
        """Energies of frames that follow the last ones of the windows."""
        window, _ = self._energy_windows().take(slice(None))
        name = self.trajectories.name
        meter = EnergyMeter(self.trajectories.molecule.system, PEPTIDES[name][1])
        return asdict(meter.rise(window[:, -1], after, self.settings.dynamics.temperature))


def _closed_form(name):
    architecture, _ = PEPTIDE_MODELS[name]
    return MODELS[architecture][0].closed_form
