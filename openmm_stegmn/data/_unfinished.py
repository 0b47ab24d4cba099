"""A replica that was stopped, and goes on."""

import hashlib
import time
from pathlib import Path

import numpy as np
import openmm

from ._archives import DAMAGED, write_archive

# Seconds of wall time between two writes
_EVERY = 30.0


class UnfinishedReplica:
    """File of the frames of a replica so far, and of the state that it goes on from.

    A file that is damaged, or of another version of OpenMM, another platform, another system or
    other settings, counts as none: the replica begins anew.

    Parameters
    ----------
    path : path-like
        Ends in ``.npz``.
    settings : bytes
        What beside the context and the number of frames the replica depends on.
    """

    def __init__(self, path, settings: bytes):
        self.path, self._settings = Path(path), settings
        self._due = time.monotonic() + _EVERY

    def load(self, context: openmm.Context, frames: np.ndarray) -> int:
        """Set the context and the first frames to what is stored, and tell how many there are."""
        if not self.path.exists():
            return 0
        try:
            with np.load(self.path) as stored:
                found, state = stored["frames"], stored["checkpoint"].tobytes()
                made_by = str(stored["made_by"])
        except (OSError, KeyError, *DAMAGED):
            return 0
        fits = found.shape[1:] == frames.shape[1:] and len(found) <= len(frames)
        if made_by != self._made_by(context) or not fits:
            return 0
        try:
            context.loadCheckpoint(state)
        except openmm.OpenMMException:  # as of another GPU
            context.reinitialize()
            return 0
        frames[: len(found)] = found
        return len(found)

    def keep(self, context: openmm.Context, frames: np.ndarray) -> None:
        """Write, if it is time to."""
        if time.monotonic() < self._due:
            return
        state = np.frombuffer(context.createCheckpoint(), np.uint8)
        arrays = {"frames": frames, "checkpoint": state, "made_by": self._made_by(context)}
        write_archive(self.path, arrays)
        self._due = time.monotonic() + _EVERY

    def _made_by(self, context):
        parts = (context.getSystem(), context.getIntegrator())
        text = "".join(openmm.XmlSerializer.serialize(part) for part in parts)
        digest = hashlib.sha256(text.encode() + self._settings).hexdigest()
        return f"{openmm.__version__} {context.getPlatform().getName()} {digest}"
