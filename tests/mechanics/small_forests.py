"""One small constraint graph of each kind, with positions that are not special."""

import math

import torch

from openmm_stegmn.mechanics import KinematicForest


def places(n_atoms, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(n_atoms, 3, generator=generator, dtype=torch.float64)


def puckered_ring(n_atoms, bond=1.53, pucker=0.25):
    """A ring of equal bonds, its atoms up and down by turns."""
    turn = torch.arange(n_atoms, dtype=torch.float64) * 2 * math.pi / n_atoms
    up = pucker * (-1.0) ** torch.arange(n_atoms)
    flat = math.sqrt(bond**2 - (2 * pucker) ** 2)
    radius = flat / (2 * math.sin(math.pi / n_atoms))
    return torch.stack([radius * torch.cos(turn), radius * torch.sin(turn), up.double()], 1)


def ring_pairs(n_atoms, first=0):
    return [(first + i, first + (i + 1) % n_atoms) for i in range(n_atoms)]


def complete(atoms):
    atoms = list(atoms)
    return [(a, b) for i, b in enumerate(atoms) for a in atoms[:i]]


# kind: number of atoms, constraints, how many rotation groups
GRAPHS = {
    "isolated": (1, [], 0),
    "stick": (2, [(0, 1)], 1),
    "hinge": (3, [(1, 0), (1, 2)], 2),
    "star": (5, [(0, 1), (0, 2), (0, 3), (0, 4)], 4),
    "star of 7": (8, [(3, k) for k in range(8) if k != 3], 7),
    "rigid body": (3, [(0, 1), (0, 2), (1, 2)], 1),
    "rigid body of 5": (5, complete(range(5)), 1),
    "tree": (6, [(0, 1), (1, 2), (2, 3), (3, 4), (2, 5)], 5),
    "tree with a rigid end": (6, [(0, 1), (1, 2), *complete(range(2, 6))], 3),
    "closed loop": (8, [*ring_pairs(6), (0, 6), (6, 7)], 7),
    "closed loop of two rings": (9, [*ring_pairs(6), (5, 6), (6, 7), (7, 8), (8, 0)], 8),
}


def graph(name):
    """``(forest, positions)``."""
    n_atoms, pairs, _ = GRAPHS[name]
    masses = 1 + torch.arange(n_atoms) % 3 * 7.5
    x = places(n_atoms)
    if name.startswith("closed loop"):
        x[:6] = puckered_ring(6)
        if "two" in name:
            x[6:9] = puckered_ring(6)[[1, 2, 3]] + torch.tensor([2.2, 1.3, 0.4])
        else:
            x[6:8] = torch.tensor([[2.9, 0.2, 0.4], [3.5, 1.2, 0.9]])
    return KinematicForest.from_constraints(n_atoms, pairs, masses), x


def together():
    """All of them as one system."""
    pairs, masses, positions, start = [], [], [], 0
    for number, name in enumerate(GRAPHS):
        forest, x = graph(name)
        pairs += [(a + start, b + start) for a, b in GRAPHS[name][1]]
        masses += forest.masses.tolist()
        positions.append(x + 10 * number)
        start += len(x)
    return KinematicForest.from_constraints(start, pairs, masses), torch.cat(positions)
