"""The benchmark ``sampling``: what exact jumps gain over plain dynamics of the same wall time."""

import functools
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import openmm

from ..models import load_model
from ..runs import RunSettings
from ..systems import DEFAULT_FORCEFIELDS, build_system, packaged_structure
from ._array_files import make_files, read_arrays
from ._jobs import make_records
from ._records import Record, RecordFile
from ._sampling_runs import EXACT, PLAIN, TorsionReader, make_reference, sample
from ._sampling_statistics import (
    SlowestMode,
    effective_angles,
    effective_samples,
    free_energy,
    free_energy_error,
    visits,
)

#: By structure: its packaged model of exact moves, and the residue whose φ and ψ are compared.
SAMPLING_MODELS = {"alanine-dipeptide": ("alanine-dipeptide-exact", "ALA")}

_BENCHMARK, _LABEL = "sampling", "ff14SB, OBC2"
# Of TICA, ps; and of the reference before its first frame
_LAG, _EQUILIBRATION = 10.0, 100.0


@dataclass(frozen=True)
class SamplingSettings:
    """What to measure."""

    molecules: tuple = tuple(SAMPLING_MODELS)
    seeds: int = 3
    seconds: float = 300.0
    """Wall time of each run."""
    md_frames: int = 1
    """Physical frames between jumps."""
    tries: int = 4
    """Trials in a jump."""
    platform: str = "auto"
    reference_ns: float = 200.0
    """Of plain dynamics, in replicas, for free energies and the slowest mode."""
    replicas: int = 20
    """Of the reference."""

    def __post_init__(self):
        unknown = [name for name in self.molecules if name not in SAMPLING_MODELS]
        if unknown or not self.molecules:
            raise ValueError(
                f"molecules: {', '.join(unknown) or 'none'} not known; there are: "
                f"{', '.join(SAMPLING_MODELS)}"
            )
        for name in ("seeds", "seconds", "md_frames", "tries", "reference_ns", "replicas"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


def run_sampling(
    folder, settings: SamplingSettings | None = None, *, output=None, overwrite: bool = False,
    processes: int = 1, made: Callable[[str, int, int], None] | None = None,
    measured: Callable[[str, int, int], None] | None = None,
) -> list[Record]:  # fmt: skip
    """Sample each molecule by plain dynamics and by exact jumps, and compare.

    Parameters
    ----------
    folder : path-like
        Holds the reference of plain dynamics, or gets what is missing of it.
    settings : SamplingSettings, optional
    output : path-like, optional
        JSON file of records; those in it are not made again.
    overwrite : bool
        Make them again.
    processes : int
        Replicas of the reference at the same time. What is timed runs alone.
    made : callable, optional
        Called with what is simulated for the reference, files that are there, and files in all.
    measured : callable, optional
        Called with what runs now, records done, and records in all.

    Raises
    ------
    ValueError
        If a setting makes no sense, files were made with other settings, or no model is there.
    """
    settings, file, jobs = settings or SamplingSettings(), RecordFile(output), []
    for molecule in settings.molecules:
        name, residue = SAMPLING_MODELS[molecule]
        model = load_model(name)
        reader = TorsionReader(model, residue)
        reference = _reference(folder, molecule, model, reader, settings, processes, made)
        judge = _Judge(reference, round(_LAG / model.frame_interval), reader.folds)
        jobs += [
            _Job(molecule, kind, seed, settings, model.sha256, reader, judge)
            for seed in range(settings.seeds)
            for kind in (PLAIN, EXACT)
        ]
    return make_records(jobs, file, overwrite=overwrite, progress=measured)


@dataclass(frozen=True)
class _Job:
    """One run, and what is measured of it."""

    molecule: str
    kind: str
    seed: int
    settings: SamplingSettings
    model_sha256: str
    reader: TorsionReader
    judge: "_Judge"

    @property
    def key(self):
        return (_BENCHMARK, _LABEL, self.molecule, self.kind, self.seed, "all", 0)

    @property
    def identity(self):
        """What decides the numbers beside the key."""
        values, wanted = asdict(self.settings), ["seconds", "platform", "reference_ns", "replicas"]
        if self.kind == EXACT:
            wanted += ["md_frames", "tries"]
        return {name: values[name] for name in wanted} | {"model_sha256": self.model_sha256}

    @property
    def title(self):
        return f"{self.molecule}: {self.kind}, seed {self.seed}"

    def run(self) -> Record:
        settings = self.settings
        model, _ = SAMPLING_MODELS[self.molecule]
        hybrid = RunSettings(
            pdb=str(packaged_structure(self.molecule)), model=model, guard="metropolis",
            md_frames=settings.md_frames, tries=settings.tries, platform=settings.platform,
            equilibration=100.0, seed=1000 * (self.seed + 1),
        )  # fmt: skip
        run = sample(hybrid, self.kind, settings.seconds, self.reader)
        return Record(*self.key, None, None, 0.0, self.identity, self.judge(run))


def _reference(folder, molecule, model, reader, settings, processes, made):
    """Torsions of each replica."""
    system = build_system(packaged_structure(molecule), DEFAULT_FORCEFIELDS)
    interval, temperature = model.frame_interval, model.temperature
    n_frames = round(1000 * settings.reference_ns / settings.replicas / interval)
    shared = {
        "molecule": molecule, "force_field": list(DEFAULT_FORCEFIELDS),
        "frame_interval": interval, "n_frames": n_frames, "temperature": temperature,
        "equilibration": _EQUILIBRATION,
    }  # fmt: skip
    folder = Path(folder) / molecule
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        folder / f"reference-{number:03d}.npz": shared | {"seed": number + 1}
        for number in range(settings.replicas)
    }
    options = {
        "time_step": 0.002, "temperature": temperature, "friction": 1.0, "platform": "Reference",
    }  # fmt: skip
    make = functools.partial(
        make_reference, reader, openmm.XmlSerializer.serialize(system.system),
        system.positions, n_frames, options,
    )  # fmt: skip
    make_files(f"{molecule}: reference", files, make, processes, made)
    return [read_arrays(path, about, ("torsions",))[0] for path, about in files.items()]


