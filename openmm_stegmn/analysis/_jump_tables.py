"""The numbers of `JumpAudit`, from what it added up."""

import numpy as np
from scipy.stats import t as student

from ..units import GAS_CONSTANT
from ._noise import LEAST_BLOCKS, OUTSIDE, UNKNOWN, WITHIN

_WINDOWS = 20
_LEAST_IN_WINDOW = 5
# of jumps that are followed so far without another
_LEAST_SHARE = 0.1


def acceptance_table(times, accepted):
    """Share of jumps accepted in consecutive stretches of jumps.

    Parameters
    ----------
    times : ndarray (n_jumps,)
        ps.
    accepted : ndarray (n_jumps,), bool

    Returns
    -------
    dict of ndarray
        "time" (ps, mean of the stretch), "share", "error" (binomial, of jumps that know nothing of
        each other), "attempted".
    """
    n_windows = min(_WINDOWS, len(times) // _LEAST_IN_WINDOW)
    parts = np.array_split(np.arange(len(times)), n_windows) if n_windows else []
    share = np.array([accepted[part].mean() for part in parts])
    count = np.array([len(part) for part in parts])
    # Agresti and Coull: no error of zero where all or none were accepted
    middle = (share * count + 2) / (count + 4) if n_windows else share
    return {
        "time": np.array([times[part].mean() for part in parts]),
        "share": share,
        "error": np.sqrt(middle * (1 - middle) / (count + 4)) if n_windows else share,
        "attempted": count,
    }


def relaxation_table(energies, since, blocks, interval):
    """Mean energy by the frames since a jump, less that of the second half of the legs.

    Parameters
    ----------
    energies : ndarray (n_frames,)
        kJ/mol; those that are no numbers are left out.
    since : ndarray (n_frames,), int
        Frames since the last jump, -1 before the first.
    blocks : ndarray (n_frames,), int
    interval : float
        ps.

    Returns
    -------
    rows : list of dict
    relaxed_after : int or None
        Frames.
    """
    known = np.isfinite(energies) & (since >= 0)
    energies, since, blocks = energies[known], since[known], blocks[known]
    if not len(energies):
        return [], None
    late = since > np.median(since)
    n_blocks, rows = blocks.max() + 1, []
    base, of_base = _block_means(energies[late], blocks[late], n_blocks)
    for frames in range(since.max() + 1):
        chosen = since == frames
        own, weight = _block_means(energies[chosen], blocks[chosen], n_blocks)
        both = (weight > 0) & (of_base > 0)
        if both.sum() < 2 or weight.sum() < _LEAST_SHARE * (since == 0).sum():
            continue
        energy, error = mean_and_error(own[both] - base[both], weight[both])
        rows.append({"frames": frames, "time": frames * interval, "energy": energy, "error": error})
    back = [abs(row["energy"]) <= 2 * row["error"] for row in rows]
    enough = (of_base > 0).sum() >= LEAST_BLOCKS
    for place, row in enumerate(rows):
        if enough and all(back[place:]):
            return rows, row["frames"]
    return rows, None


def temperature_tables(audit, reference=None, level=0.05):
    """Temperatures of elements and residues after jumps, late in legs, and in plain dynamics.

    Parameters
    ----------
    audit, reference : JumpAudit
        That have run.
    level : float
        How often noise may be called a difference in a table.

    Returns
    -------
    dict of list of dict
    """
    return {kind: _temperature_table(audit, reference, kind, level) for kind in audit.group_kinds}


def _temperature_table(audit, reference, kind, level):
    names, degrees, kinetic, counts = audit.group_sums(kind)
    with np.errstate(divide="ignore"):
        scale = np.where(degrees > 1e-6, 2 / (degrees * GAS_CONSTANT), np.nan)
    at_jump, after, late = _leg_parts(counts)
    plain = None
    if reference is not None:
        _, _, of_plain, plain_counts = reference.group_sums(kind)
        plain = of_plain.sum(axis=1), plain_counts.sum(axis=1)
    rows = []
    for place, name in enumerate(names):

        def means(columns, place=place):
            return kinetic[:, columns, place].sum(axis=1), counts[:, columns].sum(axis=1)

        sides = [means(after), means(late) if plain is None else (plain[0][:, place], plain[1])]
        (first, error), (second, other) = (_temperature(*side, scale[place]) for side in sides)
        blocks = min((side[1] > 0).sum() for side in sides)
        difference, spread = first - second, float(np.hypot(error, other))
        rows.append(
            {
                "name": str(name), "degrees": float(degrees[place]), "after_jump": first,
                "at_jump": _temperature(*means(at_jump), scale[place])[0],
                "late": _temperature(*means(late), scale[place])[0],
                "reference": second if plain is not None else float("nan"),
                "difference": difference, "error": spread,
                "verdict": _verdict(difference, spread, blocks, level / len(names)),
            }
        )  # fmt: skip
    return rows


def _leg_parts(counts):
    """Columns of the jump, of the first and of the second half of legs."""
    frames = counts.sum(axis=0)
    columns = np.arange(counts.shape[1])
    if not frames[1:].any():
        return columns[1:2], columns[2:2], columns[:1]
    cumulated = np.cumsum(frames[2:]) / max(frames[2:].sum(), 1)
    half = 2 + int(np.searchsorted(cumulated, 0.5)) + 1
    return columns[1:2], columns[2:half], columns[half:]


def _temperature(kinetic, counts, scale):
    """Mean and error, K, of block sums of a kinetic energy."""
    there = counts > 0
    if not there.any():
        return float("nan"), float("nan")
    return mean_and_error(scale * kinetic[there] / counts[there], counts[there])


def _verdict(difference, error, n_blocks, level):
    if not np.isfinite(difference) or not error > 0 or n_blocks < LEAST_BLOCKS:
        return UNKNOWN
    allowed = student.ppf(1 - level / 2, n_blocks - 1)
    return WITHIN if abs(difference) <= allowed * error else OUTSIDE


def mean_and_error(means, weights):
    """Weighted mean of block means, and its standard error; NaN of a single block."""
    share = weights / weights.sum()
    mean = share @ means
    n_blocks = len(means)
    if n_blocks < 2:
        return float(mean), float("nan")
    error = np.sqrt((share**2 @ (means - mean) ** 2) * n_blocks / (n_blocks - 1))
    return float(mean), float(error)


def _block_means(values, blocks, n_blocks):
    counts = np.bincount(blocks, minlength=n_blocks)
    return np.bincount(blocks, values, n_blocks) / np.maximum(counts, 1), counts
