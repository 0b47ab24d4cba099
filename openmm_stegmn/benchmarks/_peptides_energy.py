"""Energies of predicted frames."""

from dataclasses import dataclass

import numpy as np
import openmm
import torch
from openmm import unit
from torch import Tensor

from ..systems import platform_properties
from ..units import GAS_CONSTANT, to_nm

# In units of kT: a rise that dynamics recovers from.
_THRESHOLD = 10.0


@dataclass(frozen=True)
class EnergyRise:
    """Potential energy of frames minus that of the frames before, over windows.

    Constrained lengths are restored first, as dynamics from there would do: forward kinematics
    keeps them, other predictions shrink what they average over.
    """

    energy_median: float | None
    """kJ/mol; None where most frames have no energy."""
    energy_below_10kT: float
    """Fraction of frames."""


class EnergyMeter:
    """Potential energies of a molecule's frames.

    Parameters
    ----------
    system : openmm.System
    platform : str
        OpenMM's.
    """

    def __init__(self, system, platform="Reference"):
        found = openmm.Platform.getPlatformByName(platform)
        self._context = openmm.Context(
            openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system)),
            openmm.VerletIntegrator(0.001), found, platform_properties(found, threads=1),
        )  # fmt: skip

    def rise(self, before: Tensor, after: Tensor, temperature: float) -> EnergyRise:
        """Compare frames, each ``(n, n_atoms, 3)`` in Å, with those before."""
        start = [self._energy(frame) for frame in before]
        rise = np.array([self._energy(frame) for frame in after]) - start
        below = rise <= _THRESHOLD * GAS_CONSTANT * temperature
        middle = float(np.median(rise))
        return EnergyRise(middle if np.isfinite(middle) else None, below.mean().item())

    def _energy(self, frame):
        """In kJ/mol; infinite where there is none."""
        try:
            self._context.setPositions(to_nm(frame.double().numpy()))
            self._context.applyConstraints(1e-6)
            energy = self._context.getState(energy=True).getPotentialEnergy()
        except openmm.OpenMMException:
            return np.inf
        energy = energy.value_in_unit(unit.kilojoule_per_mole)
        return energy if np.isfinite(energy) else np.inf


@torch.no_grad()
def next_frames(model, windows, batch_size: int = 250) -> Tensor:
    """Predicted frames ``(n, n_atoms, 3)``, on the CPU, moved in double precision."""
    device, frames = model.context.masses.device, []
    windows = windows.to(device)
    for index in torch.arange(len(windows), device=device).split(batch_size):
        window, _ = windows.take(index)
        frames.append(model.jump(window, window[:, -1].double())[0].cpu())
    return torch.cat(frames)
