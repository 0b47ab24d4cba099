"""The view of a trajectory in a notebook, without a browser."""

import sys

import MDAnalysis
import numpy as np
import pytest

from openmm_stegmn.analysis import HybridFrames, view_trajectory
from openmm_stegmn.systems import packaged_structure


@pytest.fixture
def atoms():
    """Four frames of alanine dipeptide that turns and wanders off."""
    universe = MDAnalysis.Universe(str(packaged_structure("alanine-dipeptide")))
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    frames = [universe.atoms.positions]
    for _ in range(3):
        frames.append(frames[-1] @ turn + [3, 0, 50])
    universe.load_new(np.array(frames), dt=0.5)
    return universe.atoms


def frames_of(*origins, **values):
    return HybridFrames.from_arrays(0.5 * np.arange(len(origins)), origins, **values)


def test_what_a_notebook_is_given(atoms):
    pytest.importorskip("nglview")
    frames = frames_of(0, 1, 2, 1, accepted=[-1, 1, 0, 0])
    box = view_trajectory(atoms.select_atoms("not element H"), frames)
    view, line = box.children
    assert (view.max_frame, len(view._trajlist)) == (3, 1)
    assert "application/vnd.jupyter.widget-view+json" in box._repr_mimebundle_()
    texts = []
    for number in (1, 2, 3, 0):
        view.frame = number
        texts.append(line.value)
    assert texts == [
        "frame 1, 0.5 ps: made by a jump",
        "frame 2, 1 ps: physical, after a rejected jump",
        "frame 3, 1.5 ps: made by a jump, which moved nothing",
        "frame 0, 0 ps: physical",
    ]
    # Turned back to where it was
    (component,) = view._trajlist
    shown = [component.get_coordinates(number) for number in range(4)]
    np.testing.assert_allclose(shown, np.broadcast_to(shown[0], (4, 10, 3)), atol=1e-4)
    atoms.universe.trajectory[3]
    assert abs(atoms.center_of_geometry()[2] - shown[3].mean(0)[2]) > 100


def test_plain_dynamics(atoms):
    pytest.importorskip("nglview")
    assert view_trajectory(atoms).children[1].value == "frame 0, 0 ps: physical"


def test_refused(atoms, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "nglview", None)
        with pytest.raises(ImportError, match=r'needs nglview, .*"openmm-stegmn\[notebook\]"'):
            view_trajectory(atoms)
    pytest.importorskip("nglview")
    with pytest.raises(ValueError, match="no atoms to show"):
        view_trajectory(atoms[:0])
    with pytest.raises(ValueError, match="frames are 2, but the trajectory has 4"):
        view_trajectory(atoms, frames_of(0, 0))
