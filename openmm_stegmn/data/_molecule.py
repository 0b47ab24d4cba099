"""What a model needs to know of a molecule, from OpenMM's objects."""

from openmm import unit

from ..units import to_angstrom


def describe_molecule(topology, system) -> dict:
    """Describe a molecule, as keyword arguments of :class:`~openmm_stegmn.models.ModelSpec`.

    Parameters
    ----------
    topology : openmm.app.Topology
    system : openmm.System

    Returns
    -------
    dict
        Masses in Da, lengths in Å.

    Raises
    ------
    ValueError
        If the topology and the system have different numbers of atoms.
    """
    atoms = list(topology.atoms())
    if len(atoms) != system.getNumParticles():
        raise ValueError(
            f"the topology has {len(atoms)} atoms and the system {system.getNumParticles()}; "
            f"they must describe the same molecules"
        )
    constraints = [system.getConstraintParameters(i) for i in range(system.getNumConstraints())]
    return {
        "atom_names": tuple(atom.name for atom in atoms),
        "elements": tuple("X" if atom.element is None else atom.element.symbol for atom in atoms),
        "residue_names": tuple(atom.residue.name for atom in atoms),
        "residue_ids": tuple(atom.residue.index for atom in atoms),
        "masses": tuple(
            system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(len(atoms))
        ),
        "bonds": tuple((bond[0].index, bond[1].index) for bond in topology.bonds()),
        "constraints": tuple((i, j) for i, j, _ in constraints),
        "constraint_lengths": tuple(
            to_angstrom(d.value_in_unit(unit.nanometer)) for _, _, d in constraints
        ),
    }
