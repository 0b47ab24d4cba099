"""The folder that a run writes, and what makes it safe to write and to continue."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ..atomic_files import write_atomically
from ..systems import MolecularSystem, SetupError, build_system
from ._prepare import system_sha256
from ._settings import RunSettings

_FORMAT = 1
# Settings that name what identity() compares by content, or that a restart may change.
_COMPARED_OTHERWISE = ("pdb", "forcefields", "model", "length", "platform", "backend")


class RunFolder:
    """Paths of a run's files, written so that no crash leaves one of them half done.

    Parameters
    ----------
    path : path
        Need not exist.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.topology = self.path / "topology.pdb"
        self.trajectory = self.path / "hybrid.h5md"
        self.checkpoint = self.path / "checkpoint.chk"
        self.record = self.path / "run.json"
        self.summary = self.path / "summary.json"
        # What `analyze` writes beside the run
        self.report = self.path / "analysis.html"
        self.figures = self.path / "analysis-figures"

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.checkpoint, self.trajectory, self.topology, self.record, self.summary)

    def check_new(self, overwrite: bool) -> None:
        """Raise SetupError if a new run may not be written here."""
        if self.path.exists() and not self.path.is_dir():
            raise SetupError(f"output {self.path}: is a file, expected a folder")
        if self.path.is_dir() and any(self.path.iterdir()) and not overwrite:
            raise SetupError(
                f"output {self.path}: exists and is not empty; name another with --output, replace "
                "it with --overwrite, or continue it with --restart"
            )

    def begin(self) -> None:
        """Make the folder, without the files of an earlier run and the report on it."""
        self.path.mkdir(parents=True, exist_ok=True)
        for path in (*self.files, self.report, *self.figures.glob("*.svg")):
            path.unlink(missing_ok=True)
        if self.figures.is_dir() and not any(self.figures.iterdir()):
            self.figures.rmdir()

    def write_record(self, settings: RunSettings, identity: dict) -> None:
        """Record what the run is, so that a restart can tell."""
        record = {"format": _FORMAT, "settings": settings.as_dict(), "identity": identity}
        write_atomically(self.record, _json(record))

    def write_summary(self, summary: dict) -> None:
        write_atomically(self.summary, _json(summary))

    def write_checkpoint(self, data: bytes) -> None:
        """Write what ``Context.createCheckpoint`` gave, with its SHA-256 at the end."""
        # OpenMM ignores what follows a checkpoint, and loads a truncated one without an error.
        write_atomically(self.checkpoint, data + hashlib.sha256(data).digest())

    def read_checkpoint(self) -> bytes:
        """The checkpoint, for ``Context.loadCheckpoint``.

        Raises
        ------
        SetupError
            If it is unreadable or damaged.
        """
        try:
            whole = self.checkpoint.read_bytes()
        except OSError as error:
            raise SetupError(f"--restart: {self.checkpoint} cannot be read ({error})") from error
        data, digest = whole[:-32], whole[-32:]
        if hashlib.sha256(data).digest() != digest:
            raise SetupError(
                f"--restart: {self.checkpoint} cannot be loaded: damaged or truncated "
                f"({len(whole)} bytes)"
            )
        return data

    def read_summary(self) -> dict:
        """The last summary, empty if there is none."""
        try:
            return json.loads(self.summary.read_text())
        except (OSError, ValueError):
            return {}

    def read_record(self) -> tuple[RunSettings, dict]:
        """Settings and identity of the run in this folder.

        Raises
        ------
        SetupError
            If there is no run here, or one that cannot be continued.
        """
        missing = [
            p.name for p in (self.record, self.checkpoint, self.trajectory) if not p.is_file()
        ]
        if missing:
            raise SetupError(
                f"--restart: {self.path} holds no run to continue ({', '.join(missing)} missing)"
            )
        try:
            record = json.loads(self.record.read_text())
            if record["format"] != _FORMAT:
                raise SetupError(f"format {record['format']}, expected {_FORMAT}")
            return RunSettings.from_dict(record["settings"]), record["identity"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SetupError(f"--restart: {self.record} cannot be read ({error})") from error

    def rebuild_molecule(self) -> tuple[MolecularSystem, RunSettings]:
        """The molecular system of the run, made again, and the run's settings.

        Raises
        ------
        SetupError
            If that cannot be done any more, or gives another system than the run had.
        """
        try:
            record = json.loads(self.record.read_text())
            settings, identity = RunSettings.from_dict(record["settings"]), record["identity"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SetupError(f"{self.record} cannot be read ({error})") from error
        pdb, constraints = settings.pdb, settings.constraints
        molecule = build_system(pdb, settings.forcefields, constraints=constraints)
        if system_sha256(molecule) != identity.get("system_sha256"):
            raise SetupError(
                f"{self.record}: its structure and force field now make another system than the "
                "run had (other files, or another version of OpenMM)"
            )
        return molecule, settings

    def check_same(self, settings: RunSettings, identity: dict) -> None:
        """Raise SetupError unless the run in this folder is the one described, length apart."""
        stored_settings, stored = self.read_record()
        where = f"--restart: {self.path} holds"
        if stored.get("system_sha256") != identity["system_sha256"]:
            raise SetupError(
                f"{where} a run of another system: {_system(stored_settings, stored)}; "
                f"asked for {_system(settings, identity)}"
            )
        for key, found in identity.items():
            if stored.get(key) != found:
                name, old = key.replace("_", " "), stored.get(key)
                raise SetupError(f"{where} a run with {name} {old}, this one has {found}")
        old, new = stored_settings.as_dict(), settings.as_dict()
        for key in old:
            if key not in _COMPARED_OTHERWISE and old[key] != new[key]:
                name = key.replace("_", " ")
                raise SetupError(f"{where} a run with {name} {old[key]}, asked for {new[key]}")


def _json(values: dict) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()


def _system(settings: RunSettings, identity: dict) -> str:
    return (
        f"{settings.pdb or 'the default structure'} ({identity.get('n_atoms')} atoms, force field "
        f"{' '.join(settings.forcefields)}, SHA-256 {str(identity.get('system_sha256'))[:12]})"
    )
