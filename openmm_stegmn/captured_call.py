"""A network that a GPU runs as one CUDA graph, for a caller who is on the CPU.

A jump evaluates a network for one molecule, in hundreds of small operations whose launches take
longer than themselves. A graph launches all of them at once. What is around the network, a few
operations on a few atoms, is left to the CPU: there each takes a microsecond, not a launch.
"""

import warnings

import torch
from torch import nn

from .fused_kernels import fuse

# Evaluations before capture: the first ones make what libraries keep, which no graph may hold.
WARM_UP = 3


class CapturedCall(nn.Module):
    """Run a module from a CUDA graph, captured at its first evaluation.

    Inputs may be on the CPU, and what is returned is where the first of them is; the graph holds
    the copying. The next evaluation overwrites what was returned. A module that cannot be captured,
    as of one that waits for the GPU to decide something, runs as it is, with one warning.

    Parameters
    ----------
    call : torch.nn.Module
        A function of tensors whose shapes and devices are the same at each evaluation; it returns a
        tuple of tensors, or one.
    device : torch.device
        The GPU that it runs on.
    fused : bool
        Whether ``torch.compile`` fuses kernels before they are captured: a minute at the first
        evaluation, and fewer kernels at all others. Numbers change by rounding. What cannot be
        compiled here is captured as it is, with one warning.
    """

    def __init__(self, call, device, fused=False):
        super().__init__()
        self.call, self.device = call, device
        self._fused = fused
        self._graph = self._inputs = self._outputs = self._held = None
        self._capturable = True

    def forward(self, *inputs):
        """What the module returns for these tensors."""
        if self._graph is None and self._fused:
            self._try_to_capture(inputs, "unfused kernels", fuse(self.call))
            self._fused = False
        if self._graph is None and self._capturable:
            self._capturable = self._try_to_capture(inputs, "no CUDA graph", self.call)
        if self._graph is None:
            outputs = self._evaluate(self.call, inputs)
            return _each(lambda tensor: tensor.to(inputs[0].device), outputs)
        for kept, given in zip(self._inputs, inputs, strict=True):
            kept.copy_(given)
        self._graph.replay()
        if not inputs[0].is_cuda:
            torch.cuda.current_stream(self.device).synchronize()
        return self._outputs

    def capture(self, *inputs):
        """Capture the graph of the module as it is, with inputs of these shapes and devices.

        Raises
        ------
        RuntimeError
            If the module does what no graph can hold; or what it raised by itself.
        """
        self._capture(self.call, inputs)

    def _try_to_capture(self, inputs, otherwise, call):
        try:
            self._capture(call, inputs)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            warnings.warn(
                f"The network runs with {otherwise}, which is slower: {reason}", stacklevel=3
            )
            return False
        return True

    def _capture(self, call, inputs):
        kept = [_like(tensor, tensor.device).copy_(tensor) for tensor in inputs]
        with torch.no_grad(), torch.cuda.device(self.device):
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    outputs = self._evaluate(call, kept)
            torch.cuda.current_stream().wait_stream(stream)
            home = inputs[0].device
            returned = _each(lambda tensor: _like(tensor, home), outputs)
            graph = torch.cuda.CUDAGraph()
            # OpenMM has threads of its own, which may use the GPU meanwhile.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                outputs = self._evaluate(call, kept)
                for place, tensor in zip(_listed(returned), _listed(outputs), strict=True):
                    place.copy_(tensor, non_blocking=True)
        self._graph, self._inputs, self._outputs = graph, kept, returned
        # A compiled call may own constants, which each replay reads; a tuple registers no module.
        self._held = (call,)

    def _evaluate(self, call, inputs):
        return call(*(tensor.to(self.device, non_blocking=True) for tensor in inputs))


def _like(tensor, device):
    """Room for such a tensor, that a graph can copy from and to."""
    pinned = device.type == "cpu"
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=device, pin_memory=pinned)


def _listed(outputs):
    return [outputs] if isinstance(outputs, torch.Tensor) else outputs


def _each(function, outputs):
    if isinstance(outputs, torch.Tensor):
        return function(outputs)
    return tuple(map(function, outputs))
