"""Models, systems and settings that do not go together are refused, and nothing is changed."""

import copy
import re

import MDAnalysis
import openmm
import pytest
from alanine import KnownJump, forcefield, langevin, peptide, simulation, spec_for
from openmm import app, unit
from platforms import platform

from openmm_stegmn.models import build_model
from openmm_stegmn.simulation import IncompatibleModelError, STEGMNPropagator, check_fit
from openmm_stegmn.systems import packaged_structure


def refused(error, match, system=None, topology=None, integrator=None, model=None, **options):
    made_topology, made_system, _ = peptide()
    changes = {name: options.pop(name) for name in list(options) if name in FIELDS}
    model = model or build_model(spec_for(made_topology, made_system, **changes))
    system = system or made_system
    integrator = integrator or langevin()
    before = openmm.XmlSerializer.serialize(system) if isinstance(system, openmm.System) else None
    readable = not isinstance(integrator, openmm.CompoundIntegrator)  # empty, it crashes when asked
    groups = integrator.getIntegrationForceGroups() if readable else None
    with pytest.raises(error, match=match):
        STEGMNPropagator(
            system, topology or made_topology, model, integrator, backend="python", **options
        )
    assert before is None or openmm.XmlSerializer.serialize(system) == before
    assert not readable or integrator.getIntegrationForceGroups() == groups


FIELDS = {"atom_names", "elements", "residue_names", "masses", "constraints", "constraint_lengths"}
FIELDS |= {"frame_interval"}


def changed(name, index, value):
    topology, system, _ = peptide()
    values = list(getattr(spec_for(topology, system), name))
    values[index] = value
    return {name: tuple(values)}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (changed("atom_names", 4, "CX"), "Atom 4 has atom name 'C' .* 'CX' in the model"),
        (changed("elements", 4, "N"), "Atom 4 has element 'C' .* 'N'"),
        (changed("residue_names", 9, "GLY"), "residue name 'ALA' .* 'GLY'"),
        (changed("masses", 0, 4.0), r"weighs 1\.00.* Da in the system but 4\.0000 Da"),
        (changed("constraint_lengths", 2, 1.5), r"Å in the system but 1\.5000 Å"),
        (changed("constraints", 0, (0, 21)), "12 constraints and the model 12"),
        ({"frame_interval": 0.0151}, r"0\.0151 ps and the time step 2 fs, which is 7\.55 steps"),
        ({"frame_interval": 0.001}, "0.5 steps a frame"),
    ],
)
def test_model_of_another_system(change, match):
    refused(IncompatibleModelError, match, **change)


def test_bonds_of_another_molecule():
    topology, system, _ = peptide()
    bonds = spec_for(topology, system).bonds
    match = r"21 bonds and the model 20: .* is in the topology alone"
    model = build_model(spec_for(topology, system, bonds=bonds[:-1]))
    refused(IncompatibleModelError, match, model=model)


def test_constraints_of_the_system():
    topology, system, _ = peptide(constraints=None)
    refused(IncompatibleModelError, "0 constraints and the model 12", system=system)
    topology, system, _ = peptide(constraints=app.AllBonds)
    refused(IncompatibleModelError, "21 constraints and the model 12", system=system)


def test_atoms_that_are_not_the_first_have_the_numbers_of_the_system():
    """In what is said of constraints, too."""
    topology, system, positions = peptide()
    both = app.Modeller(topology, positions)
    both.add(topology, positions)
    doubled = forcefield().createSystem(both.topology, constraints=app.HBonds)
    for change, match in (
        (changed("constraint_lengths", 2, 1.5), r"of atoms (\d+) and (\d+) is .* Å in the system"),
        (changed("constraints", 0, (0, 21)), r"\(atoms (\d+), (\d+)\) is in the"),
    ):
        model = build_model(spec_for(topology, system, **change))
        with pytest.raises(IncompatibleModelError, match=match) as found:
            check_fit(doubled, both.topology, model, range(22, 44))
        told = re.search(match, str(found.value)).groups()
        assert all(22 <= int(atom) < 44 for atom in told)


def test_repartitioned_masses():
    _, system, _ = peptide(hydrogenMass=3 * unit.dalton)
    refused(IncompatibleModelError, "repartitioning", system=system)


def test_other_numbers_of_atoms():
    topology, system, _ = peptide()
    bigger = copy.deepcopy(system)
    bigger.addParticle(12.0)
    refused(IncompatibleModelError, "topology has 22 atoms and the system 23", system=bigger)
    short = app.Modeller(topology, peptide()[2])
    short.delete([list(short.topology.atoms())[-1]])
    refused(IncompatibleModelError, "topology has 21 atoms", topology=short.topology)
    values = spec_for(topology, system).as_dict()
    per_atom = ("atom_names", "elements", "residue_names", "residue_ids", "masses")
    values |= {name: values[name][:16] for name in per_atom}
    values |= {"bonds": (), "constraints": (), "constraint_lengths": ()}
    model = KnownJump(spec_for(topology, system, **values))
    refused(
        IncompatibleModelError, "bond of atoms .* leads out of the atoms that jump", model=model
    )
    values["atom_names"] = ("X",) * 16
    model = KnownJump(spec_for(topology, system, **values))
    refused(
        IncompatibleModelError,
        "22 atoms but the model was trained for 16, from X of ACE to X of ALA",
        model=model,
    )


