"""Molecular systems for simulations: PDB and force-field files in, an OpenMM System out."""

from ._build import (
    DEFAULT_FORCEFIELDS,
    MolecularSystem,
    build_system,
    packaged_forcefield,
    packaged_structure,
)
from ._errors import SetupError
from ._load import load_system
from ._platforms import choose_platform, platform_properties

__all__ = [
    "DEFAULT_FORCEFIELDS",
    "MolecularSystem",
    "SetupError",
    "build_system",
    "choose_platform",
    "load_system",
    "packaged_forcefield",
    "packaged_structure",
    "platform_properties",
]
