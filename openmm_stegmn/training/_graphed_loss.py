"""Losses as CUDA graphs: one launch for all kernels forwards, one for all backwards."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..fused_kernels import fuse


class GraphedLoss:
    """A loss that is captured on a GPU at its first batch, and replayed on those of that shape.

    Networks here are small, and their time on a GPU is that of launching kernels. Captured, a step
    is the same kernels on the same numbers in the same order, without the launches. On the CPU, for
    batches of other shapes, and while no gradients are asked for, the loss is what it was.

    Parameters
    ----------
    model : torch.nn.Module
        Whose parameters the loss is differentiated by. Optimisers have to change them in place.
    loss : callable
        Of tensors, to a tensor without dimensions. It may neither wait for the GPU nor draw random
        numbers of the CPU.
    fused : bool
        Whether ``torch.compile`` fuses kernels before they are captured, which takes about half a
        minute. Numbers change by rounding.
    """

    def __init__(self, model: nn.Module, loss: Callable[..., Tensor], fused: bool = False):
        self._model, self._eager, self._fused = model, loss, fused
        self._graphed, self._shapes, self._refused = None, None, False

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The loss of a batch."""
        if not self._can_be_captured(inputs):
            return self._eager(*inputs)
        if self._graphed is None:
            self._capture(inputs)
        if self._graphed is None or _shapes(inputs) != self._shapes:
            return self._eager(*inputs)
        return self._graphed(*inputs)

    def _can_be_captured(self, inputs):
        return not self._refused and inputs[0].is_cuda and torch.is_grad_enabled()

    def _capture(self, inputs):
        self._shapes = _shapes(inputs)
        samples = tuple(x.clone() for x in inputs)
        # Gradients come from the stream that captured, and the next step waits for them anyway.
        torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
        try:
            captured = _Loss(self._model, self._eager)
            if self._fused:
                captured = fuse(captured)
            self._graphed = torch.cuda.make_graphed_callables(
                captured, samples, allow_unused_input=True
            )
        except RuntimeError as error:
            # the first error, not what the capture then says of itself
            while error.__context__ is not None:
                error = error.__context__
            reason = str(error).splitlines()[0]
            warnings.warn(
                f"the loss of {type(self._model).__name__} cannot be captured as a CUDA graph "
                f"({reason}): training goes on without, and slower", stacklevel=2,
            )  # fmt: skip
            self._refused = True


class _Loss(nn.Module):
    # What is captured are gradients of a module's parameters.
    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, *inputs):
        return self.loss(*inputs)


def _shapes(inputs):
    return [(x.shape, x.dtype) for x in inputs]
