"""What a hybrid run is asked to do."""

from __future__ import annotations

import math
import operator
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from openmm import unit

from ..systems import DEFAULT_FORCEFIELDS, SetupError

_UNITS = {
    "temperature": unit.kelvin,
    "friction": unit.picosecond**-1,
    "time_step": unit.femtosecond,
    "equilibration": unit.picosecond,
    "length": unit.picosecond,
    "energy_threshold": unit.kilojoule_per_mole,
    "jump_time": unit.picosecond,
}
_COUNTS = ("md_frames", "jumps", "tries", "switch_substeps", "switch_steps")


@dataclass(frozen=True)
class RunSettings:
    """Settings of a hybrid run. Those that are None are left to the propagator's own defaults.

    Numbers of NumPy become plain ones, and quantities of OpenMM numbers in the units given below.
    """

    pdb: str | None = None
    """Structure to start from; the packaged alanine dipeptide if None."""
    forcefields: tuple[str, ...] = DEFAULT_FORCEFIELDS
    """Force-field files, see :func:`~openmm_stegmn.systems.build_system`."""
    constraints: str = "HBonds"
    """HBonds, AllBonds, HAngles or None."""
    model: str = "alanine-dipeptide"
    """Name of a packaged model, or path of a model file."""
    temperature: float = 300.0
    """In K."""
    friction: float = 1.0
    """Of the Langevin integrator, in 1/ps."""
    time_step: float = 2.0
    """In fs."""
    equilibration: float = 10.0
    """Physical dynamics between minimisation and the run, in ps; not part of the trajectory."""
    length: float = 500.0
    """Time from the first frame to the last, physical and jumped, in ps."""
    md_frames: int | None = None
    """Physical frames in a leg."""
    jumps: int | None = None
    """Jumps after each leg."""
    guard: str | None = None
    """``none``, ``energy`` or ``metropolis``."""
    energy_threshold: float | None = None
    """Rise in energy that the energy guard still accepts, in kJ/mol."""
    velocities: str | None = None
    """How velocities follow a jump, such as ``maxwell``."""
    tries: int | None = None
    """Trials in an exact jump."""
    jump_time: float | None = None
    """Time by which a jump of approximate dynamics goes ahead, in ps."""
    switch_substeps: int | None = None
    """Sub-steps that a jump is walked in."""
    switch_steps: int | None = None
    """Steps of everything else between sub-steps."""
    backend: str = "auto"
    """How OpenMM calls the network."""
    fused: bool = False
    """Whether the network's kernels are fused on a GPU."""
    platform: str = "auto"
    """OpenMM platform, see :func:`~openmm_stegmn.systems.choose_platform`."""
    precision: str = "mixed"
    """Of arithmetic on a GPU: ``single``, ``mixed`` or ``double``."""
    energies: bool = False
    """Whether the trajectory gets the energies of each frame."""
    seed: int | None = None
    """Of all random numbers; drawn, and recorded with the run, if None."""

    def __post_init__(self):
        self._make_plain()
        for name in ("temperature", "time_step", "length"):
            _check(name, getattr(self, name), lambda x: x > 0, "a positive number")
        for name in ("friction", "equilibration"):
            _check(name, getattr(self, name), lambda x: x >= 0, "a number that is not negative")
        if self.jump_time is not None:
            _check("jump_time", self.jump_time, lambda x: x > 0, "a positive number")
        for name in _COUNTS:
            if getattr(self, name) is not None:
                _check(name, getattr(self, name), lambda x: x >= 1, "at least 1")
        if self.seed is not None:
            _check("seed", self.seed, lambda x: 0 < x < 2**31, "between 1 and 2147483647")

    def _make_plain(self):
        """Turn values into what JSON holds, since the record of a run is made of them."""

        def convert(names, plain):
            for name in names:
                value = getattr(self, name)
                if value is not None or getattr(type(self), name) is not None:
                    object.__setattr__(self, name, plain(name, value))

        files = self.forcefields
        files = (files,) if isinstance(files, str | os.PathLike) else files
        object.__setattr__(self, "forcefields", tuple(map(os.fspath, files)))
        convert(("pdb", "model"), lambda _, value: os.fspath(value))
        convert(_UNITS, _number)
        convert((*_COUNTS, "seed"), _whole)
        convert(("fused", "energies"), lambda _, value: bool(value))

    def as_dict(self) -> dict:
        """The settings as JSON holds them."""
        return asdict(self) | {"forcefields": list(self.forcefields)}

    @classmethod
    def from_dict(cls, values: dict) -> RunSettings:
        """Settings from what :meth:`as_dict` gave; entries of other versions are refused."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise SetupError(f"unknown settings: {', '.join(unknown)}")
        return cls(**values)

    def resolved(self) -> RunSettings:
        """The same with absolute paths, which hold whatever folder a restart is called from."""
        return RunSettings(
            **self.as_dict()
            | {
                "pdb": None if self.pdb is None else _absolute(self.pdb),
                "forcefields": [_absolute(name) for name in self.forcefields],
                "model": _absolute(self.model),
            }
        )

    def propagator_options(self) -> dict:
        """Those keyword arguments of the propagator that are set."""
        names = (
            "md_frames", "jumps", "guard", "energy_threshold", "velocities", "tries", "jump_time",
            "switch_substeps", "switch_steps",
            "backend", "fused", "seed",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def _number(name, value):
    expected = f"a number, or a quantity in {_UNITS[name].get_symbol()}"
    try:
        if unit.is_quantity(value):
            value = value.value_in_unit(_UNITS[name])
        elif isinstance(value, str):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise _refused(name, value, expected) from None


def _whole(name, value):
    try:
        return int(operator.index(value))
    except TypeError:
        raise _refused(name, value, "a whole number") from None


def _check(name, value, holds, expected):
    if not (math.isfinite(value) and holds(value)):
        raise _refused(name, value, expected)


def _refused(name, value, expected):
    shown = repr(value) if isinstance(value, str) else value
    return SetupError(f"{name.replace('_', ' ')} {shown}: expected {expected}")


def _absolute(name: str) -> str:
    """A path that exists made absolute; other names (packaged, or in error) are left alone."""
    path = Path(name)
    return str(path.resolve()) if path.is_file() else name
