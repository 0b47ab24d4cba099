"""Seeds of the noise of OpenMM's integrators."""

import openmm

# Stands for 0, and is a seed that is hardly anyone's
_ZERO = -1


def seed_noise(integrator: openmm.Integrator, seed: int) -> None:
    """Give an integrator the seed of its noise, with which the noise repeats.

    OpenMM itself takes 0 as a request to draw a seed.

    Parameters
    ----------
    integrator : openmm.Integrator
    seed : int
        Of 32 bits.
    """
    integrator.setRandomNumberSeed(_ZERO if seed == 0 else seed)
