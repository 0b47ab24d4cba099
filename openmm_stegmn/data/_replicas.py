"""Plain molecular dynamics to train on: independent replicas, one process each."""

import functools

import numpy as np
import openmm
import torch
from openmm import unit
from torch import Tensor

from ..systems import platform_properties
from ..units import to_angstrom
from ..worker_processes import process_pool
from ._noise_seed import seed_noise
from ._unfinished import UnfinishedReplica


def simulate_replicas(
    system, positions, seeds, n_frames, *, frame_interval=0.1, time_step=0.002, temperature=300.0,
    friction=1.0, equilibration=20.0, platform="Reference", processes=1,
) -> list[Tensor]:  # fmt: skip
    """Run Langevin dynamics from the same minimised structure with different seeds.

    Parameters
    ----------
    system : openmm.System
    positions : array-like or openmm.unit.Quantity, ``(n_atoms, 3)``
        nm, if without a unit.
    seeds : sequence of int
        One replica each.
    n_frames : int
        Frames of each replica.
    frame_interval, time_step, equilibration : float
        ps.
    temperature, friction : float
        K, 1/ps.
    platform : str
        OpenMM platform; Reference is the quickest for some tens of atoms.
    processes : int
        Replicas that run at the same time.

    Returns
    -------
    list of Tensor, ``(n_frames, n_atoms, 3)``
        Å, float32.

    Raises
    ------
    ValueError
        If the frame interval is no multiple of the time step.
    RuntimeError
        If one of several processes ends before it is done, as one that is killed.
    """
    if unit.is_quantity(positions):
        positions = positions.value_in_unit(unit.nanometer)
    run = functools.partial(
        _frames, openmm.XmlSerializer.serialize(system), np.asarray(positions), n_frames,
        steps_between(frame_interval, time_step), time_step=time_step, temperature=temperature,
        friction=friction, equilibration=equilibration, platform=platform,
    )  # fmt: skip
    if processes == 1:
        return [torch.from_numpy(run(seed)) for seed in seeds]
    with process_pool(processes) as pool:
        replicas = [pool.submit(run, seed) for seed in seeds]
        return [torch.from_numpy(replica.result()) for replica in replicas]


def steps_between(frame_interval, time_step) -> int:
    """Steps from frame to frame; both times in ps.

    Raises
    ------
    ValueError
        If the frame interval is no multiple of the time step.
    """
    steps = round(frame_interval / time_step)
    if steps < 1 or abs(steps * time_step - frame_interval) > 1e-6 * frame_interval:
        raise ValueError(
            f"a frame every {frame_interval} ps is no multiple of the time step of {time_step} ps"
        )
    return steps


def langevin_context(xml, seed, *, time_step, temperature, friction, platform) -> openmm.Context:
    """A context with ``LangevinMiddleIntegrator``; on the CPU platform it has one thread.

    Parameters
    ----------
    xml : str
        A serialised system.
    seed : int
        Of the noise.
    time_step, temperature, friction : float
        ps, K, 1/ps.
    platform : str
    """
    integrator = openmm.LangevinMiddleIntegrator(temperature, friction, time_step)
    seed_noise(integrator, seed)
    found = openmm.Platform.getPlatformByName(platform)
    return openmm.Context(
        openmm.XmlSerializer.deserialize(xml), integrator, found,
        platform_properties(found, threads=1),
    )  # fmt: skip


def simulate_replica(
    xml, positions, n_frames, steps, seed, *, equilibration, velocities_every=None,
    unfinished=None, **dynamics,
):  # fmt: skip
    """One replica, in this process.

    Parameters
    ----------
    xml : str
        A serialised system.
    positions : array-like, ``(n_atoms, 3)``
        nm.
    n_frames, steps : int
        Number of frames, and steps from frame to frame.
    seed : int
    equilibration : float
        ps.
    velocities_every : int, optional
        Frames from one that velocities are kept of to the next; the first is one.
    unfinished : path, optional
        File that holds what has been simulated, written every half minute or so, while the replica
        is not done: called again after it was stopped, it goes on from there, and gives what it
        would have given. It is for this replica alone, on this machine, and keeps no velocities.
    **dynamics
        Of :func:`langevin_context`.

    Returns
    -------
    frames : ndarray, ``(n_frames, n_atoms, 3)``
        Å, float32.
    velocities : ndarray, ``(n_kept, n_atoms, 3)``
        Å/ps, float32, as the integrator has them: it goes on from them.
    """
    context = langevin_context(xml, seed, **dynamics)
    integrator = context.getIntegrator()
    frames = np.empty((n_frames, len(positions), 3), np.float32)
    velocities, stored = [], None
    if unfinished is not None:
        if velocities_every is not None:
            raise ValueError("an unfinished replica keeps no velocities: leave one of both out")
        start = np.asarray(positions, float).tobytes()
        stored = UnfinishedReplica(unfinished, repr((steps, equilibration)).encode() + start)
    first = 0 if stored is None else stored.load(context, frames)
    if first == 0:
        context.setPositions(positions)
        openmm.LocalEnergyMinimizer.minimize(context)
        context.setVelocitiesToTemperature(dynamics["temperature"], seed)
        integrator.step(round(equilibration / dynamics["time_step"]))
    for number in range(first, n_frames):
        integrator.step(steps)
        keep = velocities_every is not None and number % velocities_every == 0
        state = context.getState(positions=True, velocities=keep)
        found = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        frames[number] = to_angstrom(found)
        if keep:
            speed = state.getVelocities(asNumpy=True).value_in_unit(
                unit.nanometer / unit.picosecond
            )
            velocities.append(to_angstrom(speed).astype(np.float32))
        if stored is not None:
            stored.keep(context, frames[: number + 1])
    if stored is not None:
        stored.path.unlink(missing_ok=True)
    return frames, np.array(velocities, np.float32).reshape(-1, len(positions), 3)


def _frames(*args, **kwargs):
    return simulate_replica(*args, **kwargs)[0]
