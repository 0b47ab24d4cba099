"""Populations of the basins of φ and ψ, and how long a molecule stays in them."""

import numpy as np

from ._blocks import block_of_frames
from ._free_energy import weighted_histograms
from ._markov_estimate import interval

_NAMES = ("β and PII", "αR", "φ > 0")


def basins_of(angles):
    """Basin of each frame: 0 β and PII, 1 αR (φ < 0, -120° < ψ < 30°), 2 φ > 0.

    Parameters
    ----------
    angles : ndarray (n_frames, 2)
        φ and ψ, rad.
    """
    phi, psi = np.rad2deg(angles).T
    return np.where(phi >= 0, 2, np.where((psi > -120) & (psi < 30), 1, 0))


def basin_table(angles, frames, markov=None, reference=None):
    """Populations and mean first passage times.

    Parameters
    ----------
    angles : ndarray (n_frames, 2)
        rad.
    frames : HybridFrames
    markov : LegMarkovModel, optional
        Gives corrected populations, unless the run is exact, and times.
    reference : (ndarray, HybridFrames), optional
        Angles and frames of plain molecular dynamics.

    Returns
    -------
    list of dict
        See `AngleFreeEnergies`.
    """
    basins = basins_of(angles)
    raw, plain = _shares(basins, frames), None
    if reference is not None:
        plain = _shares(basins_of(reference[0]), reference[1])
    rows = []
    for number, name in enumerate(_NAMES):
        inside = basins == number
        row = {"name": name, "raw": raw[number]}
        row["reference"] = None if plain is None else plain[number]
        row["corrected"] = row["raw"] if frames.exact else None
        row["leaving"] = None
        if markov is not None:
            row["leaving"] = markov.passage_time(inside, ~inside)
            if not frames.exact:
                row["corrected"] = markov.average(inside)
        rows.append(row)
    return rows


def _shares(basins, frames):
    """Share of each basin with low and high (95 %)."""
    population, draws = weighted_histograms(basins, len(_NAMES), block_of_frames(frames))
    return list(zip(population.tolist(), *interval(draws).tolist(), strict=True))
