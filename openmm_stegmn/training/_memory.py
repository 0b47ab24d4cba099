"""How many windows are gone through at a time, so that they fit in memory."""

from collections.abc import Callable

import torch

# Bytes that gradients of a batch may keep on the CPU: larger parts are no faster there.
_ON_CPU = 500_000_000
# Share of the free memory of a GPU
_OF_GPU = 0.5


def room(device) -> float:
    """Bytes that what is computed of some windows may take on a device."""
    device = torch.device(device)
    if device.type != "cuda":
        return _ON_CPU
    return _OF_GPU * torch.cuda.mem_get_info(device)[0]


def bytes_of_window(compute: Callable) -> int:
    """What one window more adds to what is kept for the gradients of a computation.

    Parameters
    ----------
    compute : callable
        Of the numbers of some windows.

    Returns
    -------
    int
        Bytes; 0 if there is nothing to take gradients by.
    """
    one, two = (_kept(lambda count=count: compute(torch.arange(count))) for count in (1, 2))
    return max(0, two - one)


def parts_of(batch: int, window: int, most: float) -> int:
    """In how many equal parts a batch is gone through, each of at most so many bytes or one window.

    Parameters
    ----------
    batch : int
        Windows.
    window : int
        Bytes of each.
    most : float
        Bytes.
    """
    return next(
        parts for parts in range(1, batch + 1)
        if batch % parts == 0 and (batch // parts * window <= most or parts == batch)
    )  # fmt: skip


def _kept(compute):
    sizes = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        # The tensor itself would hold the graph that holds it, of a softmax for one, for good: its
        # memory, and gradients of parameters on this stream, which no CUDA graph can then capture.
        return tensor.detach()

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda each: each):
        result = compute()  # while it is there, no memory is used twice
        del result
    return sum(sizes.values())
