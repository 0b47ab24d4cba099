"""Fixtures of the simulation tests."""

import importlib.util
import sys
from pathlib import Path

import pytest

from openmm_stegmn.captured_call import CapturedCall
from openmm_stegmn.simulation import _make_bridge

# The modules that the tests here share (and that the processes they start import, too).
sys.path.insert(0, str(Path(__file__).parent))

HAVE_OPENMMTORCH = importlib.util.find_spec("openmmtorch") is not None


@pytest.fixture(
    params=[
        "python",
        pytest.param(
            "torch",
            marks=pytest.mark.skipif(not HAVE_OPENMMTORCH, reason="openmm-torch is not installed"),
        ),
    ]
)
def backend(request):
    """Each back-end that a released openmm-torch, or none, gives."""
    return request.param


@pytest.fixture
def no_graphs(monkeypatch):
    """Networks that Python runs at each evaluation, on a GPU too, for tests that listen there."""
    monkeypatch.setattr(_make_bridge, "CapturedCall", NotCaptured)


class NotCaptured(CapturedCall):
    def __init__(self, call, device, fused=False):
        super().__init__(call, device)
        self._capturable = False
