"""How a model was made, written into its file."""

import datetime
import json

import openmm
import torch

from .. import __version__
from ..models import ModelSpec


def record_provenance(model, **entries) -> None:
    """Write into a model's specification how it was made; date and versions are added.

    Parameters
    ----------
    model : TrajectoryModel
    **entries
        What JSON can hold: data, force field, options, accuracy.
    """
    provenance = entries | {
        "date": datetime.date.today().isoformat(),
        "versions": {
            "openmm-stegmn": __version__, "openmm": openmm.__version__, "torch": torch.__version__,
        },
    }  # fmt: skip
    model.spec = ModelSpec.from_dict(
        {**model.spec.as_dict(), "provenance": json.loads(json.dumps(provenance))}
    )
