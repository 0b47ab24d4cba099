"""The record of how a model was made."""

import datetime
import json

import openmm
import pytest
import torch
from molecules import alkane

import openmm_stegmn
from openmm_stegmn import load_model, save_model
from openmm_stegmn.models import build_model
from openmm_stegmn.training import record_provenance


def test_it_is_in_the_file(tmp_path):
    model = build_model(alkane(4).spec("persistence"))
    before = model.spec
    record_provenance(model, script="mine.py", options={"seeds": (1, 2)})
    save_model(model, tmp_path / "model.safetensors")
    found = load_model(tmp_path / "model.safetensors").spec.provenance
    assert found == {
        "script": "mine.py", "options": {"seeds": [1, 2]},
        "date": datetime.date.today().isoformat(),
        "versions": {
            "openmm-stegmn": openmm_stegmn.__version__, "openmm": openmm.__version__,
            "torch": torch.__version__,
        },
    }  # fmt: skip
    assert {**model.spec.as_dict(), "provenance": {}} == before.as_dict()


def test_what_json_cannot_hold_is_refused_at_once():
    model = build_model(alkane(4).spec("persistence"))
    with pytest.raises(TypeError):
        record_provenance(model, model=model)
    assert model.spec.provenance == {}
    json.dumps(model.spec.as_dict())
