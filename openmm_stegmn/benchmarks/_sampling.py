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
from ._peptides_files import make_files, read_arrays
from ._records import Record, RecordFile
from ._sampling_runs import (
    EXACT,
    PLAIN,
    TorsionReader,
    make_reference,
    sample,
    with_seed,
)
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
    processes: int = 1, progress: Callable[[str, int, int], None] | None = None,
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
    progress : callable, optional
        Called with what comes next, what is done, and how much there is in all.

    Raises
    ------
    ValueError
        If a setting makes no sense, files were made with other settings, or no model is there.
    """
    settings, file = settings or SamplingSettings(), RecordFile(output)
    report, records = progress or (lambda *_: None), []
    for molecule in settings.molecules:
        model_name, residue = SAMPLING_MODELS[molecule]
        model = load_model(model_name)
        reader = TorsionReader(model, residue)
        reference = _reference(folder, molecule, model, reader, settings, processes, report)
        judge = _Judge(reference, round(_LAG / model.frame_interval), reader.folds)
        jobs = [(kind, seed) for seed in range(settings.seeds) for kind in (PLAIN, EXACT)]
        for number, (kind, seed) in enumerate(jobs):
            report(f"{molecule}: {kind}, seed {seed}", number, len(jobs))
            key = (_BENCHMARK, _LABEL, molecule, kind, seed, "all", 0)
            identity = _identity(settings, kind, model)
            record = None if overwrite else file.find(key, identity)
            if record is None:
                run = sample(
                    with_seed(_run_settings(molecule, model_name, settings), seed), kind,
                    settings.seconds, reader,
                )  # fmt: skip
                record = Record(*key, None, None, 0.0, identity, judge(run))
                file.add(record)
            records.append(record)
    return records


def _run_settings(molecule, model, settings):
    return RunSettings(
        pdb=str(packaged_structure(molecule)), model=model, guard="metropolis",
        md_frames=settings.md_frames, tries=settings.tries, platform=settings.platform,
        equilibration=100.0,
    )  # fmt: skip


def _identity(settings, kind, model):
    values = asdict(settings)
    wanted = ["seconds", "platform", "reference_ns", "replicas"]
    if kind == EXACT:
        wanted += ["md_frames", "tries"]
    return {name: values[name] for name in wanted} | {"model_sha256": model.sha256}


def _reference(folder, molecule, model, reader, settings, processes, report):
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
    make_files(f"{molecule}: reference", files, make, processes, report)
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
