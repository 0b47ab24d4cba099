"""Learned jumps for OpenMM simulations that keep every constraint, for OpenMM and MDAnalysis."""

from importlib import import_module

__version__ = "0.1.0"

# Imported on first use, so that `import openmm_stegmn` and the command line's --help do not wait
# for torch.
_PUBLIC = {
    "HybridReporter": "simulation",
    "STEGMNPropagator": "simulation",
    "ModelSpec": "models",
    "build_model": "models",
    "load_model": "models",
    "save_model": "models",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_PUBLIC])
