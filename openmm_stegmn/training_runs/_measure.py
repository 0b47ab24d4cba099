"""What a model is worth, on frames that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

from ..training import (
    Acceptance,
    Accuracy,
    Shape,
    describe_stability,
    free_jumps_of,
    measure_acceptance,
    measure_likelihood,
    measure_stability,
)
from ._baselines import compare, verdict

# Frames that acceptance is measured from, and that fine-tuning is validated on
_MEASURED = 300
# Windows that likelihood is measured on
_LIKELY = 2_000
# Jumps after which the shape of a molecule is looked at
_LOOKED_AT = (10, 100, 1000)


@dataclass(frozen=True)
class Measured:
    """What was measured of a model on frames that it has not seen."""

    accuracies: dict[str, Accuracy] | None
    """Of a jump model: its own and those of the baselines, by name."""
    acceptance: Acceptance | None
    """Of a proposal whose moves Metropolis weighs."""
    likelihood: dict[str, float] | None
    """Of a proposal that looks at a window: see :func:`measure_likelihood`."""
    stability: list[Shape] | None
    """Of a model whose jumps go ahead in time: its shape after free jumps, and that of the data."""
    verdict: str
    """What they say, in one sentence or two."""

    def as_dict(self) -> dict:
        """Plain values of what there is, ready for JSON."""
        found = {}
        if self.accuracies is not None:
            found["accuracy"] = {name: each.as_dict() for name, each in self.accuracies.items()}
        if self.acceptance is not None:
            found["acceptance"] = self.acceptance.as_dict()
        if self.likelihood is not None:
            found["likelihood"] = self.likelihood
        if self.stability is not None:
            found["stability"] = [shape.as_dict() for shape in self.stability]
        return found


def measure(model, fitted: dict, test, system, *, temperature, free_jumps, device) -> Measured:
    """Measure a model on test windows.

    Parameters
    ----------
    model : TrajectoryModel
        On the CPU, as it is again afterwards.
    fitted : dict of TrajectoryModel
        Baselines of a jump model: see :func:`fit_baselines`.
    test : WindowSet
    system : openmm.System
        For the energies of moves.
    temperature : float
        K.
    free_jumps : int
        Longest roll-out; 0 for none.
    device : str
        ``"cpu"`` or ``"cuda"``.
    """
    accuracies = acceptance = likelihood = stability = None
    said = []
    if not model.has_density:
        accuracies = compare(model, fitted, test, device)
        said.append(verdict(model, accuracies))
    elif not model.uses_window:
        acceptance = measure_acceptance(model, system, some_frames(test), temperature)
        said.append(
            f"{model.spec.architecture}: {100 * acceptance.acceptance:.1f} % of moves from frames "
            f"it has not seen are accepted (one trial each, drawn for equilibrium)."
        )
    else:
        likelihood = measure_likelihood(model.to(device), test.subset(_LIKELY))
        model.cpu()
        each = ", ".join(f"{gain:.3g} after {time}" for time, gain in likelihood.items())
        said.append(
            f"{model.spec.architecture}: what followed frames it has not seen is more likely than "
            f"if nothing were known by {each} (nats for each bond)."
        )
    jumping = free_jumps_of(model)
    if free_jumps and jumping is not None:
        jumps = sorted({count for count in _LOOKED_AT if count < free_jumps} | {free_jumps})
        stability = measure_stability(jumping.to(device), test, jumps)
        jumping.cpu()
        said.append(describe_stability(stability))
    return Measured(accuracies, acceptance, likelihood, stability, " ".join(said))


def some_frames(windows):
    """Frames, evenly spaced over the whole."""
    frames = windows.frames
    return frames[:: max(1, len(frames) // _MEASURED)]
