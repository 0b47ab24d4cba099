"""Trajectories like those of MD17, from GFN2-xTB by tblite and ASE."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ._archives import DAMAGED, check_settings, write_archive
from ._md17_molecules import MD17_MOLECULES, md17_structure
from ._xtb_processes import run_in_processes

METHOD = "GFN2-xTB"


@dataclass(frozen=True)
class XtbSettings:
    """How a trajectory is made."""

    steps: int = 60_000
    """Frames that are kept: one a step."""
    time_step: float = 0.5
    """fs, that of MD17."""
    temperature: float = 500.0
    """K, that of MD17."""
    friction: float = 0.1
    """Of the Langevin thermostat, 1/ps: weak, so that within a window the noise is far below what
    a model misses."""
    accuracy: float = 0.1
    """Of the self-consistent charges, tblite's unit."""
    equilibration: int = 4_000
    """Steps before the first frame, at 5/ps."""
    seed: int = 2026

    def __post_init__(self):
        for name in ("steps", "time_step", "temperature", "friction", "accuracy"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


_EQUILIBRATION_FRICTION = 5.0
# Frames between two writes of what is done: some seconds of work.
_CHUNK = 2_000


def generate_trajectories(
    folder, molecules=MD17_MOLECULES, settings: XtbSettings | None = None, *, processes: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Path]:  # fmt: skip
    """Make ``<molecule>.npz`` in a folder for each molecule; what is there is kept.

    An interrupted trajectory goes on where it was last written. The files have the keys of MD17
    (``R`` Å, ``E`` kcal/mol, ``F`` kcal/mol/Å, ``z``) and ``metadata``, JSON that says
    ``"method": "GFN2-xTB"``: these are never MD17's.

    Parameters
    ----------
    folder : path-like
    molecules : sequence of str
        Of :data:`MD17_MOLECULES`.
    settings : XtbSettings, optional
    processes : int
        Molecules at the same time, one core each.
    progress : callable, optional
        Called with molecule, frames made, and frames in all.

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError
        If a molecule is not known, or a file that is there was made with other settings.
    ImportError
        If tblite or ASE is missing.
    RuntimeError
        If one of several processes ends before it is done, as one that is killed.
    """
    _need_tblite()
    settings = settings or XtbSettings()
    for molecule in molecules:
        if molecule not in MD17_MOLECULES:
            raise ValueError(
                f"no molecule named {molecule!r}; there are: {', '.join(MD17_MOLECULES)}"
            )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    todo = [m for m in molecules if not _is_complete(folder / f"{m}.npz", m, settings)]
    report = progress or (lambda *_: None)
    if processes == 1 or len(todo) < 2:
        for molecule in todo:
            for done in _run(folder, molecule, settings):
                report(molecule, done, settings.steps)
    else:
        run_in_processes(_run, folder, todo, settings, processes, report)
    return [folder / f"{molecule}.npz" for molecule in molecules]


def _need_tblite():
    try:
        import ase  # noqa: F401
        import tblite  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"making {METHOD} trajectories needs tblite and ASE ({error}): "
            f'pip install "openmm-stegmn[xtb]"'
        ) from error


def _is_complete(path, molecule, settings):
    if not path.exists():
        return False
    with _open(path) as stored:
        if "metadata" not in stored:
            raise ValueError(
                f"{path} was not made by this generator (it has no metadata): choose another folder"
            )
        found = json.loads(str(stored["metadata"]))
    _compare(path, found, _metadata(molecule, settings))
    return True


def _open(path):
    try:
        return np.load(path)
    except DAMAGED as error:
        raise ValueError(
            f"{path} cannot be read ({error}); remove it to have it made again"
        ) from error


def _compare(path, found, expected):
    settings = {key: value for key, value in expected.items() if key != "versions"}
    check_settings(path, found, settings)


def _metadata(molecule, settings):
    return {
        "molecule": molecule,
        "method": METHOD,
        "versions": {package: version(package) for package in ("tblite", "ase")},
        **asdict(settings),
    }


def _run(folder, molecule, settings):
    """Make one trajectory; yields the number of frames after each chunk."""
    from ase import units
    from ase.md.langevin import Langevin

    path, partial = folder / f"{molecule}.npz", folder / f"{molecule}.partial.npz"
    atoms, rng = _prepare(molecule, settings), np.random.default_rng(settings.seed)
    metadata = _metadata(molecule, settings)
    n_atoms, done = len(atoms), 0
    frames = np.empty((settings.steps, n_atoms, 3), np.float32)
    forces, energies = np.empty_like(frames), np.empty(settings.steps)
    if partial.exists():
        done = _resume(partial, metadata, atoms, rng, frames, forces, energies)
    else:
        _equilibrate(atoms, settings, rng)
    dynamics = Langevin(
        atoms, settings.time_step * units.fs, temperature_K=settings.temperature,
        friction=settings.friction / (1000 * units.fs), fixcm=False, rng=rng,
    )  # fmt: skip
    calories = units.kcal / units.mol
    while done < settings.steps:
        upto = min(done + _CHUNK, settings.steps)
        for frame in range(done, upto):
            dynamics.run(1)
            frames[frame] = atoms.positions
            forces[frame], energies[frame] = (
                atoms.get_forces() / calories, atoms.get_potential_energy() / calories,
            )  # fmt: skip
        done = upto
        arrays = {
            "R": frames[:done], "E": energies[:done], "F": forces[:done], "z": atoms.numbers,
            "metadata": json.dumps(metadata),
        }  # fmt: skip
        if done < settings.steps:
            state = {
                "positions": atoms.positions,
                "momenta": atoms.get_momenta(),
                "rng": json.dumps(rng.bit_generator.state),
            }
            write_archive(partial, {**arrays, **state})
        else:
            write_archive(path, arrays)
            partial.unlink(missing_ok=True)
        yield done


def _prepare(molecule, settings):
    from ase.io import read
    from tblite.ase import TBLite

    atoms = read(md17_structure(molecule))
    atoms.info.clear()
    atoms.calc = TBLite(method=METHOD, accuracy=settings.accuracy, verbosity=0)
    return atoms


def _equilibrate(atoms, settings, rng):
    from ase import units
    from ase.md.langevin import Langevin
    from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

    # From a minimum, half of the kinetic energy goes into the potential: start twice as hot.
    MaxwellBoltzmannDistribution(atoms, temperature_K=2 * settings.temperature, rng=rng)
    Langevin(
        atoms, settings.time_step * units.fs, temperature_K=settings.temperature,
        friction=_EQUILIBRATION_FRICTION / (1000 * units.fs), fixcm=False, rng=rng,
    ).run(settings.equilibration)  # fmt: skip


def _resume(partial, metadata, atoms, rng, frames, forces, energies):
    with _open(partial) as stored:
        _compare(partial, json.loads(str(stored["metadata"])), metadata)
        done = len(stored["R"])
        frames[:done], forces[:done], energies[:done] = stored["R"], stored["F"], stored["E"]
        atoms.positions = stored["positions"]
        atoms.set_momenta(stored["momenta"])
        rng.bit_generator.state = json.loads(str(stored["rng"]))
    return done
