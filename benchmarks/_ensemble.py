"""Ensembles of alanine dipeptide, for the benchmarks: torsions, histograms, divergences, errors."""

import MDAnalysis
import numpy as np
from MDAnalysis.analysis.dihedrals import Dihedral

from openmm_stegmn.analysis import divergence


def read_torsions(topology, trajectory):
    """Backbone torsions of alanine dipeptide, read with stock MDAnalysis.

    Returns
    -------
    angles : ndarray, ``(n_frames, 2)``
        φ and ψ in degrees.
    data : dict of ndarray, ``(n_frames,)``
        What a hybrid trajectory tells about each frame; empty for a DCD file.
    nonfinite : int
        Coordinates and velocities that are no finite numbers.
    """
    universe = MDAnalysis.Universe(str(topology), str(trajectory))
    carbon, nitrogen = (universe.select_atoms(f"name {name}") for name in ("C", "N"))
    alpha = universe.select_atoms("name CA")
    phi = carbon[:1] + nitrogen[:1] + alpha + carbon[1:2]
    psi = nitrogen[:1] + alpha + carbon[1:2] + nitrogen[1:2]
    data, nonfinite = {}, 0
    for frame in universe.trajectory:
        nonfinite += int((~np.isfinite(frame.positions)).sum())
        if frame.has_velocities:
            nonfinite += int((~np.isfinite(frame.velocities)).sum())
        for name in ("origin", "accepted", "energy_change", "constraint_error"):
            if name in frame.data:
                data.setdefault(name, []).append(float(np.ravel(frame.data[name])[0]))
    angles = Dihedral([phi, psi]).run().results.angles
    return np.asarray(angles), {name: np.array(x) for name, x in data.items()}, nonfinite


def block_mean(values, blocks=20):
    """Mean, and its standard error from the means of consecutive blocks."""
    means = [block.mean() for block in np.array_split(np.asarray(values), blocks) if len(block)]
    error = np.std(means, ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
    return {"mean": float(np.mean(values)), "error": float(error), "samples": len(values)}


def plus_minus(measured, scale=1):
    """Text of a mean and its error, as from `block_mean`."""
    return f"{scale * measured['mean']:.1f} ± {scale * measured['error']:.1f}"


def block_histograms(angles, keep=None, blocks=20, bins=24):
    """(φ, ψ) counts of consecutive blocks, ``(blocks, bins * bins)``.

    Parameters
    ----------
    angles : ndarray, ``(n_frames, 2)``
        Degrees.
    keep : ndarray of bool, ``(n_frames,)``, optional
        Frames to count; blocks are of equal length before frames are left out.
    blocks, bins : int
        Blocks, and bins an angle.
    """
    cells = np.clip(((angles + 180) * bins / 360).astype(int), 0, bins - 1)
    cells = cells[:, 0] * bins + cells[:, 1]
    keep = np.ones(len(cells), bool) if keep is None else keep
    parts = zip(np.array_split(cells, blocks), np.array_split(keep, blocks), strict=True)
    return np.array([np.bincount(c[k], minlength=bins * bins) for c, k in parts])


def divergence_error(left, right, resamples=300, seed=0):
    """Standard error of `divergence`: both rows of blocks resampled with replacement."""
    rng = np.random.default_rng(seed)

    def drawn(blocks):
        return blocks[rng.integers(len(blocks), size=len(blocks))].sum(0)

    return float(np.std([divergence(drawn(left), drawn(right)) for _ in range(resamples)]))


def noise_floor(masked, full, splits=500, seed=0):
    """Divergences between random halves of the blocks of plain dynamics.

    Parameters
    ----------
    masked, full : ndarray, ``(blocks, cells)``
        The same blocks, first with only those frames that the hybrid run has of some kind.

    Returns
    -------
    ndarray, ``(splits,)``
        One half masked against the other half in full.
    """
    rng = np.random.default_rng(seed)
    half, out = len(full) // 2, []
    for _ in range(splits):
        order = rng.permutation(len(full))
        out.append(divergence(masked[order[:half]].sum(0), full[order[half:]].sum(0)))
    return np.array(out)


def populations(angles, blocks=20):
    """Share of αR (φ < 0, -120° < ψ < 30°), αL (φ > 0) and β/PII (the rest), with errors."""
    phi, psi = angles.T
    right = (phi < 0) & (psi > -120) & (psi < 30)
    regions = {"beta": (phi < 0) & ~right, "alpha_R": right, "phi_positive": phi >= 0}
    return {name: block_mean(inside.astype(float), blocks) for name, inside in regions.items()}
