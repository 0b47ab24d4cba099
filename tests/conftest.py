"""Fixtures of all tests: a model file for alanine dipeptide but no good one, threads, Ctrl-C."""

import signal

import pytest
import torch

from openmm_stegmn.data import describe_molecule
from openmm_stegmn.models import ModelSpec, build_model, save_model
from openmm_stegmn.systems import build_system


@pytest.fixture(scope="session")
def make_small_model(tmp_path_factory):
    """Makes a model file: linear extrapolation of torsions, frames 0.02 ps (ten steps) apart."""
    molecule = build_system()
    folder = tmp_path_factory.mktemp("models")

    def make(name="small", **changes):
        values = describe_molecule(molecule.topology, molecule.system)
        values |= {"architecture": "torsion-linear", "history": 3, "frame_interval": 0.02}
        values |= {"temperature": 300.0, "provenance": {"data": "none", "packages": {"a": "1"}}}
        path = folder / f"{name}.safetensors"
        save_model(build_model(ModelSpec(**values | changes)), path)
        return path

    return make


@pytest.fixture(scope="session")
def small_model(make_small_model):
    """A model file for alanine dipeptide with ``constraints=HBonds``."""
    return make_small_model()


@pytest.fixture
def ctrl_c():
    """Raised as in a terminal, also where a shell runs the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def one_torch_thread():
    """More threads than that make small tensors slower, and tests differ from each other."""
    torch.set_num_threads(1)
