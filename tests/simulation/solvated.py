"""Alanine dipeptide in a small box of water, shared by tests."""

import functools

import openmm
from alanine import KnownJump, langevin, spec_for
from openmm import app, unit
from platforms import platform

from openmm_stegmn.models import build_model
from openmm_stegmn.simulation import STEGMNPropagator
from openmm_stegmn.systems import packaged_structure

N_SOLUTE = 22
SIDE = 2.2  # nm


@functools.cache
def solvated(water="tip3p", shape="cube"):
    """Topology, serialised system and positions (nm) of the peptide in water, relaxed."""
    files = {"tip3p": "amber14/tip3p.xml", "tip4pew": "amber14/tip4pew.xml"}
    forcefield = app.ForceField("amber14-all.xml", files[water])
    pdb = app.PDBFile(str(packaged_structure("alanine-dipeptide")))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    size = {"boxSize": openmm.Vec3(SIDE, SIDE, SIDE) * unit.nanometer} if shape == "cube" else {
        "boxShape": shape, "padding": 1.2 * unit.nanometer
    }  # fmt: skip
    modeller.addSolvent(forcefield, model=water, **size)
    system = forcefield.createSystem(
        modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.8 * unit.nanometer,
        constraints=app.HBonds,
    )  # fmt: skip
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("CPU")
    )
    context.setPositions(modeller.positions)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=50)
    context.applyConstraints(1e-7)
    context.computeVirtualSites()
    positions = context.getState(positions=True).getPositions(asNumpy=True)._value
    return modeller.topology, openmm.XmlSerializer.serialize(system), positions


def solvated_simulation(
    model=None, backend="python", known=None, water="tip3p", shape="cube", integrator=None,
    change=None, usual="CPU", **options,
):  # fmt: skip
    """A Simulation of the peptide in water; `change` is called with the system before."""
    topology, xml, positions = solvated(water, shape)
    system = openmm.XmlSerializer.deserialize(xml)
    if change is not None:
        change(system)
    if model is None:
        model = solute_model(known)
    options = {"md_frames": 4, "guard": "none"} | options
    propagator = STEGMNPropagator(
        system, topology, model, integrator or langevin(), backend=backend, seed=7, **options
    )
    made = app.Simulation(topology, system, propagator, *platform(usual))
    made.context.setPositions(positions)
    made.context.setVelocitiesToTemperature(300, 11)
    return made


def solute_model(known=None):
    """For the peptide alone: linear extrapolation of torsions, or a `KnownJump` with options."""
    pdb = app.PDBFile(str(packaged_structure("alanine-dipeptide")))
    system = app.ForceField("amber14-all.xml").createSystem(pdb.topology, constraints=app.HBonds)
    spec = spec_for(pdb.topology, system)
    return build_model(spec) if known is None else KnownJump(spec, **known)
