"""Hybrid simulations, from settings to a folder of results: what ``openmm-stegmn run`` calls."""

from ._engine import RunFailedError, RunResult, hybrid_run
from ._folder import RunFolder
from ._prepare import PreparedRun, langevin, prepare
from ._settings import RunSettings

__all__ = [
    "PreparedRun",
    "RunFailedError",
    "RunFolder",
    "RunResult",
    "RunSettings",
    "hybrid_run",
    "langevin",
    "prepare",
]
