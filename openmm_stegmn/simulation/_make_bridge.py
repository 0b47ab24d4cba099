"""The bridge that a model needs, eager or scripted."""

import warnings

import torch

from ..captured_call import CapturedCall
from ..units import ANGSTROM_PER_NM
from ._any_device import trace_for_any_device
from ._jump_bridge import JumpBridge, JumpCall
from ._move_bridge import MoveBridge, TrialsCall
from ._part_bridge import PartBridge, PeriodicBridge, PeriodicWindowBridge
from ._switch_bridge import DensityCall, DrawCall, SwitchBridge
from ._walk_bridge import TurnCall, TurnsCall, WalkedJumpBridge


def eager_bridge(model, embedding, tries=None, substeps=1, fused=False):
    """The bridge of a model, on the CPU; a model on a GPU runs there, as CUDA graphs.

    Parameters
    ----------
    model : TrajectoryModel
    embedding : Embedding
    tries : int, optional
        Trials in an exact Monte Carlo move; None for a jump.
    substeps : int
        That a jump is walked in.
    fused : bool
        Whether kernels of a GPU are fused, see `CapturedCall`.
    """
    device = model.context.masses.device
    calls = [call(model) for call in _calls(tries, substeps)]
    if device.type == "cuda":
        calls = [CapturedCall(call, device, fused) for call in calls]
    return _bridge(calls, model, embedding, tries, substeps)


def scripted_bridge(model, embedding, tries=None, substeps=1):
    """Trace a model and script the bridge around it, for `openmmtorch.TorchForce`."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    # Any shape of atoms that do not coincide will do for tracing: the model's graph of operations
    # does not depend on it.
    base, n_bonds = 3.0 * draw(model.spec.n_atoms, 3), model.context.body.n_bonds
    with torch.no_grad(), warnings.catch_warnings():
        # The shapes that a trace takes for constants are constant here.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        steps = 0.05 * draw(model.history, model.spec.n_atoms, 3)
        frames = (base - steps.cumsum(0).flip(0)) / ANGSTROM_PER_NM
        inputs = {
            JumpCall: lambda: (frames, frames[-1], draw(model.n_noise)),
            TurnsCall: lambda: (frames, frames[-1], draw(model.n_noise)),
            TrialsCall: lambda: (frames[-1], draw(tries, model.n_noise)),
            DrawCall: lambda: (base, draw(model.n_noise)),
            TurnCall: lambda: (base, draw(n_bonds)),
            DensityCall: lambda: (base, draw(n_bonds), torch.ones(n_bonds)),
        }
        traced = [
            trace_for_any_device(call(model), inputs[call]()) for call in _calls(tries, substeps)
        ]
        return torch.jit.script(_bridge(traced, model, embedding, tries, substeps))


def _calls(tries, substeps):
    """What is asked of the model, in the order that the bridge takes it."""
    if tries is None:
        return (JumpCall,) if substeps == 1 else (TurnsCall, TurnCall)
    return (TrialsCall,) if substeps == 1 else (DrawCall, TurnCall, DensityCall)


def _bridge(calls, model, embedding, tries, substeps):
    pairs = torch.tensor(embedding.pairs, dtype=torch.int64).reshape(-1, 2)
    lengths = torch.tensor(embedding.lengths, dtype=torch.float64)
    if tries is None and substeps == 1:
        bridge = JumpBridge(*calls, model, pairs, lengths)
    elif tries is None:
        bridge = WalkedJumpBridge(*calls, model, substeps, pairs, lengths)
    elif substeps == 1:
        bridge = MoveBridge(*calls, model, tries, pairs, lengths)
    else:
        bridge = SwitchBridge(*calls, model, substeps, pairs, lengths)
    atoms, count = torch.tensor(embedding.atoms), embedding.n_particles
    if embedding.periodic:
        molecules, masses = model.context.body.molecule_of_atom.cpu(), model.context.masses.cpu()
        kind = PeriodicBridge if tries is not None else PeriodicWindowBridge
        return kind(bridge, atoms, count, molecules, masses)
    return bridge if embedding.whole else PartBridge(bridge, atoms, count)
