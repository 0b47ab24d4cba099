"""A trajectory in three dimensions, in a notebook."""

from MDAnalysis.analysis.align import rotation_matrix

from ..simulation import Origin
from ._extras import optional
from ._frames import HybridFrames

_ORIGINS = {
    Origin.PHYSICAL: "physical",
    Origin.JUMP: "made by a jump",
    Origin.AFTER_REJECTION: "physical, after a rejected jump",
}


def view_trajectory(atoms, frames=None):
    """Show a trajectory in a notebook, and what made the frame that is looked at.

    Frames are superposed on the first, so that the molecule stays in view. Needs
    `nglview <https://nglviewer.org/nglview>`_: ``pip install "openmm-stegmn[notebook]"``.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
        Such as `solute_of` a universe, molecules whole. Its trajectory goes along with the view.
    frames : HybridFrames, optional
        Default: what the trajectory tells.

    Returns
    -------
    ipywidgets.VBox
        A slider and buttons come with the first child, an ``nglview.NGLWidget``, of which
        ``add_representation`` and all else can be used. The second is a line of text.

    Raises
    ------
    ImportError
        If nglview is not installed.
    ValueError
        If there are no atoms, or the frames are of another trajectory.

    Examples
    --------
    >>> universe = MDAnalysis.Universe("topology.pdb", "hybrid.h5md")
    >>> view_trajectory(solute_of(universe))
    """
    nglview = optional("nglview", "view_trajectory", "notebook")
    ipywidgets = optional("ipywidgets", "view_trajectory", "notebook")
    if not len(atoms):
        raise ValueError("no atoms to show: the group is empty.")
    trajectory = atoms.universe.trajectory
    frames = HybridFrames.of(trajectory) if frames is None else frames
    if len(frames) != trajectory.n_frames:
        raise ValueError(
            f"frames are {len(frames)}, but the trajectory has {trajectory.n_frames}: expected one "
            "of each."
        )
    trajectory[0]
    centre = atoms.positions.mean(0)
    first = atoms.positions - centre

    class Superposed(nglview.MDAnalysisTrajectory):
        def get_coordinates(self, index):
            positions = super().get_coordinates(index)
            own = positions - positions.mean(0)
            return own @ rotation_matrix(own, first)[0].T + centre

    view = nglview.NGLWidget(Superposed(atoms))
    line = ipywidgets.Label(_line(frames, 0))
    view.observe(lambda change: setattr(line, "value", _line(frames, change["new"])), "frame")
    return ipywidgets.VBox([view, line])


def _line(frames, number):
    """What is known of a frame."""
    text = f"frame {number}, {frames.time[number]:g} ps: {_ORIGINS[Origin(frames.origin[number])]}"
    if frames.jumped[number] and not frames.accepted[number]:
        text += ", which moved nothing"
    return text
