"""Plain molecular dynamics to train on: independent replicas, one process each."""

import functools
import multiprocessing

import numpy as np
import openmm
import torch
from openmm import unit
from torch import Tensor

from ..units import to_angstrom


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
    """
    steps = round(frame_interval / time_step)
    if steps < 1 or abs(steps * time_step - frame_interval) > 1e-6 * frame_interval:
        raise ValueError(
            f"a frame every {frame_interval} ps is no multiple of the time step of {time_step} ps"
        )
    if unit.is_quantity(positions):
        positions = positions.value_in_unit(unit.nanometer)
    run = functools.partial(
        _simulate, openmm.XmlSerializer.serialize(system), np.asarray(positions), n_frames, steps,
        time_step, temperature, friction, equilibration, platform,
    )  # fmt: skip
    if processes == 1:
        return [torch.from_numpy(run(seed)) for seed in seeds]
    # spawn: OpenMM and torch have threads of their own, which a forked process must not inherit
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return [torch.from_numpy(frames) for frames in pool.imap(run, seeds)]


def _simulate(
    xml, positions, n_frames, steps, time_step, temperature, friction, equilibration, platform, seed
):
    integrator = openmm.LangevinMiddleIntegrator(temperature, friction, time_step)
    integrator.setRandomNumberSeed(seed)
    context = openmm.Context(
        openmm.XmlSerializer.deserialize(xml),
        integrator,
        openmm.Platform.getPlatformByName(platform),
    )
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(temperature, seed)
    integrator.step(round(equilibration / time_step))
    frames = np.empty((n_frames, len(positions), 3), np.float32)
    for frame in frames:
        integrator.step(steps)
        state = context.getState(positions=True)
        frame[:] = to_angstrom(state.getPositions(asNumpy=True).value_in_unit(unit.nanometer))
    return frames
