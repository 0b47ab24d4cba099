"""A network that a GPU runs as one CUDA graph.

A jump evaluates a network for one molecule, in hundreds of small operations whose launches take
longer than themselves. A graph launches all of them at once.
"""

import warnings

import torch
from torch import nn

# Evaluations before capture: the first ones make what libraries keep, which no graph may hold.
WARM_UP = 3


class CapturedCall(nn.Module):
    """Run a module from a CUDA graph, captured at its first evaluation.

    What it returns is overwritten by its next evaluation. A module that cannot be captured, as of
    one that waits for the GPU to decide something, runs as it is, with one warning.

    Parameters
    ----------
    call : torch.nn.Module
        A function of tensors on one GPU, whose shapes are the same at each evaluation.
    """

    def __init__(self, call):
        super().__init__()
        self.call = call
        self._graph = self._inputs = self._outputs = None
        self._capturable = True

    def forward(self, *inputs):
        """What the module returns for these tensors."""
        if self._graph is None and self._capturable:
            self._capture(inputs)
        if self._graph is None:
            return self.call(*inputs)
        for kept, given in zip(self._inputs, inputs, strict=True):
            kept.copy_(given)
        self._graph.replay()
        return self._outputs

    def _capture(self, inputs):
        kept = [tensor.clone() for tensor in inputs]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.no_grad(), torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self.call(*kept)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        try:
            # OpenMM has threads of its own, which may use the GPU meanwhile.
            with (
                torch.no_grad(),
                torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"),
            ):
                outputs = self.call(*kept)
        except RuntimeError as error:
            self._capturable = False
            reason = str(error).splitlines()[0]
            warnings.warn(
                f"The network runs without a CUDA graph, which would be faster: {reason}",
                stacklevel=2,
            )
            return
        self._graph, self._inputs, self._outputs = graph, kept, outputs
