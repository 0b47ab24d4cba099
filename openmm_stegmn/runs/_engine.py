"""Runs a hybrid simulation into a folder, so that it can be stopped and continued."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import openmm
from openmm import app

from ..simulation import HybridReporter
from ..systems import SetupError
from ._folder import RunFolder
from ._prepare import PreparedRun, all_finite, prepare
from ._settings import RunSettings
from ._summary import summarize


class RunFailedError(RuntimeError):
    """A simulation that had begun could not go on; its last checkpoint is good."""


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Attributes
    ----------
    folder : RunFolder
    summary : dict
        As in ``summary.json``.
    completed : bool
        False if the run was interrupted; it can then be restarted.
    """

    folder: RunFolder
    summary: dict
    completed: bool


def hybrid_run(
    settings: RunSettings,
    output: str | Path,
    *,
    overwrite: bool = False,
    restart: bool = False,
    exact: bool = False,
    checkpoint_seconds: float = 30.0,
    progress: Callable[[float, float, object], None] | None = None,
    stop: threading.Event | None = None,
) -> RunResult:
    """Run a hybrid simulation and write its folder.

    All input is checked, and the structure equilibrated, before the folder is made. A run that is
    stopped by Ctrl-C or SIGTERM ends after the frame it is at, with a checkpoint and a summary.

    Parameters
    ----------
    settings : RunSettings
    output : path
        Gets ``topology.pdb``, ``hybrid.h5md``, ``checkpoint.chk``, ``run.json``, ``summary.json``.
    overwrite : bool
        Replace the files of an earlier run. Other files in its folder stay.
    restart : bool
        Continue the run in ``output`` from its checkpoint up to ``settings.length``.
    exact : bool
        Refuse a run whose jumps are not exact.
    checkpoint_seconds : float
        Wall time between checkpoints.
    progress : callable, optional
        Called after each frame with the time reached, the length (both ps) and the statistics.
    stop : threading.Event, optional
        Set it to stop the run as Ctrl-C does.

    Raises
    ------
    ValueError
        If an input is bad; nothing has then been written.
    RunFailedError
        If the simulation blows up, or its files cannot be written, as on a full disk; the last
        checkpoint is kept.
    """
    folder = RunFolder(output)
    if overwrite and restart:
        raise SetupError("overwrite and restart exclude each other")
    folder.check_writable()
    if restart:
        settings = _with_stored_seed(settings, folder)
    else:
        inputs = (settings.pdb, settings.model, *settings.forcefields)
        folder.check_new(overwrite, [name for name in inputs if name is not None])
    run = prepare(settings)
    if exact:
        _check_exact(run)
    if restart:
        _load(run, folder)
        wall_before = folder.read_summary()
    else:
        run.equilibrate()
        _begin(run, folder)
        wall_before = {}
    reporter = HybridReporter(
        str(folder.trajectory), run.propagator, append=restart, energies=settings.energies
    )
    # Opens the trajectory, so that one which cannot be gone on with is refused before a change.
    reporter.describeNextReport(run.simulation)
    if restart:
        folder.write_record(run.settings, run.identity())
    run.simulation.reporters.append(reporter)
    try:
        with _stopped_by_signals(stop or threading.Event()) as stop:
            completed = _advance(run, folder, wall_before, checkpoint_seconds, progress, stop)
    except (openmm.OpenMMException, OSError, ValueError, RuntimeError) as error:
        if isinstance(error, RunFailedError):
            raise
        raise RunFailedError(
            f"the simulation stopped ({' '.join(str(error).split())}); {folder.checkpoint} holds "
            "the last good state"
        ) from error
    finally:
        reporter.close()
    # The same that the last checkpoint wrote.
    summary = summarize(run, wall_before=wall_before, completed=completed)
    return RunResult(folder, summary, completed)


