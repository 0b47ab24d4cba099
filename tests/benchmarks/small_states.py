"""State networks that are small enough for tests, and data for them."""

from dataclasses import replace
from pathlib import Path

import torch

from openmm_stegmn.benchmarks import PROTOCOLS, StateSettings
from openmm_stegmn.data import MoleculeTrajectory, md17_elements

SMALL = StateSettings(seeds=1, epochs=2, batch_size=10, device="cpu")


def shrink_networks(monkeypatch):
    """Give all networks one or two layers, for this process."""
    for name, protocol in list(PROTOCOLS.items()):
        monkeypatch.setitem(PROTOCOLS, name, replace(protocol, layers=2, hidden=8, clusters=3))


def moving_molecule(n_frames=33_000, speed=1e-4):
    """Ethanol that flies along x and shakes a little, as a trajectory of MD17."""
    elements = tuple(e for e in md17_elements("ethanol") if e != "H")
    generator = torch.Generator().manual_seed(0)
    start = torch.tensor([[0.0, 0, 0], [1.5, 0, 0], [2.1, 1.3, 0]])
    noise = 0.01 * torch.randn(n_frames, 3, 3, generator=generator)
    frames = start + noise
    frames[..., 0] += speed * torch.arange(n_frames)[:, None]
    return MoleculeTrajectory(
        "ethanol", "MD17", elements, (12.0, 12.0, 16.0), ((0, 1), (1, 2)), frames,
        torch.ones(n_frames, dtype=torch.bool), 0.5, 500.0, Path("ethanol.npz"), "0" * 64,
    )  # fmt: skip
