"""Constraints, masses and virtual sites of an OpenMM System."""

import numpy as np
import openmm
from openmm import unit

from ..units import to_angstrom, to_nm
from ._virtual_sites import AverageSite, LocalFrameSite


def system_constraints(system, positions=None):
    """Arguments of :meth:`KinematicForest.from_constraints`, in Å and Da."""
    for force in system.getForces():
        if isinstance(force, openmm.DrudeForce):
            raise ValueError(
                "the system has Drude particles, which must follow their parents but have mass: "
                "use a force field without them"
            )
    if unit.is_quantity(positions):
        positions = to_angstrom(np.asarray(positions.value_in_unit(unit.nanometer)))
    n_atoms = system.getNumParticles()
    constraints = [
        system.getConstraintParameters(number) for number in range(system.getNumConstraints())
    ]
    return {
        "n_atoms": n_atoms,
        "pairs": [(first, second) for first, second, _ in constraints],
        "masses": [
            system.getParticleMass(atom).value_in_unit(unit.dalton) for atom in range(n_atoms)
        ],
        "lengths": [
            to_angstrom(length.value_in_unit(unit.nanometer)) for _, _, length in constraints
        ],
        "positions": positions,
        "virtual": {
            atom: _site(atom, system.getVirtualSite(atom))
            for atom in range(n_atoms)
            if system.isVirtualSite(atom)
        },
    }


def _site(atom, site):
    parents = tuple(site.getParticle(k) for k in range(site.getNumParticles()))
    if isinstance(site, (openmm.TwoParticleAverageSite, openmm.ThreeParticleAverageSite)):
        return AverageSite(parents, tuple(site.getWeight(k) for k in range(len(parents))))
    if isinstance(site, openmm.OutOfPlaneSite):
        second, third = site.getWeight12(), site.getWeight13()
        # nm⁻¹: the cross product is an area
        cross = to_nm(site.getWeightCross())
        return AverageSite(parents, (1 - second - third, second, third), cross)
    if isinstance(site, openmm.LocalCoordinatesSite):
        place = site.getLocalPosition().value_in_unit(unit.nanometer)
        weights = (site.getOriginWeights(), site.getXWeights(), site.getYWeights())
        return LocalFrameSite(
            parents, *(tuple(w) for w in weights), tuple(to_angstrom(np.array(place)))
        )
    raise ValueError(
        f"particle {atom} is a {type(site).__name__}: two- and three-particle averages, "
        "out-of-plane and local-coordinates sites can be moved with their parents, others not"
    )
