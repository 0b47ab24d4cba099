"""Constraints of a molecule of which bonds and frames are known, and no force field."""

from __future__ import annotations

import copy
import dataclasses
import warnings

import MDAnalysis as mda
import torch

from ..mechanics import policy_constraints
from ..systems import SetupError
from ..units import to_nm

# By the names that force fields give them
_POLICIES = {"none": "none", "hbonds": "hbonds", "allbonds": "allbonds"}
# Frames that lengths are averaged over
_FRAMES = 1000


def constrain_bonds(molecule, trajectory, constraints: str):
    """A copy of a molecule with constrained bonds, as long as they are in a trajectory on average.

    Parameters
    ----------
    molecule : MolecularSystem
        From :func:`~openmm_stegmn.systems.load_bonded`.
    trajectory : Trajectory
    constraints : {"None", "HBonds", "AllBonds"}
        Waters are rigid with the latter two.

    Returns
    -------
    MolecularSystem

    Raises
    ------
    SetupError
        If there are no such constraints.
    """
    policy = _POLICIES.get(constraints.lower())
    if policy is None:
        raise SetupError(
            f"constraints {constraints!r} of {molecule.pdb} without a force field: expected "
            f"HBonds, AllBonds or None; else give --system or --forcefield"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of coordinates, which a topology does not have
        atoms = mda.Universe(molecule.topology, to_guess=("masses",)).atoms
    pairs = policy_constraints(atoms, policy)["pairs"]
    system = copy.deepcopy(molecule.system)
    if pairs:
        some = torch.arange(0, len(trajectory), len(trajectory) // _FRAMES + 1)
        frames = trajectory.frames[some]
        first, second = torch.tensor(pairs).T
        lengths = torch.linalg.vector_norm(frames[:, first] - frames[:, second], dim=-1).double()
        for pair, length in zip(pairs, to_nm(lengths.mean(0)).tolist(), strict=True):
            system.addConstraint(*map(int, pair), length)
    return dataclasses.replace(molecule, system=system)
