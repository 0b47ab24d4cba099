"""Trajectories of which everything is known."""

import MDAnalysis
import numpy as np
from MDAnalysis.coordinates.memory import MemoryReader

from openmm_stegmn.analysis import HybridFrames


def chain_positions(angles):
    """Four atoms 1.5 Å apart, bent by 110°, with the dihedrals given: ``(n_frames, 4, 3)``."""
    angles = np.atleast_1d(angles)
    bend = np.deg2rad(110)
    positions = np.zeros((len(angles), 4, 3))
    positions[:, 0] = 1.5 * np.array([np.cos(bend), np.sin(bend), 0])
    positions[:, 2] = [1.5, 0, 0]
    out = np.stack(
        [-np.cos(bend) * np.ones(len(angles)), np.sin(bend) * np.cos(angles),
         np.sin(bend) * np.sin(angles)], axis=1
    )  # fmt: skip
    positions[:, 3] = positions[:, 2] + 1.5 * out
    return positions


def universe_of(positions, names=("C1", "C2", "C3", "C4"), elements=None, velocities=None):
    """In memory, all bonded in a row."""
    n_atoms = len(names)
    universe = MDAnalysis.Universe.empty(
        n_atoms, n_residues=1, atom_resindex=[0] * n_atoms, trajectory=False
    )
    universe.add_TopologyAttr("names", list(names))
    universe.add_TopologyAttr("elements", list(elements or [name[0] for name in names]))
    universe.add_TopologyAttr("types", list(elements or [name[0] for name in names]))
    universe.add_TopologyAttr("resnames", ["MOL"])
    universe.add_TopologyAttr("resids", [1])
    universe.add_TopologyAttr("segids", ["A"])
    universe.add_TopologyAttr("masses", [12.0] * n_atoms)
    universe.add_TopologyAttr("bonds", [(n, n + 1) for n in range(n_atoms - 1)])
    universe.trajectory = MemoryReader(
        np.asarray(positions, dtype=np.float32), velocities=velocities, order="fac"
    )
    return universe


def chain(angles, **options):
    """Universe of four atoms with the dihedrals given."""
    return universe_of(chain_positions(angles), **options)


def hybrid_frames(n_legs, leg, interval=1.0, rejected=(), kinds=()):
    """A jump, then a leg of physical frames, and so on; those legs named begin with a rejection.

    A rejected jump makes no frame. The trajectory begins with a jump, as if cut from a longer one.
    """
    origin, time, now = [], [], 0.0
    for number in range(n_legs):
        own = [2] + [0] * (leg - 1) if number in rejected else [1] + [0] * leg
        for each in own:
            origin.append(each)
            time.append(now)
            now += interval
    frames = HybridFrames.from_arrays(np.array(time), np.array(origin))
    return frames if not kinds else _with_kinds(frames, kinds)


def _with_kinds(frames, kinds):
    import dataclasses

    return dataclasses.replace(frames, kinds=tuple(kinds))


def two_states(stay, n, rng, start=0):
    """A Markov chain with the probabilities given to stay in state 0 and 1."""
    states = np.empty(n, dtype=int)
    states[0] = start
    draws = rng.random(n)
    for step in range(1, n):
        before = states[step - 1]
        states[step] = before if draws[step] < stay[before] else 1 - before
    return states


def angles_of_states(states, rng, width=0.3):
    """Dihedrals about -1.5 rad in state 0, 1.5 rad in state 1."""
    return np.where(np.asarray(states) == 0, -1.5, 1.5) + width * rng.normal(size=len(states))
