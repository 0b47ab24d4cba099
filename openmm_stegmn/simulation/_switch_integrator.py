"""The second member of the propagator: makes Monte Carlo moves in sub-steps, with solvent between.

Turned at once, the solute overlaps with solvent that has not moved. Walked in k sub-steps, with
steps of the solvent between, that gives way: nonequilibrium candidate Monte Carlo (Nilmeier et al.
2011). One trial a jump:

1. keep ``x`` and ``v``, polish; the bridge draws turns Δq (see `SwitchBridge`); velocities are
   drawn anew (``action = JUMP``);
2. k times: the bonds turn by Δq / k, and velocities with their fragments (``action = SUBSTEP``).
   Between two of these everything else moves, at fixed solute (``action = RELAX``);
3. the frame is kept with ``min(1, exp(-ΔE/kT) q(-Δq | end) / q(Δq | start))``, else ``x`` and ``v``
   are what they were, bit for bit (on GPUs up to the image of a molecule in a box). It is recorded
   either way (``action = END``).

ΔE is the change of the total energy: the work of the turns, and the error of the steps between. The
protocol is the same backwards, and neither turns nor velocity Verlet change volume, so that the
Boltzmann distribution is left as it is, whatever the time step.
"""

from ._bridge import PHASE_CHECK, PHASE_PARAMETER
from ._member import ACCEPTED, BY_CONSTRAINTS, BY_ENERGY, JUMP, NONFINITE, HybridMember
from ._move_bridge import PHASE_PROPOSE
from ._switch_bridge import PHASE_BACK
from ._velocities import add_draw
from ._walking import (
    END,
    SUBSTEP,
    WALK_DOF_VARIABLES,
    WALK_VARIABLES,
    add_end_of_walk,
    add_relaxation,
    add_start_of_walk,
    add_substep,
)

_VARIABLES = (
    *WALK_VARIABLES, "unusable", "log_ratio", "passed", "kinetic", "energy_at_start", "change",
)  # fmt: skip


class SwitchIntegrator(HybridMember):
    """The recording and moving member of a `STEGMNPropagator` with switched moves; not for use on
    its own.

    Parameters
    ----------
    schedule : Schedule
    noise_arrays : int
        That a draw takes.
    constraint_tolerance : float
        Largest relative constraint error of a move that may be kept.
    mass : float or None
        See `resting_mass`.
    """

    def __init__(self, schedule, noise_arrays, constraint_tolerance, mass=None):
        super().__init__(
            schedule.history, mass=mass, variables=_VARIABLES, dof_variables=WALK_DOF_VARIABLES
        )
        add_relaxation(self)
        self.beginIfBlock(f"action = {JUMP}")
        self._add_proposal(noise_arrays)
        self.endBlock()
        self.beginIfBlock(f"action = {SUBSTEP}")
        add_substep(self)
        self.endBlock()
        self.beginIfBlock(f"action = {END}")
        self._add_decision(constraint_tolerance)
        self._add_record()
        self.addComputeGlobal("origin", "1")
        self._add_end_of_row(schedule.jumps)
        self.endBlock()
        self._add_recording()

    def _add_proposal(self, noise_arrays):
        self._add_start()
        self._add_noise(noise_arrays)
        self._add_question(PHASE_PROPOSE)
        self.addComputeGlobal("unusable", "energy31")
        add_start_of_walk(self, "unusable")
        self.addComputeGlobal("unusable", "1-hopeful")
        add_draw(self)
        self._add_energy("energy_at_start")

    def _add_energy(self, name):
        """Potential energy, and kinetic energy of what moves between the sub-steps."""
        self.addComputeSum("kinetic", "0.5*free*m*v*v")
        self.addComputeGlobal(name, "energy+kinetic")

    def _add_decision(self, constraint_tolerance):
        self.addComputeGlobal(PHASE_PARAMETER, str(PHASE_BACK))
        self.addComputeGlobal("log_ratio", "energy31")
        self.addComputeGlobal(PHASE_PARAMETER, str(PHASE_CHECK))
        self.addComputeGlobal("constraint_error", "energy31")
        self.addComputeGlobal(PHASE_PARAMETER, "0")
        self._add_energy("change")
        self.addComputeGlobal("change", "change-energy_at_start")
        self.addComputeGlobal("finite", "step(1e30-abs(change))*step(1e20-abs(log_ratio))")
        self.addComputeGlobal("finite", "select(unusable,0,finite)")
        self.addComputeGlobal("passed", "step(log_ratio-change/kT-log(uniform))")
        self.addComputeGlobal("passed", "select(hopeful,passed,0)")
        self.addComputeGlobal("constrained", f"step({constraint_tolerance!r}-constraint_error)")
        self.addComputeGlobal("cause", f"select(passed,{ACCEPTED},{BY_ENERGY})")
        self.addComputeGlobal(
            "cause", f"select(constrained,cause,{BY_CONSTRAINTS}*passed+{BY_ENERGY}*(1-passed))"
        )
        self.addComputeGlobal("cause", f"select(finite,cause,{NONFINITE})")
        # States are XML, where a NaN might not come back; the cause tells what it was.
        self.addComputeGlobal("energy_change", "select(finite,change,0)")
        for name in ("log_ratio", "change"):
            self.addComputeGlobal(name, f"select(finite,{name},0)")
        add_end_of_walk(self)
        self.beginIfBlock(f"cause = {ACCEPTED}")
        self._add_count_of_accepted()
        self.endBlock()
        self.beginIfBlock(f"cause > {ACCEPTED}")
        self._add_restore()
        self._add_count_of_rejected()
        self.endBlock()