def test_virtual_sites_and_drude_particles():
    _, system, _ = peptide()
    system.setParticleMass(3, 0.0)
    system.setVirtualSite(3, openmm.TwoParticleAverageSite(0, 1, 0.5, 0.5))
    refused(
        IncompatibleModelError,
        "Particle 3 is a virtual site of atoms that jump, or one itself",
        system=system,
    )
    _, system, _ = peptide()
    system.addForce(openmm.DrudeForce())
    refused(IncompatibleModelError, "Drude", system=system)


def test_integrators():
    refused(
        IncompatibleModelError,
        "VariableVerletIntegrator changes its time step",
        integrator=openmm.VariableVerletIntegrator(0.001),
        temperature=300,
    )
    refused(ValueError, "found CompoundIntegrator", integrator=openmm.CompoundIntegrator())
    refused(ValueError, "has no temperature", integrator=openmm.VerletIntegrator(0.002))
    beads = openmm.RPMDIntegrator(4, 300, 1, 0.002)
    refused(IncompatibleModelError, "RPMDIntegrator moves several copies", integrator=beads)
    polarizable = openmm.DrudeSCFIntegrator(0.002)
    refused(IncompatibleModelError, "DrudeSCFIntegrator moves Drude", integrator=polarizable)
    integrator = langevin()
    owner = openmm.CompoundIntegrator()
    owner.addIntegrator(integrator)
    refused(ValueError, "already belongs", integrator=integrator)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"guard": "hope"}, "Unknown guard 'hope': expected one of 'none', 'energy'"),
        ({"velocities": "zero"}, "Unknown velocity rule 'zero'"),
        ({"energy_threshold": -1.0}, "positive energy"),
        ({"md_frames": 0}, "md_frames must be a whole number, at least 1, found 0"),
        ({"jumps": 0}, "jumps must be a whole number, at least 1, found 0"),
        ({"jumps": True}, "jumps must be a whole number, at least 1, found True"),
        ({"energy_threshold": 40 * unit.kelvin}, "energy_threshold must .* kJ/mol .* found 40 K"),
        ({"energy_threshold": 4 * unit.kilojoule}, "energy_threshold must .* kJ/mol .* found 4 kJ"),
        ({"energy_threshold": None}, "energy_threshold must .* found None"),
        ({"temperature": 300 * unit.picosecond}, "temperature must .* in K .* found 300 ps"),
        ({"jump_time": 1 * unit.kelvin}, "jump_time must .* in ps .* found 1 K"),
        *(
            ({"seed": seed}, f"seed must be a whole number, from 0 to 2147483647, found {seed!r}")
            for seed in (2**40, 2**31, -1, 3.0, True, "7")
        ),
    ],
)
def test_settings(options, match):
    refused(ValueError, match, **options)


def test_quantities_are_converted():
    made = simulation(
        known={},
        guard="energy",
        energy_threshold=10 * unit.kilocalorie_per_mole,
        temperature=300 * unit.kelvin,
    )
    assert made.integrator.describe()["guard"] == "energy (rise <= 41.84 kJ/mol)"


def test_things_of_another_type(tmp_path):
    topology, system, _ = peptide()
    universe = MDAnalysis.Universe(str(packaged_structure("alanine-dipeptide")))
    refused(
        ValueError, "topology must be an openmm.app.Topology, found Universe", topology=universe
    )
    refused(ValueError, "system must be an openmm.System, found Topology", system=topology)
    path = tmp_path / "m.safetensors"
    for model in (path, str(path)):
        refused(ValueError, r"pass load_model\('.*m.safetensors'\)", model=model)
    refused(ValueError, "been loaded, found int", model=3)


def test_force_group_in_use():
    _, system, _ = peptide()
    system.getForce(0).setForceGroup(31)
    refused(IncompatibleModelError, "Force group 31", system=system)


def test_leftover_bridge_is_replaced_unless_in_use():
    topology, system, positions = peptide()
    model = build_model(spec_for(topology, system))
    first = STEGMNPropagator(system, topology, model, langevin(), backend="python")
    count = system.getNumForces()
    second = STEGMNPropagator(system, topology, model, langevin(), backend="python")
    assert system.getNumForces() == count
    made = app.Simulation(topology, system, second, *platform())
    made.context.setPositions(positions)
    made.step(3)
    with pytest.raises(IncompatibleModelError, match="already has a propagator"):
        STEGMNPropagator(system, topology, model, langevin(), backend="python")
    other = STEGMNPropagator(copy.deepcopy(system), topology, model, langevin(), backend="python")
    assert other.backend == first.backend == "python"
    made.step(3)


def test_other_force_groups_of_the_integrator_are_kept():
    integrator = langevin()
    integrator.setIntegrationForceGroups({0, 3, 31})
    made = simulation(integrator=integrator)
    assert made.integrator.getIntegrationForceGroups() == 0b1001


def test_temperature_of_training_is_compared():
    topology, system, _ = peptide()
    model = build_model(spec_for(topology, system, temperature=350.0))
    with pytest.warns(UserWarning, match="300 K but the model was trained at 350 K"):
        STEGMNPropagator(system, topology, model, langevin(), backend="python")


def test_time_step_changed_later():
    made = simulation()
    made.step(1)
    made.integrator.setStepSize(0.001)
    with pytest.raises(ValueError, match="time step is now 1 fs"):
        made.step(1)


def test_no_context_and_no_copies():
    topology, system, _ = peptide()
    model = build_model(spec_for(topology, system))
    propagator = STEGMNPropagator(system, topology, model, langevin(), backend="python")
    with pytest.raises(ValueError, match="no Context"):
        propagator.step(1)
    for copier in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be copied"):
            copier(propagator)