def _with_stored_seed(settings: RunSettings, folder: RunFolder) -> RunSettings:
    stored, _ = folder.read_record()
    values = settings.as_dict()
    return RunSettings(**values | {"seed": stored.seed if settings.seed is None else settings.seed})


def _check_exact(run: PreparedRun) -> None:
    kind, model = run.propagator.jump_kind, run.model
    if kind == "exact":
        return
    if not model.has_density:
        found = "has no density, without which no acceptance test makes jumps exact"
    elif model.uses_window:
        found = f"has a density given {model.history} frames, and exact moves are given one"
    else:
        raise SetupError(
            f"--exact: with guard {run.settings.guard} jumps are {kind}; leave out --guard, or "
            "--exact"
        )
    raise SetupError(
        f"--exact: model {run.settings.model} {found}; `openmm-stegmn train --target proposal` "
        "makes one for exact moves, or leave out --exact"
    )


def _begin(run: PreparedRun, folder: RunFolder) -> None:
    folder.begin(run.settings, run.identity())
    state = run.simulation.context.getState(positions=True, enforcePeriodicBox=False)
    with open(folder.topology, "w") as file:
        app.PDBFile.writeFile(run.molecule.topology, state.getPositions(), file, keepIds=True)


def _load(run: PreparedRun, folder: RunFolder) -> None:
    folder.check_same(run.settings, run.identity())
    try:
        run.simulation.context.loadCheckpoint(folder.read_checkpoint())
    except openmm.OpenMMException as error:
        raise SetupError(f"--restart: {folder.checkpoint} cannot be loaded ({error})") from error
    reached, length = run.simulation.context.getTime()._value, run.settings.length
    # The last jump may have gone past the length.
    if reached - run.propagator.jump_time > length + run.propagator.frame_interval / 2:
        raise SetupError(
            f"--restart: the run has reached {reached:.6g} ps, more than the {length:g} ps asked "
            "for; ask for a greater --length"
        )


def _advance(run, folder, wall_before, checkpoint_seconds, progress, stop) -> bool:
    """Step until the length is reached or a stop is asked for; True if it is reached."""
    context, propagator, length = run.simulation.context, run.propagator, run.settings.length
    # Half a frame of slack: sums of time steps do not hit the length to the last bit.
    end = length - propagator.frame_interval / 2

    def checkpoint(completed=False):
        _save(run, folder, summarize(run, wall_before=wall_before, completed=completed))

    # The first frame makes the trajectory file, without which there is nothing to continue.
    due = 0.0
    while context.getTime()._value < end:
        run.simulation.step(propagator.steps_to_next_frame())
        if progress is not None:
            progress(context.getTime()._value, length, propagator.statistics)
        if stop.is_set():
            checkpoint()
            return False
        if time.monotonic() >= due:
            checkpoint()
            due = time.monotonic() + checkpoint_seconds
    checkpoint(completed=True)
    return True


def _save(run: PreparedRun, folder: RunFolder, summary: dict) -> None:
    state = run.simulation.context.getState(positions=True, velocities=True)
    if not all_finite(state):
        raise RunFailedError(
            f"positions are no longer finite numbers at {summary['total_time_ps']:g} ps; the last "
            f"good state is in {folder.checkpoint}; try a shorter time step"
        )
    # The reporter flushes every frame, so the trajectory on disk is never behind the checkpoint: a
    # restart cuts it back, but could not make up for frames that are missing.
    folder.write_checkpoint(run.simulation.context.createCheckpoint())
    folder.write_summary(summary)


@contextlib.contextmanager
def _stopped_by_signals(stop: threading.Event):
    """Let the first Ctrl-C or SIGTERM set the event; a second one acts as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # A signal that is ignored (nohup, a shell's background job) stays ignored.
    usual = {number: old for number, old in usual.items() if old not in (signal.SIG_IGN, None)}

    def restore():
        for number, handler in usual.items():
            signal.signal(number, handler)

    def on_signal(number, frame):
        stop.set()
        restore()

    for number in usual:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        restore()
