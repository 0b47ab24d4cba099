"""Model files: safetensors with the specification as JSON in the header.

Loading runs no code from the file.
"""

import hashlib
import json
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from ..atomic_files import write_atomically
from ._registry import build_model
from ._spec import ModelSpec

#: A change of the header, or of what the specification means, makes a new one. It needs a migration
#: here, and a file of the version before in tests/models/files (see tests/models/test_formats.py).
FORMAT_VERSION = 1
# From each earlier version, a function from its header to that of the next; headers hold text
_MIGRATIONS: dict = {}
_SUFFIX = ".safetensors"


class ModelFileError(ValueError):
    """A model file is missing, damaged, or of a kind that this version cannot read."""


def packaged_models() -> dict:
    """Names and paths of the models that come with the package."""
    folder = Path(str(resources.files("openmm_stegmn") / "pretrained"))
    return {path.stem: path for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def save_model(model, path) -> None:
    """Write a model to a ``.safetensors`` file, whole or not at all.

    Parameters
    ----------
    model : TrajectoryModel
        Its ``source`` and ``sha256`` are those of the file then.
    path : path-like

    Raises
    ------
    ValueError
        If a weight is not finite, as after a training that diverged. Nothing is written then.
    """
    path = Path(path)
    header = {
        "format": "openmm-stegmn",
        "format_version": str(FORMAT_VERSION),
        "spec": json.dumps(model.spec.as_dict()),
        "torsion_atoms": json.dumps(_torsion_atoms(model)),
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in _learned(model).items()}
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise ValueError(
                f"{path} is not written: tensor {name} of the model has values that are not "
                f"finite; train it again with a lower learning rate"
            )
    data = save(tensors, metadata=header)
    write_atomically(path, data)
    model.source, model.sha256 = path.resolve(), hashlib.sha256(data).hexdigest()


def load_model(name_or_path):
    """Load a model by the name of a packaged one or by path.

    Parameters
    ----------
    name_or_path : str or path-like
        Such as ``"alanine-dipeptide"``, or a path to a ``.safetensors`` file.

    Returns
    -------
    TrajectoryModel
        In evaluation mode, on the CPU, float32.

    Raises
    ------
    ModelFileError
        If there is no such model, or the file is no model, damaged, or of another format version.
    """
    path = packaged_models().get(str(name_or_path), Path(name_or_path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"cannot read model {str(name_or_path)!r} ({error.strerror or error}); expected a path "
            f"to a {_SUFFIX} file or one of the packaged models: "
            f"{', '.join(packaged_models()) or 'none'}"
        ) from error
    header = _header(data, path)
    try:
        spec = ModelSpec.from_dict(json.loads(header["spec"]))
        model = build_model(spec)
        _check_torsions(model, json.loads(header["torsion_atoms"]))
        _restore(model, load(data))
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelFileError(
            f"{path} is damaged or does not fit this version of openmm-stegmn: {error}"
        ) from error
    model.source, model.sha256 = path.resolve(), hashlib.sha256(data).hexdigest()
    return model.eval().requires_grad_(False)


def _header(data, path):
    # safetensors: 8 bytes little-endian length, then JSON with the metadata under this key.
    length = int.from_bytes(data[:8], "little")
    try:
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    except (ValueError, KeyError, TypeError, RecursionError):
        metadata = None
    known = isinstance(metadata, dict) and metadata.get("format") == "openmm-stegmn"
    if len(data) < 8 + length or not known:
        raise ModelFileError(
            f"{path} is not a model file of openmm-stegmn, or it is truncated ({len(data)} bytes); "
            f"copy it again, or make one with openmm_stegmn.save_model"
        )
    version = metadata.get("format_version")
    if version not in map(str, range(1, FORMAT_VERSION + 1)):
        raise ModelFileError(
            f"{path} has format version {version}, this version of openmm-stegmn reads 1 to "
            f"{FORMAT_VERSION}; update the package, or train the model again"
        )
    for old in range(int(version), FORMAT_VERSION):
        metadata = _MIGRATIONS[old](metadata)
    return metadata


def _torsion_atoms(model):
    return model.context.body.torsion_atoms.tolist()


def _check_torsions(model, stored):
    # Weights belong to numbered bonds. The numbers follow from the molecule, and would go wrong
    # silently if a later version found or ordered the rotatable bonds in another way.
    if stored != _torsion_atoms(model):
        raise ValueError(
            f"it was made for the torsions {stored}, this version finds {_torsion_atoms(model)}"
        )


def _learned(model):
    """Parameters and fitted buffers: everything that the specification does not determine."""
    return {
        name: value for name, value in model.state_dict().items() if not name.startswith("context.")
    }


def _restore(model, tensors):
    expected = _learned(model)
    if set(tensors) != set(expected):
        odd = sorted(set(tensors) ^ set(expected))
        raise ValueError(
            f"its tensors do not match the architecture {model.spec.architecture!r}: {odd[:5]}"
        )
    for name, value in tensors.items():
        if value.shape != expected[name].shape:
            raise ValueError(
                f"tensor {name} is {tuple(value.shape)}, expected {tuple(expected[name].shape)}"
            )
        if not torch.isfinite(value).all():
            raise ValueError(f"tensor {name} has values that are not finite")
    model.load_state_dict(tensors, strict=False)
