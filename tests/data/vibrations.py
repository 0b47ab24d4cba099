"""Molecules that vibrate harmonically, as files of MD17 and rMD17."""

import numpy as np

from openmm_stegmn.data import md17_elements, md17_structure

NUMBERS = {"H": 1, "C": 6, "O": 8, "N": 7}


def vibrating(molecule, n_frames, seed=0, amplitude=0.03, time_step=0.5):
    """Frames ``(n_frames, n_atoms, 3)``: normal modes about the packaged geometry, and drift.

    Periods are 10 to 30 fs, so that 5 fs ahead the last frame is far off and a linear rule is not.
    """
    random = np.random.default_rng(seed)
    equilibrium = np.loadtxt(md17_structure(molecule), skiprows=2, usecols=(1, 2, 3))
    n_modes = 4
    modes = random.normal(size=(n_modes, *equilibrium.shape)) * amplitude / n_modes**0.5
    periods, phases = random.uniform(10, 30, n_modes), random.uniform(0, 7, n_modes)
    times = time_step * np.arange(n_frames)
    swing = np.cos(2 * np.pi * times[:, None] / periods + phases)
    noise = 1e-4 * random.normal(size=(n_frames, *equilibrium.shape))
    drift = 1e-4 * times[:, None, None] * random.normal(size=3)
    return equilibrium + np.einsum("tm,mix->tix", swing, modes) + drift + noise


def atomic_numbers(molecule):
    return np.array([NUMBERS[element] for element in md17_elements(molecule)], np.uint8)


def write_md17(path, molecule, n_frames=16_200, **changes):
    """A file with the keys of MD17; ``changes`` replace keys, or leave them out if None."""
    frames = vibrating(molecule, n_frames)
    values = {"R": frames, "z": atomic_numbers(molecule), "E": np.zeros((n_frames, 1))}
    values |= {"F": np.zeros_like(frames)} | changes
    np.savez(path, **{key: value for key, value in values.items() if value is not None})
    return frames


def write_rmd17(path, molecule, n_frames, kept, seed=1, **changes):
    """A file with the keys of rMD17: some of the frames, in random order."""
    frames = vibrating(molecule, n_frames)
    order = np.random.default_rng(seed).permutation(n_frames)[:kept]
    values = {"coords": frames[order], "nuclear_charges": atomic_numbers(molecule)}
    values |= {"old_indices": order, "energies": np.zeros(kept)} | changes
    np.savez(path, **{key: value for key, value in values.items() if value is not None})
    return frames
