"""Fixtures of the simulation tests."""

import importlib.util
import sys
from pathlib import Path

import pytest

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
