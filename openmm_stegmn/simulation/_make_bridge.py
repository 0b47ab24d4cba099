"""The bridge that a model needs, eager or scripted."""

import warnings

import torch

from ._jump_bridge import JumpBridge, JumpCall
from ._move_bridge import MoveBridge, TrialsCall
from ._part_bridge import PartBridge, PeriodicBridge


def eager_bridge(model, embedding, tries=None):
    """The bridge of a model, on its device.

    Parameters
    ----------
    model : TrajectoryModel
    embedding : Embedding
    tries : int, optional
        Trials in an exact Monte Carlo move; None for a jump.
    """
    device = next((tensor.device for tensor in model.state_dict().values()), torch.device("cpu"))
    call = JumpCall(model) if tries is None else TrialsCall(model)
    return _bridge(call, model, embedding, tries).to(device)


def scripted_bridge(model, embedding, tries=None):
    """Trace a model and script the bridge around it, for `openmmtorch.TorchForce`."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    # Any shape of atoms that do not coincide will do for tracing: the model's graph of operations
    # does not depend on it.
    base = 3.0 * draw(model.spec.n_atoms, 3)
    with torch.no_grad(), warnings.catch_warnings():
        # The shapes that a trace takes for constants are constant here.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        if tries is None:
            steps = 0.05 * draw(model.history, model.spec.n_atoms, 3)
            window = (base - steps.cumsum(0).flip(0)).to(torch.float32)
            call, inputs = JumpCall(model), (window, base, draw(model.n_noise))
        else:
            call, inputs = TrialsCall(model), (base, draw(tries, model.n_noise))
        traced = torch.jit.trace(call, inputs, check_trace=False)
        return torch.jit.script(_bridge(traced, model, embedding, tries))


def _bridge(call, model, embedding, tries):
    pairs = torch.tensor(embedding.pairs, dtype=torch.int64).reshape(-1, 2)
    lengths = torch.tensor(embedding.lengths, dtype=torch.float64)
    if tries is None:
        bridge = JumpBridge(call, model, pairs, lengths)
    else:
        bridge = MoveBridge(call, model, tries, pairs, lengths)
    atoms, count = torch.tensor(embedding.atoms), embedding.n_particles
    if embedding.periodic:
        history = model.history if tries is None else 0
        molecules = model.context.body.molecule_of_atom.cpu()
        return PeriodicBridge(bridge, atoms, count, molecules, history)
    return bridge if embedding.whole else PartBridge(bridge, atoms, count)
