"""The accuracy benchmarks: what ``openmm-stegmn benchmark`` runs."""

from ._accuracy import PositionErrors, disjoint_sticks, predict, rigid_stick_frames
from ._md17 import MissingDataError, run_md17
from ._md17_job import FLOOR
from ._md17_models import MD17_MODELS
from ._md17_settings import MD17Settings
from ._records import Record, RecordFile, RecordsError
from ._table import BenchmarkTable, benchmark_tables

__all__ = [
    "FLOOR", "MD17_MODELS", "BenchmarkTable", "MD17Settings", "MissingDataError",
    "PositionErrors", "Record", "RecordFile", "RecordsError", "benchmark_tables",
    "disjoint_sticks", "predict", "rigid_stick_frames", "run_md17",
]  # fmt: skip
