"""What no model gave, to compare models with: noise floor, and turns that know the next frame."""

import torch

from ..data import describe_molecule, superpose_windows
from ..mechanics import closest_turns, superpose, wrap_angle
from ..models import ModelSpec, MoleculeContext

#: Names in records and tables.
NOISE_FLOOR, TRUE_TORSIONS, CLOSEST_TURNS = "noise floor", "true torsions", "closest turns"
REFERENCES = (NOISE_FLOOR, TRUE_TORSIONS, CLOSEST_TURNS)


def molecule_context(molecule):
    """Masses and rotatable bonds of a molecular system, and which of its atoms are no hydrogen."""
    spec = ModelSpec(
        architecture="persistence", history=1, frame_interval=1.0,
        **describe_molecule(molecule.topology, molecule.system),
    )  # fmt: skip
    return MoleculeContext(spec), torch.tensor([element != "H" for element in spec.elements])


@torch.no_grad()
def turned_frames(name: str, windows, context, heavy):
    """Frames with the bond lengths and angles of the last one, made with the next one at hand.

    =================  ===========================================================================
    ``true torsions``  the torsions are those of the next frame
    ``closest turns``  bonds are turned to bring all atoms closest to the next frame: the floor of
                       every prediction that turns bonds only
    =================  ===========================================================================

    Parameters
    ----------
    name : str
    windows : WindowSet
    context : MoleculeContext
    heavy : Tensor, ``(n_atoms,)``

    Returns
    -------
    frames : Tensor, ``(n, n_atoms, 3)``
        Å.
    errors : dict
        In positions, superposed on the next frame.
    """
    body, masses = context.body, context.masses
    window, target = superpose_windows(*windows.take(slice(None)), masses)
    base, target = window[:, -1].double(), target.double()
    if name == CLOSEST_TURNS:
        _, frames = closest_turns(body, base, target)
    else:
        frames, _ = body.move(base, body.increments(base, target)[0])
        frames = superpose(frames, target, masses)
    deviation = frames - target
    square = deviation.square().mean(-1)
    angle = torch.rad2deg(wrap_angle(body.torsions(frames) - body.torsions(target)))
    return frames, {
        "mse": square.mean().item(), "mse_heavy": square[:, heavy].mean().item(),
        "mae": torch.linalg.vector_norm(deviation, dim=-1).mean().item(),
        "torsion_rmse": angle.square().mean().sqrt().item(),
        "torsion_mae": angle.abs().mean().item(), "kinematics": "articulated",
        "n_windows": len(target),
    }  # fmt: skip
