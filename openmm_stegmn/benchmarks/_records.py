"""Results of a benchmark: a list of records in a JSON file that loses nothing."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ..atomic_files import locked, write_atomically


class RecordsError(ValueError):
    """A file of records cannot be read, or holds others than those asked for."""


@dataclass(frozen=True)
class Record:
    """What was measured of one model, trained or run once."""

    benchmark: str
    data: str
    """What made the trajectory, such as ``"GFN2-xTB"``."""
    molecule: str
    model: str
    seed: int
    atoms: str
    """Input of the model: ``"heavy"`` or ``"all"`` atoms."""
    windows: int
    """Training windows."""
    mse: float | None
    """Å², over the atoms that the benchmark judges; None where positions are not compared."""
    mae: float | None
    """Å."""
    train_seconds: float
    settings: dict = field(default_factory=dict)
    """What else decides the numbers: data, configuration, split."""
    details: dict = field(default_factory=dict)
    """What else was measured, and where."""

    @property
    def key(self) -> tuple:
        """What a record is about; a file has one record for each."""
        return (
            self.benchmark, self.data, self.molecule, self.model, self.seed, self.atoms,
            self.windows,
        )  # fmt: skip

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.model} for {self.molecule}, seed {self.seed}"


class RecordFile:
    """Records by key, written after each one that is added.

    Other processes may add to the same file.

    Parameters
    ----------
    path : path-like or None
        Read if it exists. None: records are kept in memory only.
    kind : type
        Dataclass of the records, with ``key``, ``title`` and ``settings``.

    Raises
    ------
    RecordsError
        If the file is there but holds no list of records.
    """

    def __init__(self, path=None, kind: type = Record):
        self.path = None if path is None else Path(path)
        self.records: dict[tuple, Record] = {}
        if self.path is not None and self.path.exists():
            for record in _read(self.path, kind):
                self.records[record.key] = record

    def find(self, key: tuple, settings: dict) -> Record | None:
        """The record of a key, if there is one.

        Raises
        ------
        RecordsError
            If it was made with other settings.
        """
        record = self.records.get(key)
        # as they are after a journey through JSON: tuples are lists there
        settings = json.loads(json.dumps(settings))
        if record is not None and record.settings != settings:
            names = sorted(set(settings) | set(record.settings))
            different = "; ".join(
                f"{name} {record.settings.get(name)!r}, now {settings.get(name)!r}"
                for name in names
                if record.settings.get(name) != settings.get(name)
            )
            raise RecordsError(
                f"{self.path} has a record of {record.title}, made with other settings: "
                f"{different}; --overwrite it, or name another file with --output"
            )
        return record

    def add(self, record: Record) -> None:
        """Add a record in place of one with the same key, and write the file.

        Raises
        ------
        RecordsError
            If it has a number that is not finite, or the file holds no list of records any more.
            The file is then as it was.
        """
        if self.path is None:
            self.records[record.key] = record
            return
        try:
            _json(asdict(record))
        except ValueError as error:
            raise RecordsError(f"{record.title} cannot be written: {error}") from error
        self.records[record.key] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path):
            if self.path.exists():
                # what others have added meanwhile
                there = {other.key: other for other in _read(self.path, type(record))}
                self.records |= there | {record.key: record}
            values = [asdict(each) for each in self.records.values()]
            write_atomically(self.path, (_json(values) + "\n").encode())


def _read(path, kind):
    names = {f.name for f in fields(kind)}
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RecordsError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(values, list):
        raise RecordsError(f"{path} holds no list of records")
    for number, value in enumerate(values):
        if not isinstance(value, dict) or set(value) != names:
            raise RecordsError(f"{path}: entry {number} is no record of a benchmark")
    return [kind(**value) for value in values]


def _json(values):
    return json.dumps(values, indent=1, allow_nan=False)
