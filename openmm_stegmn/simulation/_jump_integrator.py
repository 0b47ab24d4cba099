"""The second member of the propagator: makes jumps, deterministic or drawn from a density.

A jump, in order:

1. keep ``x`` and ``v``; potential energy at ``x`` as physics left it;
2. polish: constrain ``x`` about itself to this member's own tight tolerance, which gives ``base``.
   The solver linearises about the positions at the start of the step, so it may only be used here,
   before the large move;
3. show the bridge, which holds the window, normal noise if the jump is drawn, then ``base``; it
   answers with the displacement (see `JumpBridge`);
4. ``x = base + moved``; constraint error and potential energy there;
5. keep it, with the frame in the window, or put ``x`` and ``v`` back, bit for bit;
6. after a jump that was kept, velocities by the rule: turned at once, or in steps of their own.
"""

from ._bridge import PHASE_CHECK, PHASE_PARAMETER
from ._jump_bridge import PHASE_JUMP
from ._member import ACCEPTED, BY_CONSTRAINTS, BY_ENERGY, JUMP, NONFINITE, HybridMember
from ._velocities import add_turning
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


class JumpIntegrator(HybridMember):
    """The recording and jumping member of a `STEGMNPropagator`; not for use on its own.

    Parameters
    ----------
    schedule : Schedule
    noise_arrays : int
        Arrays of noise that a jump takes; 0 for a deterministic one.
    guard : Guard
    velocities : str
        A velocity rule.
    constraint_tolerance : float
        Largest relative constraint error of a jump that may be kept.
    mass : float or None
        See `resting_mass`.
    walked : bool
        Whether the turns of a jump are walked in sub-steps, each an action of its own with steps of
        everything else between; the guard tests their work.
    """

    def __init__(
        self, schedule, noise_arrays, guard, velocities, constraint_tolerance, mass=None,
        walked=False,
    ):  # fmt: skip
        super().__init__(
            schedule.history,
            velocities,
            mass,
            variables=WALK_VARIABLES if walked else (),
            dof_variables=WALK_DOF_VARIABLES if walked else ("jumped",),
            shows=True,
        )
        if walked:
            add_relaxation(self)
        self.beginIfBlock(f"action = {JUMP}")
        self._add_prediction(noise_arrays)
        if walked:
            self._add_walk()
        else:
            self._add_move()
        self._add_decision(guard, constraint_tolerance)
        if walked:
            add_end_of_walk(self)
        self.beginIfBlock(f"cause = {ACCEPTED}")
        if velocities == "rotate" and not walked:
            add_turning(self)
        self._add_acceptance(schedule)
        self.endBlock()
        self.beginIfBlock(f"cause > {ACCEPTED}")
        self._add_rejection()
        self.endBlock()
        self.endBlock()
        self._add_recording()

    def _add_prediction(self, noise_arrays):
        self._add_start()
        self._add_noise(noise_arrays)
        self._add_question(PHASE_JUMP)
        self.addComputeGlobal("nonfinite", "energy31")

    def _add_move(self):
        self.addComputePerDof("x", "base+moved")
        self.addComputeGlobal(PHASE_PARAMETER, "0")
        self.addComputeGlobal("energy_after", "energy")
        self.addComputeGlobal("energy_change", "energy_after-energy_before")
        self.addComputeGlobal("attempted", "attempted+1")

    def _add_walk(self):
        add_start_of_walk(self, "nonfinite")
        self.endBlock()
        self.beginIfBlock(f"action = {SUBSTEP}")
        add_substep(self)
        self.endBlock()
        self.beginIfBlock(f"action = {END}")
        self.addComputeGlobal("energy_change", "work")
        self.addComputeGlobal("nonfinite", "select(hopeful,nonfinite,1)")

    def _add_decision(self, guard, constraint_tolerance):
        self.addComputeGlobal(PHASE_PARAMETER, str(PHASE_CHECK))
        self.addComputeGlobal("constraint_error", "energy31")
        self.addComputeGlobal(PHASE_PARAMETER, "0")
        # step(NaN) is 0, so whatever is not a number counts as a failed test.
        self.addComputeGlobal("finite", "step(0.5-nonfinite)*step(1e30-abs(energy_change))")
        self.addComputeGlobal("constrained", f"step({constraint_tolerance!r}-constraint_error)")
        self.addComputeGlobal("cause", guard.expression)
        self.addComputeGlobal("cause", f"select(cause,{ACCEPTED},{BY_ENERGY})")
        self.addComputeGlobal("cause", f"select(constrained,cause,{BY_CONSTRAINTS})")
        self.addComputeGlobal("cause", f"select(finite,cause,{NONFINITE})")
        # States are XML, where a NaN might not come back; the cause tells what it was.
        self.addComputeGlobal("energy_change", "select(finite,energy_change,0)")
        self.addComputeGlobal("energy_after", "select(finite,energy_after,0)")

    def _add_acceptance(self, schedule):
        self._add_record()
        if schedule.jump_frames > 1:
            # The window's frames are one interval apart, so a longer jump starts a new window.
            self.addComputeGlobal("window_frames", "1")
        self.addComputeGlobal("origin", "1")
        self._add_count_of_accepted()
        self._add_end_of_row(schedule.jumps)

    def _add_rejection(self):
        self._add_restore()
        self._add_count_of_rejected()
        self.addComputeGlobal("rejection_pending", "1")
        self._add_new_leg()
