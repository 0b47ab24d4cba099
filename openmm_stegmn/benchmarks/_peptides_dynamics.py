"""The simulations of the benchmark ``peptides``, each a job for a process."""

import numpy as np
from openmm import unit

from ..data import langevin_context, simulate_replica, steps_between
from ..units import to_angstrom, to_nm
from ._array_files import write_arrays


def make_replica(xml, positions, n_frames, steps, every, equilibration, options, job):
    path, settings = job
    frames, velocities = simulate_replica(
        xml, positions, n_frames, steps, settings["seed"], equilibration=equilibration,
        velocities_every=every, **options,
    )  # fmt: skip
    write_arrays(path, settings, options["platform"], frames=frames, velocities=velocities)


def make_repeats(xml, replicas, every, times, options, job):
    path, settings = job
    with np.load(replicas[settings["replica"]]) as stored:
        start = stored["frames"][settings["frame"]]
        velocities = stored["velocities"][settings["frame"] // every]
    frames = repeat_dynamics(
        xml, start, velocities, settings["repeats"], times, settings["seed"], **options
    )
    write_arrays(path, settings, options["platform"], start=start, times=times, frames=frames)


def repeat_dynamics(xml, start, velocities, n_repeats, times, seed, **options) -> np.ndarray:
    """Run the same state on with fresh noise, again and again.

    Parameters
    ----------
    xml : str
        A serialised system.
    start, velocities : ndarray, ``(n_atoms, 3)``
        Å, Å/ps.
    n_repeats : int
    times : sequence of float
        When to look, ps, increasing.
    seed : int
        Of all the noise.
    **options
        Of :func:`~openmm_stegmn.data.langevin_context`.

    Returns
    -------
    ndarray, ``(n_repeats, n_times, n_atoms, 3)``
        Å, float32.
    """
    context = langevin_context(xml, seed, **options)
    frames = np.empty((n_repeats, len(times), *start.shape), np.float32)
    ends = [steps_between(time, options["time_step"]) for time in times]
    for repeat in frames:
        # The generator of the noise is not set back: it goes on from repeat to repeat.
        context.setPositions(to_nm(start.astype(float)))
        context.setVelocities(to_nm(velocities.astype(float)))
        for frame, steps in zip(repeat, np.diff([0, *ends]), strict=True):
            context.getIntegrator().step(int(steps))
            positions = context.getState(positions=True).getPositions(asNumpy=True)
            frame[:] = to_angstrom(positions.value_in_unit(unit.nanometer))
    return frames
