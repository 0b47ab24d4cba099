"""Charged particles in vacuum: the N-body systems that equivariant networks are compared on."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ._archives import read_archive, write_archive

# Trajectories that are integrated at a time: their pairs stay in the cache of a core.
_BLOCK = 1_000


@dataclass(frozen=True)
class ChargedParticleSettings:
    r"""How trajectories of charged particles are made.

    The defaults are those of the generator that Fuchs et al. (2020) adapted from Kipf et al. (2018)
    and that Satorras et al. (2021) and Xu et al. (2024) took over. What its releases do, where the
    papers are silent:

    - Particles of mass 1 repel those of like charge,
      :math:`F_i = k \sum_j q_i q_j (x_i - x_j) / |x_i - x_j|^3`; the sum over all others is cut off
      at ``largest_force``, each component by itself (not each pair's).
    - There is no box: the walls of the two-dimensional generator are switched off. (It still
      reflects initial coordinates beyond 5 standard deviations; that is left out here.)
    - Positions and velocities leap over each other, velocities half a step behind the positions
      that they lead to, and are recorded like that. Frame k is that after step ``100 (k + 1)``.
    """

    particles: int = 5
    spread: float = 1.0
    """Standard deviation of initial positions."""
    speed: float = 0.5
    """Of every particle at the start, in a random direction."""
    strength: float = 1.0
    """k."""
    largest_force: float = 100.0
    time_step: float = 0.001
    steps_per_frame: int = 100
    frames: int = 41
    """The last of them is the one that is to be predicted."""
    seed: int = 43

    def __post_init__(self):
        for name in (
            "particles", "spread", "speed", "largest_force", "time_step", "steps_per_frame",
            "frames",
        ):  # fmt: skip
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True)
class ChargedParticles:
    """Trajectories of charged particles, float32 but for the charges as small integers."""

    positions: np.ndarray
    """``(n, frames, particles, 3)``"""
    velocities: np.ndarray
    """``(n, frames, particles, 3)``"""
    charges: np.ndarray
    """``(n, particles)``, −1 or 1."""

    def __len__(self):
        return len(self.positions)


_ARRAYS = ("positions", "velocities", "charges")
#: Parts of the data, each with random numbers of its own.
_STREAMS = {"training": 0, "validation": 1, "test": 2}


def simulate_charged_particles(
    part: str, count: int, settings: ChargedParticleSettings | None = None,
    progress: Callable[[int], None] | None = None,
) -> ChargedParticles:  # fmt: skip
    """Integrate trajectories, in double precision.

    The first trajectories are the same however many there are.

    Parameters
    ----------
    part : {"training", "validation", "test"}
        No random number of one part is of another.
    count : int
    settings : ChargedParticleSettings, optional
    progress : callable, optional
        Called with trajectories that are done.
    """
    if part not in _STREAMS:
        raise ValueError(f"part {part!r}: expected one of {', '.join(_STREAMS)}")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    settings = settings or ChargedParticleSettings()
    positions, velocities, charges = _initial(part, count, settings)
    blocks = []
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        blocks.append(_integrate(positions[block], velocities[block], charges[block], settings))
        if progress is not None:
            progress(min(start + _BLOCK, count))
    positions, velocities = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return ChargedParticles(positions, velocities, charges.astype(np.int8))


def charged_particles(
    folder, part: str, count: int, settings: ChargedParticleSettings | None = None,
    progress: Callable[[int], None] | None = None,
) -> ChargedParticles:  # fmt: skip
    """Trajectories from a file in a folder, which is made if it is not there or holds too few.

    Parameters
    ----------
    folder : path-like
        Its file is ``charged-particles-<part>.npz``.
    part, count, settings, progress
        See :func:`simulate_charged_particles`.

    Raises
    ------
    ValueError
        If the file cannot be read, or was made with other settings.
    """
    settings = settings or ChargedParticleSettings()
    path = Path(folder) / f"charged-particles-{part}.npz"
    found = None
    if path.exists():
        found = ChargedParticles(*read_archive(path, asdict(settings), _ARRAYS))
    if found is None or len(found) < count:
        found = simulate_charged_particles(part, count, settings, progress)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(found, name) for name in _ARRAYS}
        write_archive(path, {"metadata": json.dumps({"settings": asdict(settings)}), **arrays})
    return ChargedParticles(
        found.positions[:count], found.velocities[:count], found.charges[:count]
    )


def _initial(part, count, settings):
    """Positions, velocities and charges at the start."""
    # a stream for each quantity: more trajectories change none of the first
    streams = np.random.SeedSequence([settings.seed, _STREAMS[part]]).spawn(3)
    place, turn, draw = map(np.random.default_rng, streams)
    shape = (count, settings.particles, 3)
    positions = settings.spread * place.normal(size=shape)
    velocities = turn.normal(size=shape)
    velocities *= settings.speed / np.linalg.norm(velocities, axis=-1, keepdims=True)
    charges = 2.0 * draw.integers(2, size=shape[:2]) - 1.0
    return positions, velocities, charges


def _integrate(positions, velocities, charges, settings):
    """Frames of trajectories, positions and velocities."""
    positions, velocities = positions.copy(), velocities.copy()
    products = settings.strength * charges[:, :, None] * charges[:, None, :]
    recorded = np.empty((2, len(positions), settings.frames, *positions.shape[1:]), np.float32)
    for frame in range(settings.frames):
        for _ in range(settings.steps_per_frame):
            force = _forces(positions, products).clip(
                -settings.largest_force, settings.largest_force
            )
            velocities += settings.time_step * force
            positions += settings.time_step * velocities
        recorded[0, :, frame], recorded[1, :, frame] = positions, velocities
    return recorded


def _forces(positions, products):
    apart = positions[:, :, None] - positions[:, None, :]
    squares = np.einsum("nijx,nijx->nij", apart, apart)
    # its own distance, 0, which is not looked at: the difference is 0
    np.einsum("nii->ni", squares)[...] = 1.0
    return np.einsum("nij,nijx->nix", products / (squares * np.sqrt(squares)), apart)
