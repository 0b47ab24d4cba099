"""A small protein with charges, as PQR and DCD: alanine tripeptides of ideal shape that shake."""

import warnings

import MDAnalysis as mda
import numpy as np

NAMES = ("N", "CA", "C", "O", "CB")
_SHAPE = np.array([[0, 0, 0], [1.46, 0, 0], [2.0, 1.4, 0], [1.3, 2.4, 0], [2.0, -0.8, 1.2]])


def chain(residues):
    """Positions ``(5 residues, 3)``, neighbours 1.33 Å apart from C to N."""
    places, start = [], np.zeros(3)
    for _ in range(residues):
        places.append(_SHAPE + start)
        start = places[-1][2] + [1.15, 0.67, 0.3]
    return np.concatenate(places)


def shaking(residues, n_frames, seed=0):
    random = np.random.default_rng(seed)
    places = chain(residues)
    noise = 0.1 * random.normal(size=(n_frames, *places.shape)).cumsum(0) / n_frames**0.5
    return (places + noise).astype(np.float32)


def write_protein(folder, residues=6, n_frames=60, frames=None, name="p", dt=10.0):
    """``p.pqr`` and ``p.dcd`` in a folder, a frame every ``dt`` ps; the frames."""
    frames = shaking(residues, n_frames) if frames is None else frames
    n = 5 * residues
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = mda.Universe.empty(
            n, residues, atom_resindex=np.repeat(np.arange(residues), 5), trajectory=True
        )
        universe.add_TopologyAttr("names", list(NAMES) * residues)
        universe.add_TopologyAttr("resnames", ["ALA"] * residues)
        universe.add_TopologyAttr("resids", np.arange(1, residues + 1))
        universe.add_TopologyAttr("charges", np.tile([-0.4, 0.1, 0.6, -0.5, 0.2], residues))
        universe.add_TopologyAttr("radii", np.zeros(n))
        universe.atoms.positions = frames[0]
        universe.atoms.write(str(folder / f"{name}.pqr"))
        with mda.Writer(str(folder / f"{name}.dcd"), n, dt=dt) as writer:
            for frame in frames:
                universe.atoms.positions = frame
                writer.write(universe.atoms)
    return frames
