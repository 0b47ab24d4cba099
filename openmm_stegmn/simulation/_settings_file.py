"""A propagator in a file: everything that makes a new one the same.

OpenMM's own XML is no substitute. What it says of a propagator is a compound integrator without a
schedule; what it says of a System includes the bridge of the jumps (see `system_xml`), and that is

- with ``PythonForce`` and ``PythonTorchForce``, Python's pickle of the bridge's callable: path and
  SHA-256 of the model file, not its weights. *Reading such XML runs pickle*, as OpenMM does for
  every Python force, so read only what you trust;
- with ``TorchForce``, the scripted network, weights included.

The file written here is JSON, holds no code, and names the model by its path and SHA-256. A
propagator made from it puts a bridge of its own in the place of one that the System has.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import openmm

from ..atomic_files import write_atomically
from ..models import load_model, packaged_models
from ._errors import IncompatibleModelError

FORMAT, FORMAT_VERSION = "openmm-stegmn propagator", 1


@dataclass(frozen=True)
class ModelReference:
    """Which model it is, without its weights.

    Attributes
    ----------
    name : str or None
        Of a packaged model, which lies elsewhere in another installation; else path of the file.
        None for a model that has no file.
    sha256 : str or None
        Of the file.
    lag : int or None
        Frame intervals that a model with a density draws for; None for equilibrium, and for models
        without a density.
    """

    name: str | None
    sha256: str | None
    lag: int | None

    @classmethod
    def of(cls, model) -> "ModelReference":
        """Of a `TrajectoryModel`."""
        packaged = {path.resolve(): name for name, path in packaged_models().items()}
        name = packaged.get(model.source, None if model.source is None else str(model.source))
        return cls(name, model.sha256, model.jump_frames if model.has_density else None)

    def load(self, path=None):
        """The model, from where it was or from `path`.

        Raises
        ------
        ModelFileError
            If it is not there, or damaged.
        IncompatibleModelError
            If it is another model.
        """
        model = load_model(self.name if path is None else path)
        if model.sha256 != self.sha256:
            raise IncompatibleModelError(
                f"The propagator was saved with a model of SHA-256 {self.sha256}, but "
                f"{model.source} has {model.sha256}: pass model= with the path of the model that "
                "it was saved with, or make a new STEGMNPropagator."
            )
        return model.at_lag(self.lag) if model.has_density else model


def write_settings(path, model, options, integrator):
    """Write what a propagator is made from.

    Parameters
    ----------
    path : path-like
    model : ModelReference
    options : dict
        Keyword arguments of the propagator, plain values.
    integrator : openmm.Integrator
        The physical member.

    Raises
    ------
    ValueError
        If the model has no file.
    OSError
        If the file cannot be written; an old one is then as it was.
    """
    if model.name is None:
        raise ValueError(
            "The jump model has no file to refer to: write it with save_model, load it with "
            "load_model, and make the propagator with that."
        )
    values = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": asdict(model),
        "options": options,
        "integrator": openmm.XmlSerializer.serialize(integrator),
    }
    write_atomically(Path(path), (json.dumps(values, indent=1) + "\n").encode())


def read_settings(path):
    """What `write_settings` wrote.

    Returns
    -------
    model : ModelReference
    options : dict
    integrator : openmm.Integrator

    Raises
    ------
    ValueError
        If the file is missing, damaged or of another version.
    """
    try:
        values = json.loads(Path(path).read_text())
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"it is no file of an {FORMAT}")
        if values["format_version"] != FORMAT_VERSION:
            raise ValueError(
                f"it has format version {values['format_version']}, expected {FORMAT_VERSION}"
            )
        integrator = openmm.XmlSerializer.deserialize(values["integrator"])
        return ModelReference(**values["model"]), dict(values["options"]), integrator
    except (OSError, ValueError, KeyError, TypeError, openmm.OpenMMException) as error:
        raise ValueError(
            f"{path} cannot be read ({error}): expected a file that STEGMNPropagator.save wrote."
        ) from error
