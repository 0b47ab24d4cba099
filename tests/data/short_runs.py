"""Short trajectories of alanine dipeptide, to train on for a few steps."""

import functools

from openmm_stegmn.data import Trajectory, simulate_replicas
from openmm_stegmn.systems import build_system

INTERVAL = 0.02  # ps


@functools.cache
def molecule():
    return build_system()


def short_runs():
    """Three of them."""
    return list(_runs())


@functools.cache
def _runs():
    runs = simulate_replicas(
        molecule().system, molecule().positions, [1, 2, 3], 60, frame_interval=INTERVAL,
        equilibration=1.0,
    )  # fmt: skip
    return [Trajectory(frames, INTERVAL, f"run{n}.xtc") for n, frames in enumerate(runs, 1)]
