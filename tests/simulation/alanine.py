"""Alanine dipeptide in vacuum, and models whose jumps are known; shared by tests and the processes
they start."""

import functools

import numpy as np
import openmm
import torch
from openmm import app, unit
from platforms import platform

from openmm_stegmn.data import describe_molecule
from openmm_stegmn.models import ModelSpec, TrajectoryModel, build_model
from openmm_stegmn.simulation import STEGMNPropagator
from openmm_stegmn.systems import packaged_structure

TIME_STEP = 0.002
STEPS_PER_FRAME = 5
FRAME = STEPS_PER_FRAME * TIME_STEP
HISTORY = 3
MD_FRAMES = 4
LAST_RESIDUE = slice(16, 22)


@functools.cache
def forcefield():
    """Amber ff14SB; half a second to read."""
    return app.ForceField("amber14-all.xml")


def peptide(constraints=app.HBonds, **options):
    """Topology, system and positions (nm)."""
    pdb = app.PDBFile(str(packaged_structure("alanine-dipeptide")))
    system = forcefield().createSystem(pdb.topology, constraints=constraints, **options)
    return pdb.topology, system, pdb.positions


def spec_for(topology, system, **changes):
    values = {
        "architecture": "torsion-linear",
        "history": HISTORY,
        "frame_interval": STEPS_PER_FRAME * TIME_STEP,
        "temperature": 300.0,
    }
    return ModelSpec(**describe_molecule(topology, system) | values | changes)


class NetworkFailure(Exception):
    """What a failing network raises when it runs eagerly."""


@torch.jit.script
def fail_if(fail: torch.Tensor) -> torch.Tensor:
    """A failure in the network that survives tracing."""
    if bool(fail > 0):
        raise RuntimeError("the network failed on purpose")
    return fail


class KnownJump(TrajectoryModel):
    """Moves the last residue by `shift`, then turns the whole molecule by `turn`; or fails in a
    stated way."""

    def __init__(self, spec, shift=0.0, turn=0.0, fail=0.0):
        super().__init__(spec)
        angle = torch.tensor(turn, dtype=torch.float64)
        cos, sin, one, zero = angle.cos(), angle.sin(), torch.ones(()), torch.zeros(())
        rows = [[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]]
        self.register_buffer("rotation", torch.stack([torch.stack(row) for row in rows]).double())
        displacement = torch.zeros(spec.n_atoms, 3, dtype=torch.float64)
        displacement[LAST_RESIDUE, 0] = shift
        self.register_buffer("displacement", displacement)
        self.register_buffer("fail", torch.tensor(fail))

    def jump(self, window, base):
        # Not while it is traced, where the atoms are anywhere.
        fail = self.fail * ((base[0] - base[1]).norm() < 1.3)
        if not torch.jit.is_tracing() and fail > 0:
            raise NetworkFailure("the network failed on purpose")
        centre = base.mean(0) + 0.0 * fail_if(fail)
        frame = (base + self.displacement - centre) @ self.rotation.T + centre
        return frame, self.rotation.expand(base.shape[0], 3, 3)


class Stretch(KnownJump):
    """Moves one hydrogen off its constraint."""

    def jump(self, window, base):
        return base * 1.001, self.rotation.expand(base.shape[0], 3, 3)


class WindowEcho(KnownJump):
    """Moves every atom by what it moved since the window's first frame: breaks constraints, shows
    the window."""

    def jump(self, window, base):
        return base + (window[-1] - window[0]).to(base), self.rotation.expand(base.shape[0], 3, 3)


def langevin():
    return openmm.LangevinMiddleIntegrator(
        300 * unit.kelvin, 1 / unit.picosecond, TIME_STEP * unit.picosecond
    )


def simulation(
    model=None,
    backend="python",
    integrator=None,
    usual="Reference",
    seed=7,
    velocities_seed=11,
    known=None,
    constraints=app.HBonds,
    **options,
):
    """A Simulation that is ready to step; `model` None is linear extrapolation of torsions.

    `known` are options of a `KnownJump`.
    """
    topology, system, positions = peptide(constraints)
    if model is None:
        spec = spec_for(topology, system)
        model = build_model(spec) if known is None else KnownJump(spec, **known)
    options = {"md_frames": MD_FRAMES} | options
    propagator = STEGMNPropagator(
        system, topology, model, integrator or langevin(), backend=backend, seed=seed, **options
    )
    made = app.Simulation(topology, system, propagator, *platform(usual))
    made.context.setPositions(positions)
    made.context.setVelocitiesToTemperature(300, velocities_seed)
    return made


def arrays(made):
    """Positions (nm) and velocities (nm/ps) as arrays."""
    state = made.context.getState(positions=True, velocities=True)
    return state.getPositions(asNumpy=True)._value, state.getVelocities(asNumpy=True)._value


def window(made):
    """The window, oldest frame first, nm."""
    jumper = made.integrator.getIntegrator(1)
    return np.array([jumper.getPerDofVariableByName(f"h{k}") for k in range(HISTORY)])
