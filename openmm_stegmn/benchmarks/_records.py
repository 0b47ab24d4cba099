"""Results of a benchmark: a list of records in a JSON file that loses nothing."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ..atomic_files import write_atomically


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
        """Add a record in place of one with the same key, and write the file."""
        self.records[record.key] = record
        if self.path is not None:
            _write(self.path, [asdict(r) for r in self.records.values()])


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


def _write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(values, indent=1, allow_nan=False) + "\n").encode())
