"""What a person should know first, in words."""

import numpy as np

from ._noise import OUTSIDE, UNKNOWN, WITHIN
from ._origin_comparison import ALL, JUMPED, PHYSICAL, REFERENCE

_KINDS = {
    "exact": "exact (Monte Carlo moves that leave the Boltzmann distribution unchanged)",
    "approximate dynamics": "approximate dynamics (their bias is measured, not corrected)",
    "deterministic": "deterministic (no acceptance test makes them exact)",
}
_MUCH_UNKNOWN = 0.01


def summary_sentences(analysis) -> list[str]:
    """What is within noise of molecular dynamics and what is not; then what to make of it.

    Parameters
    ----------
    analysis : TrajectoryAnalysis

    Returns
    -------
    list of str
        The first one is the summary.
    """
    sentences = [_first(analysis)]
    if analysis.frames.is_hybrid:
        sentences += _legs_and_jumps(analysis)
        sentences += _correction(analysis)
    sentences += _warnings(analysis)
    return sentences + analysis.notes


def verdicts_between(analysis, left, right):
    """Comparisons of two kinds of frames with their verdicts: list of (Comparison, str)."""
    results = analysis.comparison.results
    pairs = zip(results.comparisons, results.verdicts, strict=True)
    return [(each, verdict) for each, verdict in pairs if (each.left, each.right) == (left, right)]


def kind_text(frames):
    """What kind of jumps the files name."""
    return (
        "; ".join(_KINDS.get(kind, kind) for kind in frames.kinds)
        or "of a kind that the file does not tell"
    )


def _first(analysis):
    hybrid = analysis.frames.is_hybrid
    if analysis.has_reference:
        left, right = (ALL if hybrid else PHYSICAL), REFERENCE
        subject = "this hybrid trajectory" if hybrid else "this trajectory"
        than = "plain molecular dynamics"
    elif hybrid:
        left, right = JUMPED, PHYSICAL
        subject, than = "frames made by jumps", "the physical frames of the same run"
    else:
        return (
            "This is plain molecular dynamics without a reference to compare it with: give one with"
            " --reference."
        )
    found = verdicts_between(analysis, left, right)
    if not found:
        return f"Nothing of {subject} could be compared with {than}."
    names = {kind: [c.observable for c, v in found if v == kind] for kind in (WITHIN, OUTSIDE)}
    unknown = [c.observable for c, v in found if v == UNKNOWN]
    if names[OUTSIDE]:
        text = f"{subject} differs from {than} by more than noise in {_list(names[OUTSIDE])}"
        if left == JUMPED:
            text = text.replace("differs", "differ")
        text += f"; within noise: {_list(names[WITHIN])}" if names[WITHIN] else ""
    elif names[WITHIN]:
        verb = "are" if left == JUMPED else "is"
        text = f"{subject} {verb} within noise of {than} in {_list(names[WITHIN])}"
    else:
        text = f"the run is too short to tell {subject} from {than}"
    if unknown and (names[WITHIN] or names[OUTSIDE]):
        text += f"; not known: {_list(unknown)}"
    if left == ALL and not analysis.frames.exact:
        jumped = _outside(analysis, JUMPED, PHYSICAL)
        if jumped:
            text += f"; frames made by jumps differ from its physical ones in {_list(jumped)}"
    if left in (ALL, JUMPED) and not analysis.frames.exact:
        biased = _biased_basins(analysis)
        if biased:
            text += f"; and the legs themselves say that the whole is biased: {'; '.join(biased)}"
    return f"{text[0].upper()}{text[1:]}."


def _biased_basins(analysis):
    """Basins whose share is another than that of the Markov model of the legs, without doubt.

    Frames of legs begin where jumps put the molecule, so they may agree with those of jumps and be
    as wrong. Where the weight of many frames is not known, shares of the rest tell nothing.
    """
    found = []
    if analysis.markov is None or analysis.markov.results.unknown_share > _MUCH_UNKNOWN:
        return found
    for each in analysis.free_energies:
        for row in each.basins:
            if row["corrected"] is None:
                continue
            (raw, raw_low, raw_high), (_, low, high) = row["raw"], row["corrected"]
            if raw_low > high or raw_high < low:
                found.append(
                    f"{row['name']} of {each.name} has {100 * raw:.0f} % of the frames, and "
                    f"{100 * low:.0f} to {100 * high:.0f} % by the Markov model of the legs"
                )
    return found


def _legs_and_jumps(analysis):
    if not analysis.has_reference and not analysis.frames.exact:
        return [f"Jumps are {kind_text(analysis.frames)}."]
    outside = _outside(analysis, JUMPED, PHYSICAL)
    if analysis.frames.exact:
        text = f"Jumps are {kind_text(analysis.frames)}: no correction is needed."
        if not outside:
            return [f"{text} As a test of it, frames of jumps and of legs agree within noise."]
        return [
            f"{text} But frames of jumps and of legs differ by more than noise in "
            f"{_list(outside)}: the run is too short, or something is wrong."
        ]
    text = f"Jumps are {kind_text(analysis.frames)}"
    if not outside:
        return [f"{text}; frames made by jumps are within noise of those of legs."]
    legs = _outside(analysis, PHYSICAL, REFERENCE)
    if legs:
        return [
            f"{text}. Frames of the legs differ from plain molecular dynamics in {_list(legs)}."
        ]
    return [f"{text}; frames of the legs are within noise of plain molecular dynamics."]


def _outside(analysis, left, right):
    pairs = verdicts_between(analysis, left, right)
    return [each.observable for each, verdict in pairs if verdict == OUTSIDE]


def _correction(analysis):
    if analysis.frames.exact or analysis.markov is None:
        return []
    results = analysis.markov.results
    text = (
        f"Averages can be corrected by a Markov model of the {results.n_legs} legs alone (lag "
        f"{results.lag:g} ps)"
    )
    errors = [(each.error("raw"), each.error("corrected"), each.noise("corrected"))
              for each in analysis.free_energies]  # fmt: skip
    errors = [each for each in errors if np.isfinite(each[:2]).all()]
    if errors:
        raw, corrected, noise = np.sqrt(np.mean(np.square(errors), axis=0))
        text += (
            f": free energies are then {corrected:.2f} kT from those of molecular dynamics instead "
            f"of {raw:.2f} kT (root mean square)"
        )
        if np.isfinite(noise):
            text += f", where noise alone makes {noise:.2f} kT"
    text += "."
    if results.unknown_share > _MUCH_UNKNOWN:
        text += (
            f" {100 * results.unknown_share:.0f} % of the frames are where legs only come from or "
            "only go to: their weight is not known, and what is said of the rest leaves them out."
        )
    return [text]


def _warnings(analysis):
    found = []
    for kind, rows in analysis.jumps.results.temperatures.items():
        hot = [row["name"] for row in rows if row["verdict"] == OUTSIDE]
        if hot and kind == "element":
            found.append(f"After jumps the kinetic temperature is off for {_list(hot)}.")
    constraints = analysis.constraints
    if constraints is not None:
        worst = {
            kind: about["worst"] for kind, about in constraints.results.by_origin.items()
            if np.isfinite(about["worst"])
        }  # fmt: skip
        allowed = max(1e-4, constraints.results.resolution)
        broken = [kind for kind, value in worst.items() if value > allowed]
        if broken:
            found.append(
                f"Constraints are broken in {_list(broken)} frames, by up to "
                f"{max(worst[kind] for kind in broken):.1e} of their length."
            )
    return found


def _list(names):
    names = list(dict.fromkeys(names))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
