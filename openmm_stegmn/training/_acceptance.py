"""How many moves of a density Metropolis accepts, and how far they go."""

from dataclasses import asdict, dataclass

import openmm
import torch
from openmm import unit
from torch import Tensor

from ..units import GAS_CONSTANT, to_nm


@dataclass(frozen=True)
class Acceptance:
    """Of moves from frames at equilibrium, one trial each, energies and densities counted."""

    acceptance: float
    """Mean probability that a move is accepted."""
    turned: tuple
    """Mean of that probability times :math:`1 - \\cos Δq`, for each rotatable bond: 0.1 and more is
    much for a backbone torsion."""
    energy_median: float
    """Median change of the potential energy of what is proposed, kJ/mol."""
    n_moves: int

    def as_dict(self):
        """Plain values, ready for JSON."""
        return asdict(self)


@torch.no_grad()
def measure_acceptance(
    model, system, frames: Tensor, temperature: float, tries: int = 4, seed: int = 0
) -> Acceptance:
    """Propose moves from frames, and weigh them.

    Parameters
    ----------
    model : TorsionProposal
        On the CPU.
    system : openmm.System
        Energies are taken on the Reference platform, in double precision.
    frames : Tensor, ``(n, n_atoms, 3)``
        Å, at equilibrium at this temperature.
    temperature : float
        K.
    tries : int
        Moves from each frame.
    seed : int
        Of the noise.
    """
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    generator, body = torch.Generator().manual_seed(seed), model.context.body
    rises, log_ratios, turns = [], [], []
    frames = frames.double()
    for frame, before in zip(frames, potential_energies(context, frames), strict=True):
        noise = torch.randn(tries, model.n_noise, generator=generator)
        moved, log_ratio = model.trials(frame, noise)
        rises.append(potential_energies(context, moved) - before)
        log_ratios.append(log_ratio.double())
        turns.append(1 - torch.cos(body.torsions(moved) - body.torsions(frame)))
    rise = torch.cat(rises)
    exponent = torch.cat(log_ratios) - rise / (GAS_CONSTANT * temperature)
    # Atoms on top of each other have no energy, and no chance.
    chance = exponent.clamp_max(0).exp().nan_to_num(0.0)
    turned = (chance.unsqueeze(-1) * torch.cat(turns)).mean(0)
    return Acceptance(
        chance.mean().item(), tuple(turned.tolist()), rise.nanmedian().item(), len(rise)
    )


def potential_energies(context, frames: Tensor) -> Tensor:
    """Potential energies ``(n,)``, kJ/mol, of frames ``(n, n_atoms, 3)``, Å."""
    energies = []
    for frame in to_nm(frames.double().numpy()):
        context.setPositions(frame)
        energy = context.getState(energy=True).getPotentialEnergy()
        energies.append(energy.value_in_unit(unit.kilojoule_per_mole))
    return torch.tensor(energies, dtype=torch.float64)
