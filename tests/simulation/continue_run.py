"""Continue a run in this process and store where it ends: started by test_restart."""

import sys

import numpy as np
import torch
from alanine import arrays, simulation, window
from openmm import VerletIntegrator


def build(kind, backend, name):
    """The run that is stopped and continued: stochastic, or one that a State describes fully."""
    options = {"guard": "metropolis"}
    if kind == "state":
        options = {
            "integrator": VerletIntegrator(0.002),
            "velocities": "rotate",
            "temperature": 300,
        }
    return simulation(backend=backend, usual=name, **options)


def outcome(made):
    """Everything that must be the same after a restart."""
    positions, velocities = arrays(made)
    return {
        "positions": positions,
        "velocities": velocities,
        "window": window(made),
        "statistics": list(made.integrator.statistics.as_dict().values()),
        "clock": [made.currentStep, made.context.getTime()._value],
    }


if __name__ == "__main__":
    kind, backend, name, saved, steps, target = sys.argv[1:]
    torch.set_num_threads(1)
    continued = build(kind, backend, name)
    (continued.loadCheckpoint if kind == "checkpoint" else continued.loadState)(saved)
    continued.step(int(steps))
    np.savez(target, **outcome(continued))
