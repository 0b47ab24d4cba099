"""Are these trajectories of this molecule? Asked before anything is trained."""

import warnings

import torch

from ..models import ModelSpec

#: Deviations of constrained lengths (root mean square over frames, relative) that are rounding of
#: the file format, and those that another molecule has.
ROUNDING, ANOTHER = 0.01, 0.1
#: Bonds longer than this (Å) are none: molecules are cut by a box, or atoms in another order.
LONGEST_BOND = 4.0
# Atoms in all frames that are looked at at a time
_BLOCK = 1_000_000


def check_geometry(trajectories, spec: ModelSpec) -> None:
    """Compare lengths in trajectories with the bonds and constraints of a molecule.

    Warns of constraints that the trajectories violate.

    Parameters
    ----------
    trajectories : sequence of Trajectory
    spec : ModelSpec

    Raises
    ------
    ValueError
        If a trajectory has another number of atoms, bonded atoms are far apart, or constrained
        lengths are so different that it is of another molecule.
    """
    worst, where = 0.0, None
    for trajectory in trajectories:
        if trajectory.frames.shape[1] != spec.n_atoms:
            raise ValueError(
                f"{trajectory.source} has {trajectory.frames.shape[1]} atoms, the system "
                f"{spec.n_atoms}: give the system of the atoms that were written"
            )
        _check_bonds(trajectory, spec)
        error, pair, mean = _worst_constraint(trajectory, spec)
        if error > worst:
            worst, where = error, (trajectory, pair, mean)
    if worst <= ROUNDING:
        return
    trajectory, number, mean = where
    found = (
        f"{trajectory.source}: {_names(spec, spec.constraints[number])} is constrained to "
        f"{spec.constraint_lengths[number]:.3f} Å in the system, but in the frames it is "
        f"{mean:.3f} Å long on average and off by {100 * worst:.1f} % (root mean square)"
    )
    if worst > ANOTHER:
        raise ValueError(
            f"{found}: the topology is not that of the trajectory, or its atoms are in another "
            f"order"
        )
    warnings.warn(
        f"{found}. A model of these constraints is trained, and it keeps the lengths of the frame "
        f"it starts from; if the trajectory was made with other constraints, give those.",
        stacklevel=3,
    )


def _check_bonds(trajectory, spec):
    if not spec.bonds:
        return
    size = _BLOCK // spec.n_atoms + 1
    for number, block in enumerate(trajectory.frames.split(size)):
        lengths = _lengths(block, spec.bonds)
        if lengths.max() > LONGEST_BOND:
            frame, bond = divmod(int(lengths.argmax()), len(spec.bonds))
            raise ValueError(
                f"{trajectory.source}: {_names(spec, spec.bonds[bond])} is a bond, but "
                f"{lengths.max():.1f} Å long in frame {number * size + frame}: the topology is "
                f"not that of the trajectory, or molecules are cut by a periodic box that the file "
                f"does not state"
            )


def _worst_constraint(trajectory, spec):
    """Largest deviation of a constraint, its number, and its mean length."""
    if not spec.constraints:
        return 0.0, None, None
    expected = torch.tensor(spec.constraint_lengths, dtype=torch.float64)
    squares, total = torch.zeros_like(expected), torch.zeros_like(expected)
    for block in trajectory.frames.split(_BLOCK // spec.n_atoms + 1):
        lengths = _lengths(block, spec.constraints).double()
        squares += (lengths / expected - 1).square().sum(0)
        total += lengths.sum(0)
    error, number = (squares / len(trajectory)).sqrt().max(0)
    return error.item(), int(number), (total[number] / len(trajectory)).item()


def _lengths(frames, pairs):
    first, second = torch.tensor(pairs).T
    return torch.linalg.vector_norm(frames[:, first] - frames[:, second], dim=-1)


def _names(spec, pair):
    return "–".join(
        f"{spec.atom_names[atom]} of {spec.residue_names[atom]} {spec.residue_ids[atom] + 1}"
        for atom in pair
    )
