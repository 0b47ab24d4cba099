"""``openmm-stegmn info``: what a model file is."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from ._terminal import BAD_INPUT, fail, output, two_columns


def info(
    model: Annotated[
        str, typer.Argument(help="Name of a packaged model, or path of a model file.")
    ] = "alanine-dipeptide",
) -> None:
    """Show what a model file is: architecture, molecule, frame interval, provenance."""
    from ..models import ModelFileError, load_model

    try:
        loaded = load_model(model)
    except ModelFileError as error:
        fail(str(error), BAD_INPUT)
    output.print(two_columns(str(loaded.source), _rows(loaded)))


def _rows(model) -> list[tuple[str, str]]:
    spec = model.spec
    parameters = sum(parameter.numel() for parameter in model.parameters())
    rows = [
        ("architecture", spec.architecture),
        ("configuration", _pairs(spec.config) or "defaults"),
        ("parameters", f"{parameters:,}"),
        ("history", f"{spec.history} frames"),
        ("horizon", f"{spec.horizon} frame{'s' * (spec.horizon > 1)}"),
        ("frame interval", f"{spec.frame_interval:g} ps"),
        ("time of a jump", _jump_time(model)),
        ("temperature", "not stated" if spec.temperature is None else f"{spec.temperature:g} K"),
        ("atoms", f"{spec.n_atoms} ({_formula(spec.elements)})"),
        ("residues", _residues(spec)),
        ("atom names", " ".join(spec.atom_names)),
        ("masses", _masses(spec)),
        ("bonds", str(len(spec.bonds))),
        ("constraints", _constraints(spec)),
        ("SHA-256", str(model.sha256)),
    ]
    return rows + [(f"provenance: {key}", _text(value)) for key, value in spec.provenance.items()]


def _jump_time(model) -> str:
    frames, interval = model.jump_frames, model.frame_interval
    own = "none (equilibrium)" if frames is None else f"{frames * interval:g} ps"
    times = [lag for lag in model.lags if lag is not None] if model.has_density else []
    if not times:
        return own
    return f"{own}; may be set from {min(times) * interval:g} to {max(times) * interval:g} ps"


def _formula(elements) -> str:
    """Hill order: carbon, hydrogen, then by letter."""
    counts = Counter(elements)
    order = sorted(counts, key=lambda symbol: (symbol != "C", symbol != "H", symbol))
    return " ".join(f"{symbol}{counts[symbol]}" for symbol in order)


def _residues(spec) -> str:
    names = dict(zip(spec.residue_ids, spec.residue_names, strict=True))
    return " ".join(names[index] for index in sorted(names))


def _masses(spec) -> str:
    by_element = {}
    for element, mass in zip(spec.elements, spec.masses, strict=True):
        by_element.setdefault(element, set()).add(round(mass, 3))
    each = [f"{name} {'/'.join(f'{m:g}' for m in sorted(by_element[name]))}" for name in by_element]
    return f"{sum(spec.masses):.3f} Da ({', '.join(each)})"


def _constraints(spec) -> str:
    if not spec.constraints:
        return "none"
    shortest, longest = min(spec.constraint_lengths), max(spec.constraint_lengths)
    return f"{len(spec.constraints)}, {shortest:.4f} to {longest:.4f} Å"


def _pairs(values: dict) -> str:
    return ", ".join(f"{key}={_text(value)}" for key, value in values.items())


def _text(value) -> str:
    if isinstance(value, dict):
        return _pairs(value)
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
