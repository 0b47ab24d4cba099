"""The second member of the propagator: records frames and makes jumps.

Everything that must survive a restart is here: the window in the per-DOF variables ``h0 .. h{T-1}``
(oldest first), the schedule and the statistics in global variables. OpenMM's checkpoints and States
carry both.

A jump, in order:

1. keep ``x`` and ``v``; potential energy at ``x`` as physics left it;
2. polish: constrain ``x`` about itself to this member's own tight tolerance, which gives ``base``.
   The solver linearises about the positions at the start of the step, so it may only be used here,
   before the large move;
3. show the bridge the window, then ``base``; it answers with the displacement (see `JumpBridge`);
4. ``x = base + moved``; constraint error and potential energy there;
5. keep it, with the frame in the window, or put ``x`` and ``v`` back, bit for bit;
6. after a jump that was kept, velocities by the rule: turned at once, or projected on the
   constraints in a step of their own.

Step size is zero throughout: the propagator sets clock and step count, which no integrator can do
by itself.
"""

import openmm

from ._bridge import PHASE_CHECK, PHASE_JUMP, PHASE_PARAMETER
from ._velocities import PROJECTED_RULES, add_projection, add_turning

#: What one step of this member does (``action``).
RECORD, JUMP, PROJECT = range(3)

#: Force groups of physics: all but the bridge's.
BRIDGE_GROUP = 31
PHYSICS_GROUPS = (1 << BRIDGE_GROUP) - 1

#: Relative tolerance of the polish before a jump and of the velocities' constraints after it.
POLISH_TOLERANCE = 1e-7

#: Why a jump was rejected (``cause``); 0 is accepted.
ACCEPTED, BY_ENERGY, NONFINITE, BY_CONSTRAINTS = range(4)

_GLOBALS = (
    "action", "kT", "velocity_lag",
    # schedule
    "window_frames", "leg_steps", "leg_frames", "burst", "rejection_pending",
    # the jump in hand, and the last frame
    "energy_before", "energy_after", "energy_change", "nonfinite", "constraint_error", "finite",
    "constrained", "cause", "origin", "drift_x", "drift_y", "drift_z",
    # statistics
    "frames", "physical_steps", "attempted", "accepted", "rejected_energy", "rejected_nonfinite",
    "rejected_constraints", "worst_constraint_error", "energy_change_sum",
)  # fmt: skip


