"""Fixtures of the simulation tests."""

import importlib.util

import pytest

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
