"""The second member of the propagator: makes exact Monte Carlo moves with a model's density.

A jump is a fixed number of trials, each a step of Metropolis and Hastings. In order:

1. keep ``x`` and ``v``, potential energy, polish, as `JumpIntegrator` does; that is the current
   frame, ``base``;
2. show the bridge normal noise for all trials, then ``base``: it draws as many proposals from there
   in one evaluation of the network, and weighs the ways back (see `MoveBridge`);
3. one proposal after the other: potential energy, and with ``min(1, exp(-dU/kT) q_back/q_there)``
   it becomes the current frame. The proposals that are left were drawn elsewhere and are forgotten:
   from 2 on, for the trials that are left;
4. the current frame is recorded *whether or not it has changed*: averages count a frame again where
   moves are rejected;
5. if it has changed, velocities are drawn anew in a step of their own.

The number of trials must not depend on how they end, or the ensemble would be biased towards frames
that are hard to leave.
"""

from ._bridge import PHASE_CHECK, PHASE_PARAMETER
from ._member import ACCEPTED, BY_CONSTRAINTS, BY_ENERGY, JUMP, NONFINITE, HybridMember
from ._move_bridge import PHASE_PROPOSE, PHASE_TRIAL

_VARIABLES = (
    "left", "trial", "going", "unusable", "log_ratio", "change", "passed", "energy_now", "moves",
)  # fmt: skip


class MoveIntegrator(HybridMember):
    """The recording and moving member of a `STEGMNPropagator`; not for use on its own.

    Parameters
    ----------
    schedule : Schedule
    tries, noise_arrays : int
        Trials in a jump, and arrays of noise that they take.
    constraint_tolerance : float
        Largest relative constraint error of a jump that may be kept.
    mass : float or None
        See `resting_mass`.
    """

    def __init__(self, schedule, tries, noise_arrays, constraint_tolerance, mass=None):
        super().__init__(schedule.history, mass=mass, variables=_VARIABLES)
        self.beginIfBlock(f"action = {JUMP}")
        self._add_trials(tries, noise_arrays)
        self._add_end(constraint_tolerance)
        self._add_record()
        self.addComputeGlobal("origin", "1")
        self._add_end_of_row(schedule.jumps)
        self.endBlock()
        self._add_recording()

    def _add_trials(self, tries, noise_arrays):
        self._add_start()
        for name, value in (("energy_now", "energy_before"), ("moves", "0"), ("left", str(tries))):
            self.addComputeGlobal(name, value)
        self.addComputeGlobal("unusable", "0")
        self.beginWhileBlock("left > 0.5")
        self._add_noise(noise_arrays)
        self._add_question(PHASE_PROPOSE)
        # step(NaN) is 0, so whatever is not a number counts as a failed test.
        self.addComputeGlobal("unusable", "1-step(0.5-energy31)")
        self.addComputeGlobal("trial", "0")
        self.addComputeGlobal("going", "1-unusable")
        self.beginWhileBlock("going > 0.5")
        self._add_trial(tries)
        self.endBlock()
        self.beginIfBlock("unusable > 0.5")
        self.addComputeGlobal("attempted", "attempted+left")
        self.addComputeGlobal("rejected_nonfinite", "rejected_nonfinite+left")
        self.addComputeGlobal("left", "0")
        self.endBlock()
        self.endBlock()

    def _add_trial(self, tries):
        self.addComputeGlobal(PHASE_PARAMETER, f"{PHASE_TRIAL}+trial")
        self.addComputePerDof("moved", "f31")
        self.addComputeGlobal("log_ratio", "energy31")
        self.addComputePerDof("x", "base+moved")
        self.addComputeGlobal(PHASE_PARAMETER, "0")
        self.addComputeGlobal("energy_after", "energy")
        self.addComputeGlobal("change", "energy_after-energy_now")
        self.addComputeGlobal("finite", "step(1e30-abs(change))*step(1e20-abs(log_ratio))")
        self.addComputeGlobal("passed", "step(log_ratio-change/kT-log(uniform))")
        self.addComputeGlobal("passed", "select(finite,passed,0)")
        self.addComputeGlobal("attempted", "attempted+1")
        self.addComputeGlobal("rejected_nonfinite", "rejected_nonfinite+1-finite")
        self.addComputeGlobal("rejected_energy", "rejected_energy+finite-passed")
        self.beginIfBlock("passed > 0.5")
        self.addComputePerDof("base", "x")
        self.addComputeGlobal("energy_now", "energy_after")
        self.addComputeGlobal("moves", "moves+1")
        self.endBlock()
        self.addComputeGlobal("trial", "trial+1")
        self.addComputeGlobal("left", "left-1")
        self.addComputeGlobal("going", f"step(left-0.5)*step({tries - 0.5}-trial)*(1-passed)")

    def _add_end(self, constraint_tolerance):
        self.addComputePerDof("x", "base")
        self.addComputeGlobal(PHASE_PARAMETER, str(PHASE_CHECK))
        self.addComputeGlobal("constraint_error", "energy31")
        self.addComputeGlobal(PHASE_PARAMETER, "0")
        self.addComputeGlobal("constrained", f"step({constraint_tolerance!r}-constraint_error)")
        self.addComputeGlobal("cause", f"select(unusable,{NONFINITE},{BY_ENERGY})")
        self.addComputeGlobal("cause", f"select(moves,{ACCEPTED},cause)")
        self.addComputeGlobal("cause", f"select(constrained,cause,{BY_CONSTRAINTS})")
        self.beginIfBlock(f"cause = {BY_CONSTRAINTS}")
        self.addComputeGlobal("rejected_constraints", "rejected_constraints+moves")
        self.addComputeGlobal("moves", "0")
        self.endBlock()
        self.beginIfBlock(f"cause > {ACCEPTED}")
        self.addComputeGlobal("energy_now", "energy_before")
        self._add_restore()
        self.endBlock()
        self.beginIfBlock(f"cause = {ACCEPTED}")
        self.addComputeGlobal(
            "worst_constraint_error", "max(worst_constraint_error,constraint_error)"
        )
        self.endBlock()
        self.addComputeGlobal("accepted", "accepted+moves")
        self.addComputeGlobal("energy_change", "energy_now-energy_before")
        self.addComputeGlobal("energy_change_sum", "energy_change_sum+energy_change")
