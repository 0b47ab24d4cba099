"""The bridge that a model needs, eager or scripted."""

import warnings

import torch

from ._bridge import JumpBridge, JumpCall
from ._move_bridge import MoveBridge, TrialsCall, noise_arrays


def eager_bridge(model, pairs, lengths, tries=1):
    """The bridge of a model, on its device.

    Parameters
    ----------
    model : TrajectoryModel
    pairs : torch.Tensor (n_constraints, 2), int64
    lengths : torch.Tensor (n_constraints,), float64, nm
    tries : int
        Trials in a jump of a model with a density.
    """
    device = next((tensor.device for tensor in model.state_dict().values()), torch.device("cpu"))
    if model.has_density:
        return _moves(TrialsCall(model), model, pairs, lengths, tries).to(device)
    return JumpBridge(JumpCall(model), model.spec, pairs, lengths).to(device)


def scripted_bridge(model, pairs, lengths, tries=1):
    """Trace a model and script the bridge around it, for `openmmtorch.TorchForce`."""
    generator = torch.Generator().manual_seed(0)
    # Any shape of atoms that do not coincide will do for tracing: the model's graph of operations
    # does not depend on it.
    base = 3.0 * torch.randn(model.spec.n_atoms, 3, generator=generator, dtype=torch.float64)
    with torch.no_grad(), warnings.catch_warnings():
        # The shapes that a trace takes for constants are constant here.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        if model.has_density:
            noise = torch.randn(tries, model.n_noise, generator=generator, dtype=torch.float64)
            trials = torch.jit.trace(TrialsCall(model), (base, noise), check_trace=False)
            return torch.jit.script(_moves(trials, model, pairs, lengths, tries))
        steps = 0.05 * torch.randn(
            model.history, model.spec.n_atoms, 3, generator=generator, dtype=torch.float64
        )
        window = (base - steps.cumsum(0).flip(0)).to(torch.float32)
        jump = torch.jit.trace(JumpCall(model), (window, base), check_trace=False)
    return torch.jit.script(JumpBridge(jump, model.spec, pairs, lengths))


def _moves(trials, model, pairs, lengths, tries):
    arrays = noise_arrays(model, tries)
    return MoveBridge(trials, model.spec.n_atoms, model.n_noise, tries, arrays, pairs, lengths)
