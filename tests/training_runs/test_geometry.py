"""Trajectories compared with bonds and constraints: rounding, flexible bonds, other molecules."""

import dataclasses
import warnings

import pytest
import torch
from short_runs import molecule, short_runs

from openmm_stegmn.data import Trajectory, describe_molecule
from openmm_stegmn.models import ModelSpec
from openmm_stegmn.training_runs._geometry import check_geometry


@pytest.fixture(scope="module")
def spec():
    return ModelSpec(
        architecture="persistence", history=1, frame_interval=0.02,
        **describe_molecule(molecule().topology, molecule().system),
    )  # fmt: skip


def changed(change, number=1):
    """The trajectories, one of them changed."""
    trajectories = short_runs()
    frames = change(trajectories[number].frames.clone())
    trajectories[number] = Trajectory(frames, 0.02, trajectories[number].source)
    return trajectories


def stretch_first_bond(by):
    """C–H of the first methyl group, constrained to 1.09 Å."""

    def change(frames):
        frames[:, 0] += by * (frames[:, 0] - frames[:, 1])
        return frames

    return change


def test_what_a_format_rounds_is_no_violation(spec):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_geometry(short_runs(), spec)
        check_geometry(changed(lambda frames: (frames * 100).round() / 100), spec)


def test_a_violated_constraint_is_told_with_its_size(spec):
    found = (
        r"run2.xtc: CH3 of ACE 1–H1 of ACE 1 is constrained to 1.090 Å in the system, but in the "
        r"frames it is 1.14. Å long on average and off by [45].. %"
    )
    with pytest.warns(UserWarning, match=found):
        check_geometry(changed(stretch_first_bond(0.05)), spec)


def test_far_off_is_another_molecule(spec):
    with pytest.raises(ValueError, match="off by 1[45].. % .*: the topology is not that of"):
        check_geometry(changed(stretch_first_bond(0.15)), spec)


def test_atoms_in_another_order(spec):
    with pytest.raises(ValueError, match="run2.xtc: .* another order|not that of the trajectory"):
        check_geometry(changed(lambda frames: frames.flip(1)), spec)


def test_torn_molecules(spec):
    def tear(frames):
        frames[7, 12:] += 30
        return frames

    free = dataclasses.replace(spec, constraints=(), constraint_lengths=())
    with pytest.raises(ValueError, match="run2.xtc: .* is a bond, but .* in frame 7: .* box"):
        check_geometry(changed(tear), free)


def test_other_number_of_atoms(spec):
    with pytest.raises(ValueError, match="run3.xtc has 20 atoms, the system 22"):
        check_geometry(changed(lambda frames: frames[:, :20], 2), spec)


def test_no_bonds_and_no_constraints(spec):
    free = dataclasses.replace(spec, bonds=(), constraints=(), constraint_lengths=())
    check_geometry([Trajectory(torch.randn(5, 22, 3) * 50, 0.02, "gas")], free)
