"""How fast a machine is at what networks are made of: moving bytes, multiplying, being told to."""

import time
from collections.abc import Callable
from contextlib import contextmanager

import torch

from ._speed_timing import wait_for

# Bytes copied: powers of two, the largest beyond any cache
_SMALLEST, _LARGEST = 16, {"cpu": 28, "cuda": 30}
_LAUNCHES = 1000
_LEAST = 0.02  # s that a rate is measured for
_TRIES = 5


def measure_machine(device: str) -> dict:
    """Rates of a device, each the best of five tries.

    Returns
    -------
    dict
        ``bandwidths``: [bytes, bytes a second] of copies of such size, read and written;
        ``matmul_<precision>``: operations a second of large products;
        ``launch_us``: of a small operation after the other; with CUDA ``graph_us``, a graph of one
        such, waited for, and ``graph_node_us``, each of many in a graph.
    """
    sizes = [2**power for power in range(_SMALLEST, _LARGEST[device] + 1, 2)]
    rates = {"bandwidths": [[2 * size, _bandwidth(size, device)] for size in sizes]}
    for name, rate in _products(device).items():
        rates[f"matmul_{name}"] = rate
    one = torch.zeros(1, device=device)
    rates["launch_us"] = 1e6 / _rate(lambda: one.add_(1), device)
    if device == "cuda":
        rates["graph_us"] = 1e6 * _graph_seconds(one, 1)
        rates["graph_node_us"] = 1e6 * _graph_seconds(one, _LAUNCHES) / _LAUNCHES
    return rates


@contextmanager
def products_in(precision: str):
    """Take products of single precision as they are (``"float32"``) or in ``"tf32"``."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _bandwidth(size, device):
    source = torch.zeros(size // 4, device=device)
    target = torch.empty_like(source)
    return 2 * size * _rate(lambda: target.copy_(source), device)


def _products(device):
    on_gpu = device == "cuda"
    width = 8192 if on_gpu else 1024
    kinds = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
    if on_gpu:
        kinds["tf32"] = torch.float32
    found = {}
    for name, dtype in kinds.items():
        a = torch.randn(width, width, device=device, dtype=torch.float32).to(dtype)
        out = torch.empty_like(a)
        with products_in(name):
            found[name] = 2 * width**3 * _rate(lambda a=a, out=out: torch.mm(a, a, out=out), device)
    return found


def _rate(work: Callable, device) -> float:
    """How often a second some work is done where each waits for the one before."""
    work()
    wait_for(device)
    count, best = 1, 0.0
    for _ in range(_TRIES):
        while True:
            start = time.perf_counter()
            for _ in range(count):
                work()
            wait_for(device)
            seconds = time.perf_counter() - start
            if seconds >= _LEAST:
                break
            count *= 2
        best = max(best, count / seconds)
    return best


def _graph_seconds(one, nodes):
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(nodes):
            one.add_(1)

    def replay():
        graph.replay()
        torch.cuda.synchronize()

    return 1 / _rate(replay, "cuda")
