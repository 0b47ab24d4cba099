"""Small molecules for tests, made from bond lengths, angles and torsions."""

from dataclasses import dataclass, field

import numpy as np
import torch

from openmm_stegmn.mechanics import ArticulatedBody
from openmm_stegmn.models import MODELS, ModelSpec, StateModel, build_model

MASS = {"H": 1.008, "C": 12.01, "O": 16.0, "Na": 22.99}


@dataclass
class Molecule:
    """Atoms are added one by one, bonded to earlier ones; lengths in Å, angles in degrees."""

    elements: list = field(default_factory=list)
    bonds: list = field(default_factory=list)
    positions: list = field(default_factory=list)

    def add(self, element, position, bonded_to=None):
        self.elements.append(element)
        self.positions.append(np.asarray(position, float))
        atom = len(self.elements) - 1
        if bonded_to is not None:
            self.bonds.append((bonded_to, atom))
        return atom

    def hang(self, element, a, b, c, length, angle, torsion):
        """Add an atom bonded to ``a``, at an angle with ``b`` and a torsion with ``c``."""
        pa, pb, pc = (self.positions[i] for i in (a, b, c))
        along = (pa - pb) / np.linalg.norm(pa - pb)
        normal = np.cross(pb - pc, along)
        normal /= np.linalg.norm(normal)
        angle, torsion = np.radians([angle, torsion])
        local = [-np.cos(angle), np.sin(angle) * np.cos(torsion), np.sin(angle) * np.sin(torsion)]
        frame = np.stack([along, np.cross(normal, along), normal])
        return self.add(element, pa + length * np.array(local) @ frame, a)

    @property
    def masses(self):
        return [MASS[element] for element in self.elements]

    @property
    def n_atoms(self):
        return len(self.elements)

    @property
    def frame(self):
        return torch.tensor(np.array(self.positions))

    def body(self, constraints=()):
        return ArticulatedBody.from_bonds(
            self.n_atoms, self.bonds, self.masses, constraints, self.elements
        )

    def spec(self, architecture="stegmn", history=4, **changes):
        n = self.n_atoms
        values = {
            "architecture": architecture, "history": history, "frame_interval": 0.5,
            "atom_names": [f"{element}{i}" for i, element in enumerate(self.elements)],
            "elements": self.elements, "residue_names": ["MOL"] * n, "residue_ids": [0] * n,
            "masses": self.masses, "bonds": self.bonds,
        }  # fmt: skip
        return ModelSpec(**values | changes)


def alkane(n_carbons, hydrogens=True, seed=0):
    """CH3(CH2)nCH3 with torsions, lengths and angles that are not all the same."""
    random = np.random.default_rng(seed)
    jitter = lambda mean, width: mean + width * random.uniform(-1, 1)  # noqa: E731
    molecule = Molecule()
    carbons = [molecule.add("C", [0, 0, 0])]
    carbons.append(molecule.add("C", [1.53, 0, 0], 0))
    carbons.append(molecule.add("C", [2.04, 1.44, 0], 1))
    for i in range(3, n_carbons):
        a, b, c = carbons[i - 1], carbons[i - 2], carbons[i - 3]
        torsion = random.choice([180, 65, -65]) + random.uniform(-10, 10)
        length, angle = jitter(1.53, 0.02), jitter(112, 3)
        carbons.append(molecule.hang("C", a, b, c, length, angle, torsion))
    if not hydrogens:
        return molecule
    for i, carbon in enumerate(carbons):
        inner = 0 < i < n_carbons - 1
        b = carbons[i - 1] if i else carbons[1]
        c = carbons[i + 1] if inner else carbons[2] if i == 0 else carbons[i - 2]
        for torsion in (120, -120) if inner else (60, 180, -60):
            length = jitter(1.09, 0.01)
            molecule.hang("H", carbon, b, c, length, 109.5, jitter(torsion, 5))
    return molecule


def toluene():
    """A planar ring with a methyl group: one rotatable bond."""
    molecule = Molecule()
    for i in range(6):
        turn = np.radians(60 * i)
        molecule.add("C", [1.4 * np.cos(turn), 1.4 * np.sin(turn), 0], i - 1 if i else None)
    molecule.bonds.append((5, 0))
    methyl = molecule.add("C", [2.9, 0, 0], 0)
    for i in range(1, 6):
        turn = np.radians(60 * i)
        molecule.add("H", [2.48 * np.cos(turn), 2.48 * np.sin(turn), 0], i)
    for torsion in (10, 130, 250):
        molecule.hang("H", methyl, 0, 1, 1.09, 110, torsion)
    return molecule


def water(bonds=True):
    """Three atoms; a rigid water that lists no bonds where ``bonds`` is false."""
    molecule = Molecule()
    molecule.add("O", [0, 0, 0])
    molecule.add("H", [0.9572, 0, 0], 0)
    molecule.add("H", [-0.24, 0.9266, 0], 0)
    if not bonds:
        molecule.bonds.clear()
    return molecule


def beside(*molecules, apart=6.0):
    """Several molecules as one."""
    both = Molecule()
    for number, molecule in enumerate(molecules):
        start = both.n_atoms
        both.elements += molecule.elements
        both.bonds += [(start + i, start + j) for i, j in molecule.bonds]
        both.positions += [p + np.array([0, 0, apart * number]) for p in molecule.positions]
    return both


def random_walk(molecule, n_frames, width=0.2, seed=0, rigid=0.05):
    """Frames ``(n_frames, n_atoms, 3)`` whose torsions, places and orientations wander."""
    generator = torch.Generator().manual_seed(seed)
    body, frame, frames = molecule.body(), molecule.frame, []
    shape = (body.n_molecules, 3)
    for _ in range(n_frames):
        angles = width * torch.randn(body.n_bonds, generator=generator, dtype=frame.dtype)
        rotation, translation = (
            rigid * torch.randn(shape, generator=generator, dtype=frame.dtype) for _ in range(2)
        )
        frame, _ = body.move(frame, angles, rotation, translation)
        frames.append(frame)
    return torch.stack(frames)


def hops_of_all(model):
    """Bonds between all pairs of a model's atoms, ``(n_atoms, n_atoms)``."""
    atoms = torch.arange(model.spec.n_atoms)
    return model.context.near.hops_between(atoms[:, None], atoms)


def random_rotation(seed=0, reflect=False):
    """An orthogonal matrix, float64."""
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    return q * torch.linalg.det(q) * (-1 if reflect else 1)


SMALL_STEGMN = {"hidden": 8, "channels": 4, "layers": 1, "heads": 2, "radial": 6}
SMALL_NETWORK = {"hidden": 8, "layers": 2, "type_features": 4, "pair_features": 4}


def small_config(name):
    """Options of a registered model that make it quick."""
    if name == "stegmn":
        return SMALL_STEGMN
    return SMALL_NETWORK if MODELS[name][0] is StateModel else {}


def perturbed_model(molecule, name, history=4, seed=0, scale=0.3, **changes):
    """A model whose weights are all random, none of them zero as before training."""
    torch.manual_seed(seed)
    config = small_config(name) | changes.pop("config", {})
    model = build_model(molecule.spec(name, history, config=config, **changes))
    with torch.no_grad():
        for part, tensor in model.state_dict().items():
            if part.startswith("context."):
                continue
            # Weights of positions of several Å
            width = 0.02 if part == "weights" or part.endswith("position_weights") else scale
            tensor.add_(width * torch.randn(tensor.shape, dtype=tensor.dtype))
    return model.eval()
