"""Trajectory files as other programs write them."""

import warnings

import MDAnalysis as mda
import numpy as np


def write_trajectory(path, frames, interval=0.02, times=None, box=None):
    """Write frames ``(n, n_atoms, 3)``, Å, with times in ps; returns the path."""
    frames = np.asarray(frames, np.float32)
    times = interval * np.arange(len(frames)) if times is None else times
    universe = mda.Universe.empty(frames.shape[1], trajectory=True)
    # DCD holds one interval, not times
    options = {"dt": float(times[1] - times[0])} if path.suffix == ".dcd" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mda.Writer(str(path), n_atoms=frames.shape[1], **options) as writer:
            for number, (time, frame) in enumerate(zip(times, frames, strict=True)):
                step = universe.trajectory.ts
                step.time, step.frame, step.dimensions = time, number, box
                universe.atoms.positions = frame
                writer.write(universe.atoms)
    return path
