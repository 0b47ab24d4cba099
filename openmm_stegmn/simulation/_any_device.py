"""Traces that run on whatever device they are moved to.

Tracing writes the device that it was made on into every tensor that a model makes anew, and moving
a module moves its parameters alone: on a GPU the rest would stay on the CPU. In place of that
device, the trace here asks where a buffer of the module is. Freezing, which comes after moving,
still takes what is made of it for constants.
"""

import io

import torch
from torch import nn


class _Located(nn.Module):
    def __init__(self, call):
        super().__init__()
        self.call = call
        self.register_buffer("here", torch.zeros(()), persistent=False)

    def forward(self, *inputs):
        return self.call(*inputs)


def trace_for_any_device(call: nn.Module, inputs: tuple) -> torch.jit.ScriptModule:
    """Trace a module on the CPU, for every device, and to be loaded by whatever runs it.

    Parameters
    ----------
    call : torch.nn.Module
    inputs : tuple of Tensor
        Of any numbers: what the module does must not depend on them.
    """
    written = io.BytesIO()
    torch.jit.save(trace_without_device(call, inputs), written)
    # As a TorchForce does before it runs it. Only then is an error told: what inlining remembers of
    # submodules crashes torch when it looks for where one came from.
    written.seek(0)
    return torch.jit.load(written)


def trace_without_device(call: nn.Module, inputs: tuple) -> torch.jit.ScriptModule:
    """The same, as long as it is only moved: its errors must not be looked at."""
    traced = torch.jit.trace(_Located(call), inputs, check_trace=False)
    graph = traced.graph
    # One graph in place of those of all submodules, which have no buffer to ask
    torch._C._jit_pass_inline(graph)
    fixed = [
        node.output()
        for node in graph.findAllNodes("prim::Constant")
        if node.output().type().kind() == "DeviceObjType"
    ]
    here = graph.create("prim::GetAttr", [next(graph.inputs())], 1)
    here.s_("name", "here").output().setType(torch._C.TensorType.get())
    device = graph.create("prim::device", [here.output()], 1)
    device.output().setType(torch._C.DeviceObjType.get())
    graph.prependNode(device)
    graph.prependNode(here)
    for value in fixed:
        value.replaceAllUsesWith(device.output())
    return traced
