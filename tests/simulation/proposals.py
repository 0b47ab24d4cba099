"""Models with a density for alanine dipeptide and for a chain of four atoms whose torsions have a
known distribution; shared by the tests of exact jumps."""

import numpy as np
import openmm
import torch
from alanine import arrays, peptide, simulation, spec_for
from openmm import app
from platforms import platform
from small_proposals import SMALL_PROPOSAL

from openmm_stegmn.data import describe_molecule
from openmm_stegmn.models import ModelSpec, TorsionProposal
from openmm_stegmn.simulation import STEGMNPropagator
from openmm_stegmn.units import GAS_CONSTANT


def perturbed(kind, spec, seed=0, scale=0.3):
    """A model of some class whose weights are all random."""
    torch.manual_seed(seed)
    model = kind(spec, **spec.config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn(parameter.shape))
    return model.eval()


def for_alanine(kind=TorsionProposal, history=1, horizon=1, **config):
    """Turns one bond a move from one frame, or an untrained model would have nothing accepted."""
    topology, system, _ = peptide()
    lags = [1, 3, 10] if history > 1 else [None, 1, 10]
    own = {"components": 12, "lags": lags, "lag": 10, "block": 1 if history == 1 else None}
    config = SMALL_PROPOSAL | own | config
    spec = spec_for(
        topology, system, architecture="stegmn-proposal", history=history, horizon=horizon,
        config=config,
    )  # fmt: skip
    return perturbed(kind, spec)


def moving(model=None, md_frames=2, tries=4, **options):
    """A simulation of alanine dipeptide with exact jumps."""
    model = for_alanine() if model is None else model
    return simulation(model, guard="metropolis", md_frames=md_frames, tries=tries, **options)


#: Energy (kJ/mol) of the torsion theta of the chain: three wells of unequal depth.
TORSION_ENERGY = "5*cos(3*theta)+4*cos(theta-2)"


def chance_below(temperature):
    """Cumulative distribution of the torsion at a temperature."""
    angles = np.linspace(-np.pi, np.pi, 4001)
    energy = 5 * np.cos(3 * angles) + 4 * np.cos(angles - 2)
    weights = np.exp(-energy / (GAS_CONSTANT * temperature))
    sums = np.concatenate([[0.0], np.cumsum(weights[1:] + weights[:-1])])
    return lambda torsions: np.interp(torsions, angles, sums / sums[-1])


def chain(
    kind=TorsionProposal, temperature=300, seed=1, history=1, options=None, beside=False, **config
):  # fmt: skip
    """Four atoms with stiff bonds and angles, of which the torsion does not know.

    With `beside`, a fifth one that no model knows of is drawn to the last: wherever that is, it has
    as much room, so that the torsion's distribution is the same.
    """
    topology = app.Topology()
    residue = topology.addResidue("CHN", topology.addChain())
    atoms = [topology.addAtom(f"C{i}", app.Element.getBySymbol("C"), residue) for i in range(4)]
    system, bonds = openmm.System(), openmm.HarmonicBondForce()
    angles, torsions = openmm.HarmonicAngleForce(), openmm.CustomTorsionForce(TORSION_ENERGY)
    for _ in atoms:
        system.addParticle(12.01)
    for i in range(3):
        topology.addBond(atoms[i], atoms[i + 1])
        bonds.addBond(i, i + 1, 0.153, 1e5)
    for i in range(2):
        angles.addAngle(i, i + 1, i + 2, 1.95, 500.0)
    torsions.addTorsion(0, 1, 2, 3)
    spec = ModelSpec(
        architecture="stegmn-proposal", history=history, frame_interval=0.002,
        config=SMALL_PROPOSAL | config, **describe_molecule(topology, system),
    )  # fmt: skip
    if beside:
        topology.addAtom("X", app.Element.getBySymbol("C"), residue)
        bonds.addBond(3, system.addParticle(1.0), 0.0, 50000.0)
    for force in (bonds, angles, torsions):
        system.addForce(force)
    integrator = openmm.LangevinMiddleIntegrator(temperature, 1.0, 0.001)
    options = {"guard": "metropolis", "md_frames": 1} | (options or {})
    propagator = STEGMNPropagator(
        system, topology, perturbed(kind, spec), integrator, backend="python", seed=seed, **options
    )
    made = app.Simulation(topology, system, propagator, *platform())
    bent = [[0.057, 0.142, 0], [0, 0, 0], [0.153, 0, 0], [0.21, 0.06, 0.13]]
    made.context.setPositions(bent + [bent[-1]] * beside)
    made.context.setVelocitiesToTemperature(temperature, seed)
    return made


def to_jump(made):
    """Step to where the next step is a jump."""
    while made.integrator.steps_to_next_frame() > 1:
        made.step(made.integrator.steps_to_next_frame())


def torsions_after_jumps(made, jumps):
    """Torsion of the chain after each jump, kept or not, rad."""
    found = []
    for _ in range(jumps):
        to_jump(made)
        made.step(1)
        found.append(arrays(made)[0])
    first, second, third = np.diff(np.array(found)[:, :4], axis=1).transpose(1, 0, 2)
    normals = np.cross(first, second), np.cross(second, third)
    across = np.linalg.norm(second, axis=1) * (first * normals[1]).sum(1)
    return np.arctan2(across, (normals[0] * normals[1]).sum(1))


class Walk(TorsionProposal):
    """Turns every bond by normal numbers of a known width (rad), and not at all on average."""

    width = 0.3

    def _mixture(self, *seen):
        log_weights, means, widths = super()._mixture(*seen)
        return log_weights, 0 * means, 0 * widths + self.width


class Middling(TorsionProposal):
    """Turns a little of what it draws, or it would have nothing accepted, untrained as it is."""

    def draw(self, window, noise):
        turns, block, log_density = super().draw(window, noise)
        return 0.05 * turns, block, log_density


def dynamics(kind=Middling, history=3, guard="none", md_frames=2, **options):
    """A simulation of alanine dipeptide with jumps of approximate dynamics."""
    model = for_alanine(kind, history=history, block=None)
    return simulation(model, guard=guard, md_frames=md_frames, **options)


class AsPythonTorchForce:
    """A callable of PythonTorchForce, which gets positions as a tensor, behind a PythonForce."""

    def __init__(self, call):
        self.call = call

    def __call__(self, state):
        positions = state.getPositions(asNumpy=True).value_in_unit(openmm.unit.nanometer)
        energy, forces = self.call(state, torch.as_tensor(positions))
        return float(energy), forces.numpy()


def python_torch_force(call, parameters):
    """`openmmtorch.PythonTorchForce` as no wheel has it yet: the interface, without the speed."""
    return openmm.PythonForce(AsPythonTorchForce(call), parameters)