class JumpIntegrator(openmm.CustomIntegrator):
    """The recording and jumping member of a `STEGMNPropagator`; not for use on its own.

    Parameters
    ----------
    schedule : Schedule
    guard : Guard
    velocities : str
        A velocity rule.
    constraint_tolerance : float
        Largest relative constraint error of a jump that may be kept.
    mass : float or None
        See `resting_mass`.
    """

    def __init__(self, schedule, guard, velocities, constraint_tolerance, mass=None):
        super().__init__(0.0)
        self.setIntegrationForceGroups(PHYSICS_GROUPS)
        self.setConstraintTolerance(POLISH_TOLERANCE)
        self._index = {name: self.addGlobalVariable(name, 0.0) for name in _GLOBALS}
        for name in ("x_before", "v_before", "base", "moved", "jumped"):
            self.addPerDofVariable(name, 0.0)
        for frame in range(schedule.history):
            self.addPerDofVariable(f"h{frame}", 0.0)
        self._history = schedule.history

        self.beginIfBlock(f"action = {RECORD}")
        self._add_record()
        self.addComputeGlobal("origin", "2*rejection_pending")
        self.addComputeGlobal("rejection_pending", "0")
        self.addComputeGlobal("leg_frames", "leg_frames+1")
        self.endBlock()
        self.beginIfBlock(f"action = {JUMP}")
        self._add_jump(guard, constraint_tolerance)
        self.beginIfBlock(f"cause = {ACCEPTED}")
        self._add_acceptance(schedule, velocities)
        self.endBlock()
        self.beginIfBlock(f"cause > {ACCEPTED}")
        self._add_rejection()
        self.endBlock()
        self.endBlock()
        self.projects = velocities in PROJECTED_RULES
        if self.projects:
            self.beginIfBlock(f"action = {PROJECT}")
            add_projection(self, velocities, mass)
            self.endBlock()

    def __getitem__(self, name):
        """Value of a global variable."""
        return self.getGlobalVariable(self._index[name])

    def __setitem__(self, name, value):
        self.setGlobalVariable(self._index[name], value)

    def snapshot(self):
        """Values of all global variables."""
        return [self.getGlobalVariable(index) for index in self._index.values()]

    def restore(self, snapshot):
        """Put back what `snapshot` returned."""
        for index, value in zip(self._index.values(), snapshot, strict=True):
            self.setGlobalVariable(index, value)

    def _add_record(self):
        for frame in range(self._history - 1):
            self.addComputePerDof(f"h{frame}", f"h{frame + 1}")
        self.addComputePerDof(f"h{self._history - 1}", "x")
        self.addComputeGlobal("window_frames", f"min(window_frames+1,{self._history})")
        self.addComputeGlobal("frames", "frames+1")
        self.addComputeGlobal("leg_steps", "0")

    def _add_jump(self, guard, constraint_tolerance):
        self.addComputePerDof("x_before", "x")
        self.addComputePerDof("v_before", "v")
        self.addComputeGlobal("energy_before", "energy")
        self.addConstrainPositions()
        self.addComputePerDof("base", "x")
        for frame in range(self._history):
            self.addComputePerDof("x", f"h{frame}")
            self.addComputeGlobal(PHASE_PARAMETER, str(frame + 1))
            self.addComputePerDof("moved", "f31")
        self.addComputePerDof("x", "base")
        self.addComputeGlobal(PHASE_PARAMETER, str(PHASE_JUMP))
        self.addComputePerDof("moved", "f31")
        self.addComputeGlobal("nonfinite", "energy31")
        self.addComputePerDof("x", "base+moved")
        self.addComputeGlobal(PHASE_PARAMETER, str(PHASE_CHECK))
        self.addComputeGlobal("constraint_error", "energy31")
        self.addComputeGlobal(PHASE_PARAMETER, "0")
        self.addComputeGlobal("energy_after", "energy")
        self.addComputeGlobal("energy_change", "energy_after-energy_before")
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
        self.addComputeGlobal("attempted", "attempted+1")

    def _add_acceptance(self, schedule, velocities):
        if velocities not in PROJECTED_RULES:
            add_turning(self)
        self._add_record()
        if schedule.horizon > 1:
            # The window's frames are one interval apart, so a longer jump starts a new window.
            self.addComputeGlobal("window_frames", "1")
        self.addComputeGlobal("origin", "1")
        self.addComputeGlobal("accepted", "accepted+1")
        self.addComputeGlobal("energy_change_sum", "energy_change_sum+energy_change")
        self.addComputeGlobal(
            "worst_constraint_error", "max(worst_constraint_error,constraint_error)"
        )
        self.addComputeGlobal("burst", "burst+1")
        self.beginIfBlock(f"burst >= {schedule.jumps}")
        self._add_new_leg()
        self.endBlock()

    def _add_rejection(self):
        self.addComputePerDof("x", "x_before")
        self.addComputePerDof("v", "v_before")
        self.addComputeGlobal("rejected_energy", f"rejected_energy+delta(cause-{BY_ENERGY})")
        self.addComputeGlobal("rejected_nonfinite", f"rejected_nonfinite+delta(cause-{NONFINITE})")
        self.addComputeGlobal(
            "rejected_constraints", f"rejected_constraints+delta(cause-{BY_CONSTRAINTS})"
        )
        self.addComputeGlobal("rejection_pending", "1")
        self._add_new_leg()

    def _add_new_leg(self):
        self.addComputeGlobal("burst", "0")
        self.addComputeGlobal("leg_frames", "0")
