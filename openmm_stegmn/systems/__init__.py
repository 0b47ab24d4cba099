"""Molecular systems for simulations: structures and force-field files in, an OpenMM System out."""

from ._build import (
    DEFAULT_FORCEFIELDS,
    MolecularSystem,
    build_system,
    packaged_forcefield,
    packaged_structure,
)
from ._errors import SetupError
from ._load import load_bonded, load_system
from ._platforms import choose_platform, platform_properties
from ._structure import has_standard_bonds
from ._topology import elements_of

__all__ = [
    "DEFAULT_FORCEFIELDS",
    "MolecularSystem",
    "SetupError",
    "build_system",
    "choose_platform",
    "elements_of",
    "has_standard_bonds",
    "load_bonded",
    "load_system",
    "packaged_forcefield",
    "packaged_structure",
    "platform_properties",
]
