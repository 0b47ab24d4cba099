"""Packages that only some of the analysis needs."""

from importlib import import_module


def optional(module: str, what: str, extra: str = "analysis"):
    """Import a module of an extra.

    Parameters
    ----------
    module : str
        Such as "deeptime.markov.msm".
    what : str
        What needs it, for the error.
    extra : str

    Raises
    ------
    ImportError
        If it is not installed; says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise ImportError(
            f"{what} needs {package}, which is not installed: pip install "
            f'"openmm-stegmn[{extra}]" ({error}).'
        ) from error
