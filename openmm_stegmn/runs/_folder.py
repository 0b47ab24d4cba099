"""The folder that a run writes, and what makes it safe to write and to continue."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..atomic_files import atomic_file, write_atomically
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

    @property
    def _replaced(self) -> tuple[Path, ...]:
        """What a new run writes or deletes."""
        return (*self.files, self.report, *self.figures.glob("*.svg"), *self._unfinished)

    @property
    def _unfinished(self) -> tuple[Path, ...]:
        """What is left of a run that was killed before it had a record."""
        return tuple(self.path.glob(f"{self.record.name}.*.part"))

    def check_writable(self) -> None:
        """Raise SetupError if the folder cannot be made, or nothing be written in it."""
        try:
            self.path.lstat()
        except FileNotFoundError:
            parents = self.path.absolute().parents
            folder = next(path for path in parents if os.path.lexists(path))
        except OSError as error:  # a path through a file, or too long
            raise self._not_writable(self.path, error) from error
        else:
            folder = self.path
            if not folder.is_dir():
                raise SetupError(f"output {folder}: is a file, expected a folder")
        try:
            # Permissions alone tell root nothing.
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise self._not_writable(folder, error) from error

    def check_new(self, overwrite: bool, inputs: Iterable[str | Path] = ()) -> None:
        """Raise SetupError if a new run may not be written here.

        Parameters
        ----------
        overwrite : bool
            Whether it may replace the files of an earlier run.
        inputs : iterable of path
            What it reads, and must not replace; names that are no files are left out.
        """
        if not self.path.is_dir():
            return
        others = sorted(path.name for path in set(self.path.iterdir()) - set(self._unfinished))
        if others and not self._holds_run():
            raise SetupError(
                f"output {self.path}: holds no run, but other files, such as {others[0]}; name "
                "another folder with --output, or move them away"
            )
        if others and not overwrite:
            raise SetupError(
                f"output {self.path}: exists and is not empty; name another with --output, replace "
                "it with --overwrite, or continue it with --restart"
            )
        for path in self._replaced:
            for name in inputs:
                if path.exists() and os.path.exists(name) and path.samefile(name):
                    raise SetupError(
                        f"output {self.path}: {name} is an input of this run, which would replace "
                        f"{path.name} in its folder; name another with --output, or copy it first"
                    )

    def begin(self, settings: RunSettings, identity: dict) -> None:
        """Make the folder, with a record of the run, and without the files of an earlier one."""
        record = _record(settings, identity)
        self.path.mkdir(parents=True, exist_ok=True)
        # The new record is written before anything is lost; and it never stands beside the
        # checkpoint of an earlier run, which a restart would take for its own.
        with atomic_file(self.record) as file:
            file.write(record)
            file.flush()
            self.checkpoint.unlink(missing_ok=True)
        for path in self._replaced:
            if path != self.record:
                path.unlink(missing_ok=True)
        if self.figures.is_dir() and not any(self.figures.iterdir()):
            self.figures.rmdir()

    def write_record(self, settings: RunSettings, identity: dict) -> None:
        """Record what the run is, so that a restart can tell."""
        write_atomically(self.record, _record(settings, identity))

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

    def _holds_run(self) -> bool:
        """Whether there is a record of a run; files of that name are others, too."""
        try:
            return {"format", "settings", "identity"} <= set(json.loads(self.record.read_text()))
        except (OSError, ValueError, TypeError):
            return False

    def _not_writable(self, folder: Path, error: OSError) -> SetupError:
        return SetupError(
            f"output {self.path}: the folder {folder} is not writable ({error.strerror}); choose "
            "another with --output"
        )

    def read_record(self) -> tuple[RunSettings, dict]:
        """Settings and identity of the run in this folder.

        Raises
        ------
        SetupError
            If there is no run here, or one that cannot be continued.
        """
        needed = (self.record, self.checkpoint, self.trajectory)
        # Path.is_file raises an error for a name that is too long.
        missing = [path.name for path in needed if not os.path.isfile(path)]
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


def _record(settings: RunSettings, identity: dict) -> bytes:
    return _json({"format": _FORMAT, "settings": settings.as_dict(), "identity": identity})


def _json(values: dict) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()


def _system(settings: RunSettings, identity: dict) -> str:
    return (
        f"{settings.pdb or 'the default structure'} ({identity.get('n_atoms')} atoms, force field "
        f"{' '.join(settings.forcefields)}, SHA-256 {str(identity.get('system_sha256'))[:12]})"
    )
