"""Training data from a simulation: the frames it passes through, and what is refused."""

import openmm
import pytest
import torch
from openmm import app, unit
from short_runs import molecule

from openmm_stegmn.data import record_training_data, record_trajectory
from openmm_stegmn.units import to_angstrom


def simulation(integrator=None):
    integrator = integrator or openmm.LangevinMiddleIntegrator(300, 1, 0.002)
    if isinstance(integrator, openmm.LangevinMiddleIntegrator):
        integrator.setRandomNumberSeed(4)
    platform = openmm.Platform.getPlatformByName("Reference")
    made = app.Simulation(molecule().topology, molecule().system, integrator, platform)
    made.context.setPositions(molecule().positions)
    made.context.setVelocitiesToTemperature(300, 1)
    return made


class Times:
    """A reporter."""

    def __init__(self):
        self.seen = []

    def describeNextReport(self, simulation):
        return {"steps": 10 - simulation.currentStep % 10, "periodic": None, "include": []}

    def report(self, simulation, state):
        self.seen.append(round(state.getTime().value_in_unit(unit.picosecond), 4))


def test_windows_are_of_the_frames_that_it_passes_through():
    recorded, times = simulation(), Times()
    recorded.reporters.append(times)
    windows = record_training_data(recorded, 6, frame_interval=0.02, history=3)
    # On the Reference platform all simulations draw from one stream: one after the other.
    expected, again = [], simulation()
    for _ in range(6):
        again.step(10)
        state = again.context.getState(positions=True)
        nm = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        expected.append(torch.tensor(to_angstrom(nm), dtype=torch.float32))
    assert torch.equal(windows.frames, torch.stack(expected))
    assert len(windows) == 3 and windows.history == 3
    assert times.seen == [0.02, 0.04, 0.06, 0.08, 0.1, 0.12]


def test_a_trajectory_to_train_on():
    trajectory = record_trajectory(simulation(), 3, frame_interval=0.004)
    assert trajectory.frames.shape == (3, 22, 3) and trajectory.frames.dtype == torch.float32
    assert (trajectory.interval, trajectory.source) == (0.004, "simulation")


def compound():
    integrator = openmm.CompoundIntegrator()
    integrator.addIntegrator(openmm.VerletIntegrator(0.001))
    return integrator


@pytest.mark.parametrize(
    ("make", "options", "found"),
    [
        (None, {"frame_interval": 0.003, "history": 3}, "0.003 ps is no multiple of the time step"),
        (None, {"frame_interval": 0.02, "history": 9}, "9 frames: a window of 9 .* need 10"),
        (compound, {"frame_interval": 0.02, "history": 3}, "must not learn from those"),
        (
            lambda: openmm.VariableVerletIntegrator(1e-3), {"frame_interval": 0.02, "history": 3},
            "VariableVerletIntegrator has a variable step size",
        ),
    ],
)  # fmt: skip
def test_refused_before_it_runs(make, options, found):
    made = simulation(make and make())
    with pytest.raises(ValueError, match=found):
        record_training_data(made, 9, **options)
    assert made.currentStep == 0


def test_an_unstable_simulation():
    made = simulation(openmm.VerletIntegrator(5.0))
    with pytest.raises(ValueError, match="unstable: a coordinate is not finite in frame"):
        record_trajectory(made, 50, frame_interval=5.0)
