"""Traced models run where they are moved to: the meta device, which mixes with no other, stands for
a GPU."""

import copy

import pytest
import torch
from alanine import peptide, spec_for

from openmm_stegmn.models import MODELS, build_model, load_model
from openmm_stegmn.simulation._any_device import trace_for_any_device, trace_without_device
from openmm_stegmn.simulation._jump_bridge import JumpCall
from openmm_stegmn.simulation._move_bridge import TrialsCall
from openmm_stegmn.simulation._switch_bridge import DensityCall, DrawCall
from openmm_stegmn.simulation._walk_bridge import TurnCall, TurnsCall

CALLS = {
    JumpCall: ("window", "shown", "noise"),
    TurnsCall: ("window", "shown", "noise"),
    TurnCall: ("base", "turns"),
    TrialsCall: ("shown", "trials"),
    DrawCall: ("base", "noise"),
    DensityCall: ("base", "turns", "block"),
}


def check(model, *calls):
    """Trace each call, run it in place, and again on another device."""
    model = model.eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(shape, generator=generator).double()  # noqa: E731
    n_atoms, n_bonds = model.spec.n_atoms, model.context.body.n_bonds
    inputs = {
        # nm
        "window": 0.1 * draw(model.history, n_atoms, 3), "shown": 0.1 * draw(n_atoms, 3),
        # Å
        "base": draw(n_atoms, 3),
        "noise": draw(model.n_noise), "trials": draw(2, model.n_noise), "turns": draw(n_bonds),
        "block": torch.ones(n_bonds),
    }  # fmt: skip
    for call in calls:
        given = tuple(inputs[name] for name in CALLS[call])
        traced = trace_for_any_device(call(model), given)
        for found, expected in zip(
            _tuple(traced(*given)), _tuple(call(model)(*given)), strict=True
        ):
            torch.testing.assert_close(found, expected)
        # moving takes the weights along
        elsewhere = trace_without_device(call(copy.deepcopy(model)), given).to("meta")
        for found in _tuple(elsewhere(*(x.to("meta") for x in given))):
            assert found.device.type == "meta"


def _tuple(found):
    return (found,) if torch.is_tensor(found) else found


@pytest.mark.parametrize("architecture", [name for name in MODELS if name != "stegmn-proposal"])
def test_jumps_of_every_model(architecture):
    if architecture in ("tfn", "se3-transformer"):
        pytest.importorskip("e3nn")
    topology, system, _ = peptide()
    torch.manual_seed(3)
    model = build_model(spec_for(topology, system, architecture=architecture))
    check(model, JumpCall, *((TurnsCall, TurnCall) if model.kinematics == "articulated" else ()))


def test_errors_are_told():
    """Of a trace whose submodules were inlined torch might crash in place of it."""
    topology, system, _ = peptide()
    model = build_model(spec_for(topology, system)).eval().requires_grad_(False)
    given = torch.randn(3, 22, 3).double(), torch.randn(22, 3).double(), torch.zeros(0).double()
    traced = trace_for_any_device(JumpCall(model), given)
    with pytest.raises(RuntimeError):
        traced(given[0][:, :5], *given[1:])


def test_moves_with_a_density():
    check(load_model("alanine-dipeptide-exact"), TrialsCall, DrawCall, TurnCall, DensityCall)


def test_a_plain_trace_stays_where_it_was_made():
    """What the others would show."""
    topology, system, _ = peptide()
    model = build_model(spec_for(topology, system)).eval().requires_grad_(False)
    given = torch.randn(3, 22, 3).double(), torch.randn(22, 3).double(), torch.zeros(0).double()
    traced = torch.jit.trace(JumpCall(model), given, check_trace=False).to("meta")
    with pytest.raises((RuntimeError, NotImplementedError)):
        traced(*(x.to("meta") for x in given))
