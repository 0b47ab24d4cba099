"""Models of exact moves that the benchmark ``sampling`` trains and measures."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..data import WindowSet
from ..models import load_model, save_model
from ..training import (
    FineTuneConfig,
    TrainingConfig,
    choose_device,
    fine_tune,
    measure_acceptance,
    record_provenance,
)
from ._records import Record, RecordsError
from ._sampling_data import read_frames
from ._sampling_molecules import (
    LABEL,
    SAMPLING_MOLECULES,
    TEMPERATURE,
    block_name,
    sampled_system,
    untrained_model,
)
from ._seeded_training import train_with_seed

# Frames that acceptance is measured on, and that fine-tuning chooses by
_TESTED, _VALIDATED = 300, 200


@dataclass(frozen=True)
class ProposalJob:
    """Train a model by likelihood and for acceptance, measure it, and save it."""

    molecule: str
    """Of :data:`SAMPLING_MOLECULES`."""
    block: int | None
    """Most bonds that a move turns; None: all."""
    replicas: tuple
    """Files of the frames; the last two are for test and validation."""
    steps: int
    """Of training by likelihood."""
    device: str = "auto"
    seed: int = 0

    @property
    def path(self) -> Path:
        """Of the model: one trained with other settings has another."""
        size = "all" if self.block is None else f"blocks-of-{self.block}"
        folder, count = Path(self.replicas[0]).parent, len(self.replicas) - 2
        settings = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()
        name = f"exact-{size}-{count}-replicas-seed-{self.seed}-{settings[:8]}.safetensors"
        return folder / name

    @property
    def key(self):
        return (
            "proposal", LABEL, self.molecule, block_name(self.block), self.seed, "all",
            len(self.replicas) - 2,
        )  # fmt: skip

    @property
    def nanoseconds(self) -> float:
        """That it is trained on."""
        return (len(self.replicas) - 2) * SAMPLING_MOLECULES[self.molecule].replica_ns

    @property
    def identity(self):
        """What decides the numbers beside the key."""
        return {
            "training": asdict(self._training), "fine_tuning": asdict(self._fine_tuning),
            "test_frames": _TESTED, "validation_frames": _VALIDATED,
        }  # fmt: skip

    @property
    def title(self):
        return f"{self.molecule}: training, {block_name(self.block)}, {self.nanoseconds:g} ns"

    def check(self, record: Record) -> None:
        """Raise RecordsError if the model that is there is not the one that a record is of."""
        found, expected = load_model(self.path).sha256, record.details["model_sha256"]
        if found != expected:
            raise RecordsError(
                f"{self.path} is not the model of the record of {record.title}: its sha256 is "
                f"{found}, that of the record {expected}; --overwrite the record, or remove the "
                f"model to have it trained again"
            )

    @property
    def _training(self):
        batch_size = SAMPLING_MOLECULES[self.molecule].batch_size
        return TrainingConfig(
            steps=self.steps, batch_size=batch_size, validate_every=100, seed=self.seed
        )

    @property
    def _fine_tuning(self):
        # no more of it than of what comes before
        steps = min(self.steps, SAMPLING_MOLECULES[self.molecule].fine_tuning)
        return FineTuneConfig(steps=steps, seed=self.seed)

    def run(self) -> Record:
        device = choose_device(self.device)
        system, about = sampled_system(self.molecule), SAMPLING_MOLECULES[self.molecule]
        *training, test, validation = read_frames(self.replicas)
        windows = {
            "training": WindowSet.from_trajectories(training, history=1),
            "validation": WindowSet.from_trajectories([validation], history=1),
        }
        model, seconds = train_with_seed(
            lambda: untrained_model(system, self.block), windows, self._training, device
        )
        test = test[:: max(1, len(test) // _TESTED)]
        before = measure_acceptance(model, system.system, test, TEMPERATURE)
        fine_tune(
            model, system.system, windows["training"].frames, TEMPERATURE, self._fine_tuning,
            validation=validation[:: max(1, len(validation) // _VALIDATED)], device=device,
            platform=about.platform,
        )  # fmt: skip
        after = measure_acceptance(model, system.system, test, TEMPERATURE)
        record_provenance(
            model, command="openmm-stegmn benchmark sampling", settings=self.identity,
            nanoseconds=self.nanoseconds, acceptance=after.as_dict(),
        )  # fmt: skip
        save_model(model, self.path)
        details = {
            "nanoseconds": self.nanoseconds, "by_likelihood": before.as_dict(), "device": device,
            **after.as_dict(),
            "model": self.path.name, "model_sha256": load_model(self.path).sha256,
        }  # fmt: skip
        return Record(*self.key, None, None, seconds, self.identity, details)
