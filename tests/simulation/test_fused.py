"""Kernels of the network that are fused on a GPU."""

import pytest
import torch
from alanine import arrays, langevin, peptide, simulation, spec_for
from platforms import CHOSEN

from openmm_stegmn.models import build_model, load_model
from openmm_stegmn.simulation import STEGMNPropagator
from openmm_stegmn.simulation._backends import GPU_PLATFORMS
from openmm_stegmn.simulation._jump_bridge import JumpCall
from openmm_stegmn.simulation._move_bridge import TrialsCall
from openmm_stegmn.systems import build_system


def frames_of(molecule, count):
    """Shapes of alanine dipeptide, nm: its structure, a little further on in each."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.tensor(molecule.positions)
    shape = (count, *positions.shape)
    return positions + 0.001 * torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", ["alanine-dipeptide", "alanine-dipeptide-exact"])
def test_a_compiler_sees_all_of_a_jump_as_one_graph(name):
    """Nothing in it is decided in Python by what tensors hold."""
    model = load_model(name).eval().requires_grad_(False)
    frames = frames_of(build_system(), model.history)
    if model.has_density:
        call, draws = TrialsCall(model), torch.zeros(4, model.n_noise, dtype=torch.float64)
        inputs = (frames[-1], draws)
    else:
        call, draws = JumpCall(model), torch.zeros(model.n_noise, dtype=torch.float64)
        inputs = (frames, frames[-1], draws)
    compiled = torch.compile(call, dynamic=False, fullgraph=True, backend="eager")
    for one, other in zip(compiled(*inputs), call(*inputs), strict=True):
        assert torch.equal(one, other)


def test_a_script_cannot_be_fused():
    topology, system, _ = peptide()
    before, model = system.getNumForces(), build_model(spec_for(topology, system))
    with pytest.raises(ValueError, match="fused=True needs a back-end that calls Python"):
        STEGMNPropagator(system, topology, model, langevin(), backend="torch", fused=True)
    assert system.getNumForces() == before


@pytest.mark.filterwarnings("error")
def test_auto_takes_a_back_end_that_calls_python():
    topology, system, _ = peptide()
    model = build_model(spec_for(topology, system))
    made = STEGMNPropagator(system, topology, model, langevin(), fused=True)
    assert made.backend in ("python", "python-torch")


@pytest.mark.skipif(CHOSEN in GPU_PLATFORMS, reason="for processors")
def test_on_a_processor_it_changes_nothing_and_says_so():
    # one after the other: on Reference all contexts draw from one stream, which a new one begins
    plain = simulation()
    plain.step(60)
    assert plain.integrator.statistics.accepted > 0
    fused = simulation(fused=True)
    with pytest.warns(UserWarning, match="of no effect on platform Reference"):
        fused.step(60)
    for one, other in zip(arrays(plain), arrays(fused), strict=True):
        assert (one == other).all()


@pytest.mark.skipif(CHOSEN != "CUDA", reason="for GPUs")
def test_on_a_gpu_the_first_jump_is_the_same_to_rounding():
    frames = []
    for fused in (False, True):
        made = simulation(fused=fused)
        while made.integrator.statistics.attempted == 0:
            made.step(1)
        frames.append(arrays(made)[0])
    assert abs(frames[0] - frames[1]).max() < 1e-6
