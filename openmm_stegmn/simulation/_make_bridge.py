"""The bridge that a model needs, eager or scripted."""

import warnings

import torch

from ._jump_bridge import JumpBridge, JumpCall
from ._move_bridge import MoveBridge, TrialsCall


def eager_bridge(model, pairs, lengths, tries=None):
    """The bridge of a model, on its device.

    Parameters
    ----------
    model : TrajectoryModel
    pairs : torch.Tensor (n_constraints, 2), int64
    lengths : torch.Tensor (n_constraints,), float64, nm
    tries : int, optional
        Trials in an exact Monte Carlo move; None for a jump.
    """
    device = next((tensor.device for tensor in model.state_dict().values()), torch.device("cpu"))
    if tries is None:
        bridge = JumpBridge(JumpCall(model), model, pairs, lengths)
    else:
        bridge = MoveBridge(TrialsCall(model), model, tries, pairs, lengths)
    return bridge.to(device)


def scripted_bridge(model, pairs, lengths, tries=None):
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
            inputs = (window, base, draw(model.n_noise))
            jump = torch.jit.trace(JumpCall(model), inputs, check_trace=False)
            return torch.jit.script(JumpBridge(jump, model, pairs, lengths))
        inputs = (base, draw(tries, model.n_noise))
        trials = torch.jit.trace(TrialsCall(model), inputs, check_trace=False)
        return torch.jit.script(MoveBridge(trials, model, tries, pairs, lengths))
