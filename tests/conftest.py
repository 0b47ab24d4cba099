"""Fixtures for tests that need a model file for alanine dipeptide but no good one."""

import pytest
import torch

from openmm_stegmn.models import ModelSpec, build_model, save_model
from openmm_stegmn.systems import build_system


@pytest.fixture(scope="session")
def small_model(tmp_path_factory):
    """A model file: linear extrapolation of torsions, frames 0.02 ps (ten steps) apart."""
    molecule = build_system()
    path = tmp_path_factory.mktemp("models") / "small.safetensors"
    save_model(build_model(small_spec(molecule)), path)
    return path


def small_spec(molecule, **changes):
    from openmm_stegmn.data import describe_molecule

    values = {"architecture": "torsion-linear", "history": 3, "frame_interval": 0.02}
    values |= {"temperature": 300.0, "provenance": {"data": "none", "package_versions": {"a": "1"}}}
    return ModelSpec(**describe_molecule(molecule.topology, molecule.system) | values | changes)


@pytest.fixture(autouse=True)
def one_torch_thread():
    """More threads than that make small tensors slower, and tests differ from each other."""
    torch.set_num_threads(1)
