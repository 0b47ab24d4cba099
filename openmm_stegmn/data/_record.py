"""Training data straight from an OpenMM Simulation."""

import numpy as np
import openmm
import torch
from openmm import unit

from ..units import to_angstrom
from ._replicas import steps_between
from ._trajectories import Trajectory
from ._windows import WindowSet

# nm; not reached by any molecule, nor by what is not a number
_FARTHEST = 1e6
_VARIABLE = (openmm.VariableLangevinIntegrator, openmm.VariableVerletIntegrator)


def record_training_data(
    simulation, n_frames: int, *, frame_interval: float, history: int = 10
) -> WindowSet:
    """Run a simulation, and return windows of its frames.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        With positions, minimised and at equilibrium; its reporters report.
    n_frames : int
        Frames to record; the first is a frame interval after where the simulation is.
    frame_interval : float
        ps: a multiple of the step size.
    history : int
        Frames in a window.

    Returns
    -------
    WindowSet
        For :func:`~openmm_stegmn.training.train`. See :func:`record_trajectory` for the rest.

    Raises
    ------
    ValueError
        See :func:`record_trajectory`; or, before anything is run, if the frames are too few for a
        window and its target.
    """
    if n_frames <= history:
        raise ValueError(
            f"{n_frames} frames: a window of {history} frames and its target need {history + 1}"
        )
    trajectory = record_trajectory(simulation, n_frames, frame_interval=frame_interval)
    return WindowSet.from_trajectories([trajectory.frames], history)


def record_trajectory(
    simulation, n_frames: int, *, frame_interval: float, source: str = "simulation"
) -> Trajectory:
    """Run a simulation, and return its frames, for :func:`~openmm_stegmn.training_runs.train_on`.

    Molecules are as the integrator moves them: whole, and without jumps at the side of a box.

    Parameters
    ----------
    simulation, n_frames, frame_interval
        See :func:`record_training_data`.
    source : str
        What the trajectory is called in errors, and in the provenance of models.

    Raises
    ------
    ValueError
        If the interval is no multiple of the step size, the step size is variable, the integrator
        is several in one (as that of a hybrid simulation, whose jumps a model must not learn from),
        or, naming the frame, if the simulation becomes unstable.
    """
    integrator = simulation.context.getIntegrator()
    if isinstance(integrator, openmm.CompoundIntegrator):
        raise ValueError(
            "the simulation has a CompoundIntegrator, which may make jumps, and a model must not "
            "learn from those: use plain dynamics, such as LangevinMiddleIntegrator"
        )
    if isinstance(integrator, _VARIABLE):
        raise ValueError(
            f"{type(integrator).__name__} has a variable step size, and frames must be evenly "
            f"spaced in time: use one with a fixed step, such as LangevinMiddleIntegrator"
        )
    steps = steps_between(frame_interval, integrator.getStepSize().value_in_unit(unit.picosecond))
    frames = np.empty((n_frames, simulation.system.getNumParticles(), 3), np.float32)
    for number, frame in enumerate(frames):
        simulation.step(steps)
        state = simulation.context.getState(positions=True)
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        if not (np.abs(positions) < _FARTHEST).all():
            raise ValueError(
                f"the simulation became unstable: a coordinate is not finite in frame {number}; "
                f"minimise and equilibrate first, or take a shorter step"
            )
        frame[:] = to_angstrom(positions)
    return Trajectory(torch.from_numpy(frames), frame_interval, source)