class _Judge:
    """What is measured of a run.

    Effective samples of exact jumps come from the run itself. Those of plain dynamics come from the
    reference, which is the same dynamics for longer: a short run that never leaves a basin does not
    know how seldom it would.

    Parameters
    ----------
    reference : list of ndarray
        Torsions of each replica.
    lag : int
        Of TICA, frames.
    folds : ndarray
        See :class:`SlowestMode`.
    """

    def __init__(self, reference, lag, folds):
        every = np.concatenate(reference)
        self._reference = free_energy(every[:, -2], every[:, -1])
        self._mode = SlowestMode(reference, lag, folds)
        self._plain = self._samples(every)

    def _samples(self, torsions) -> dict:
        """Effective samples a frame."""
        return {
            "phi": effective_angles(torsions[:, -2]) / len(torsions),
            "psi": effective_angles(torsions[:, -1]) / len(torsions),
            "slowest": effective_samples(self._mode(torsions)) / len(torsions),
        }  # fmt: skip

    def __call__(self, run) -> dict:
        phi, psi = run.torsions[:, -2], run.torsions[:, -1]
        error, unvisited = free_energy_error(free_energy(phi, psi), self._reference)
        samples = self._samples(run.torsions) if run.statistics else self._plain
        found = {
            "wall_seconds": run.wall_seconds, "physical_time_ps": run.physical_time,
            "n_frames": len(phi), "free_energy_rms_kT": error, "bins_unvisited": unvisited,
            "phi_positive": float((phi > 0).mean()),
            "phi_positive_visits": visits(phi, 0.3, 2.0), **run.statistics,
        }  # fmt: skip
        for name, share in samples.items():
            rate = share * len(phi) / run.wall_seconds
            found[f"effective_{name}_per_second"] = rate if math.isfinite(rate) else None
        return found
