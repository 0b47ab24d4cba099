"""Hybrid simulation of alanine dipeptide, read back with MDAnalysis."""

import MDAnalysis as mda
from openmm import LangevinMiddleIntegrator, app, unit

from openmm_stegmn import HybridReporter, STEGMNPropagator, load_model
from openmm_stegmn.systems import packaged_forcefield, packaged_structure

pdb = app.PDBFile(str(packaged_structure("alanine-dipeptide")))
forcefield = app.ForceField("amber14-all.xml", str(packaged_forcefield("obc2_native.xml")))
topology, positions = pdb.topology, pdb.positions
system = forcefield.createSystem(topology, constraints=app.HBonds)

model = load_model("alanine-dipeptide")  # packaged, or a path to *.safetensors
propagator = STEGMNPropagator(
    system, topology, model,
    integrator=LangevinMiddleIntegrator(
        300 * unit.kelvin, 1 / unit.picosecond, 2 * unit.femtoseconds
    ),
    md_frames=10, jumps=1,  # schedule: 10 physical frames, then 1 jump, repeated
    guard="energy", velocities="maxwell", backend="auto", seed=2026,
)  # fmt: skip
simulation = app.Simulation(topology, system, propagator)
simulation.context.setPositions(positions)
simulation.minimizeEnergy()
simulation.reporters.append(HybridReporter("hybrid.h5md", propagator, overwrite=True))
simulation.step(100_000)
print(propagator.statistics)  # attempted, accepted, rejected by cause, worst constraint error

app.PDBFile.writeFile(topology, positions, "topology.pdb")
u = mda.Universe("topology.pdb", "hybrid.h5md")  # stock MDAnalysis
for ts in u.trajectory[9:13]:
    print(ts.time, ts.data["origin"], ts.data["energy_change"], ts.data["constraint_error"])
