"""What work cannot take less than: operations and bytes, at the rates of the machine."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Work:
    """What some work does, however it is run.

    Attributes
    ----------
    operations : int
        Floating-point operations of its matrix products.
    product_bytes : int
        That these products read and write: parameters, inputs and those activations that lie
        between two of them. What is done in between to each number alone could be done on the way.
    largest_product_bytes : int
        Those of the largest one.
    traffic_bytes : int
        That all operations, one by one, read and write.
    launches : int
        Operations, without those that only look at a tensor in another way.
    """

    operations: int
    product_bytes: int
    largest_product_bytes: int
    traffic_bytes: int
    launches: int

    @classmethod
    def of(cls, work: Callable) -> "Work":
        """Count what a call does; on the CPU, where gradients are taken in the same thread."""
        flops = FlopCounterMode(display=False)
        counter = _Counter(flops)
        with flops, counter:
            work()
        return cls(
            flops.get_total_flops(), sum(counter.products), max(counter.products, default=0),
            counter.traffic, counter.launches,
        )  # fmt: skip


class _Counter(TorchDispatchMode):
    def __init__(self, flops):
        super().__init__()
        self.known, self.products, self.traffic, self.launches = flops.flop_registry, [], 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func.is_view:
            return out
        moved = sum(_bytes(value) for value in tree_leaves((args, kwargs, out)))
        self.launches += 1
        self.traffic += moved
        if func.overloadpacket in self.known:
            self.products.append(moved)
        return out


def _bytes(value):
    if not isinstance(value, torch.Tensor):
        return 0
    # what is repeated by a stride of zero is read once
    read = 1
    for size, stride in zip(value.shape, value.stride(), strict=True):
        read *= size if stride else 1
    return read * value.element_size()


def floor_ms(work: dict, rates: dict) -> float:
    """What work takes at the least, in float32: one launch, and its products or their bytes.

    Parameters
    ----------
    work : dict
        Of :class:`Work`.
    rates : dict
        Of :func:`measure_machine`.
    """
    launch = rates.get("graph_us", rates["launch_us"]) / 1e6
    bandwidth = bandwidth_at(work["largest_product_bytes"], rates)
    multiplying = work["operations"] / rates["matmul_float32"]
    return 1000 * (launch + max(multiplying, work["product_bytes"] / bandwidth))


def one_by_one_ms(work: dict, rates: dict) -> float:
    """What it takes at the least if each operation is launched by itself; see :func:`floor_ms`."""
    bandwidth = bandwidth_at(work["largest_product_bytes"], rates)
    multiplying = work["operations"] / rates["matmul_float32"]
    launching = work["launches"] * rates["launch_us"] / 1e6
    return 1000 * max(launching, multiplying, work["traffic_bytes"] / bandwidth)


def bandwidth_at(size: int, rates: dict) -> float:
    """Bytes a second, the best at which this many or more were moved: caches count."""
    larger = [rate for moved, rate in rates["bandwidths"] if moved >= size]
    return max(larger or [rates["bandwidths"][-1][1]])
