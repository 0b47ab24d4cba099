"""The test that a jump must pass to be kept.

Whatever the guard, a jump that is not finite or breaks a constraint is rejected; `none` asks for
nothing more. A rejected jump leaves positions and velocities exactly as they were.

What a guard alone can *not* do is make a jump exact. Metropolis acceptance leaves the Boltzmann
distribution alone only together with the proposal's density, conditioned on the current frame
alone; the jumps of a model without a density are deterministic maps, and no acceptance test of the
energy makes them unbiased. `kind_of_jump` says which is which.
"""

from dataclasses import dataclass

GUARDS = ("none", "energy", "metropolis")

#: Rise of the potential energy (kJ/mol) above which the energy guard rejects a jump. About 16 kT at
#: 300 K: far above what turning torsions costs when the jump is sound (a few kJ/mol), far below the
#: cost of two atoms that overlap.
DEFAULT_ENERGY_THRESHOLD = 40.0

EXACT = "exact"
DETERMINISTIC = "deterministic"
APPROXIMATE = "approximate dynamics"
#: Kinds of jump; files have their place here.
JUMP_KINDS = (EXACT, APPROXIMATE, DETERMINISTIC)


@dataclass(frozen=True)
class Guard:
    """A guard by name.

    Attributes
    ----------
    name : str
        One of `GUARDS`.
    energy_threshold : float
        kJ/mol; used by "energy" alone.
    """

    name: str = "energy"
    energy_threshold: float = DEFAULT_ENERGY_THRESHOLD

    def __post_init__(self):
        if self.name not in GUARDS:
            raise ValueError(
                f"Unknown guard {self.name!r}: expected one of {', '.join(map(repr, GUARDS))}."
            )
        if self.name == "energy" and not self.energy_threshold > 0:
            raise ValueError(
                "energy_threshold must be a positive energy in kJ/mol, found "
                f"{self.energy_threshold}."
            )

    @property
    def needs_temperature(self):
        """Whether the test contains kT."""
        return self.name == "metropolis"

    @property
    def expression(self):
        """What the jump integrator evaluates: 1 to keep the jump, 0 to reject it, and 0 for NaN."""
        return {
            "none": "1",
            "energy": f"step({self.energy_threshold!r}-energy_change)",
            "metropolis": "step(exp(min(0,-energy_change/kT))-uniform)",
        }[self.name]

    def __str__(self):
        if self.name == "energy":
            return f"energy (rise <= {self.energy_threshold:g} kJ/mol)"
        if self.name == "metropolis":
            return "metropolis (energy factor alone: approximate)"
        return self.name


def makes_moves(model, guard):
    """Whether jumps are Monte Carlo moves, accepted with both densities, and not jumps in time.

    Parameters
    ----------
    model : TrajectoryModel
    guard : str
        One of `GUARDS`.
    """
    return model.has_density and not model.uses_window and guard == "metropolis"


def kind_of_jump(model, guard, has_thermostat=False):
    """What the jumps of a model are.

    ========================  ======================================================================
    ``deterministic``         of a model without a density: no acceptance test makes them exact
    ``approximate dynamics``  drawn from a density, so that they follow time: from a density of the
                              whole window, or not accepted with it; or Monte Carlo moves between
                              legs that do not sample the Boltzmann distribution themselves
    ``exact``                 drawn from a density of the current frame alone, with a block of bonds
                              that is chosen without looking at it, and accepted by Metropolis and
                              Hastings with both densities (`MoveIntegrator`); velocities are drawn
                              anew. The Boltzmann distribution at the temperature of the legs is
                              left unchanged, whatever the network has learned. Legs with
                              constrained *angles* (HAngles) sample it with the weight of their
                              constraints, which may depend on torsions: by about 1 % for a hydroxyl
                              group, not at all for HBonds and AllBonds
    ========================  ======================================================================

    Parameters
    ----------
    model : TrajectoryModel
    guard : str
        One of `GUARDS`.
    has_thermostat : bool
        Whether the physical integrator has one, at the temperature of the acceptance test.
    """
    if not model.has_density:
        return DETERMINISTIC
    return EXACT if has_thermostat and makes_moves(model, guard) else APPROXIMATE
