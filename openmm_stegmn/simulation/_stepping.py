"""How the schedule runs: physical steps, frames, jumps."""

import time
import weakref

import numpy as np
import openmm
from openmm import unit

from ..units import GAS_CONSTANT
from ._arguments import number_in
from ._bridge import FRAMES_MISSING, PHASE_PARAMETER
from ._context import find_context
from ._interrupts import interrupt_deferred
from ._member import ACCEPTED, JUMP, LOOK, NONFINITE, PUT_BACK, RECORD, SHOW
from ._shown_window import ShownWindow
from ._velocities import velocity_lag
from ._walking import END, RELAX, SUBSTEP

PHYSICS_MEMBER, JUMP_MEMBER = 0, 1
BLEW_UP = "the physical steps blew up (try a shorter time step), or it was set so"


class HybridStepping(openmm.CompoundIntegrator):
    """Two members run by turns; the base of `STEGMNPropagator`, which sets it up.

    Nothing that the schedule depends on is kept in Python: every decision reads the jump member's
    global variables, because a checkpoint or a State may have replaced them since the last step.
    What is kept is which window the bridge was shown, since that stays as it is whatever is loaded.
    """

    def _set_up(self, physics, jumper, bridge, schedule, temperature, switch):
        self.addIntegrator(physics)
        self.addIntegrator(jumper)
        self._physics, self._jumper, self._bridge = physics, jumper, bridge
        self._schedule, self._switch = schedule, switch
        self._temperature = temperature
        self._context_reference = None
        self._shown = ShownWindow(schedule.history)
        self.wall_seconds_legs = 0.0
        self.wall_seconds_jumps = 0.0

    def step(self, steps):
        """Advance by `steps` steps of the schedule, portioned in any way.

        Raises
        ------
        ValueError
            If positions are not finite before the first step or before a jump, if the time step
            was changed, or if the temperature is negative.
        Exception
            What the model raised in a jump, with its own type and traceback where the back-end
            keeps them. The state is then as before that jump, and the simulation can go on.
        KeyboardInterrupt
            After the frame or jump in hand; the simulation can go on.
        """
        context = self._context()
        self.start()
        self._check_time_step()
        remaining = int(steps)
        while remaining > 0:
            with interrupt_deferred():
                if self._jump_due():
                    self._jump(context)
                    remaining -= 1
                else:
                    remaining -= self._walk(context, remaining)

    def start(self):
        """Record the first frame, if the window is empty; `step` does so by itself."""
        if self._jumper["window_frames"] > 0:
            return
        context = self._context()
        _require_finite(context, "set finite positions before stepping")
        self._record(context)
        self._jumper["leg_frames"] = 0  # no leg has led here

    def reset_window(self):
        """Start a new window and leg: after positions were set or minimised in mid-run."""
        for name in ("window_frames", "leg_steps", "leg_frames", "burst", "rejection_pending"):
            self._jumper[name] = 0

    def steps_to_next_frame(self):
        """Steps until there may be a new frame: 1 for a jump, or what is left of a physical one."""
        if self._jump_due():
            return 1
        return self._schedule.steps_per_frame - int(self._jumper["leg_steps"])

    def at_frame(self):
        """Whether the positions are those of the last frame: no physical step since."""
        return self._jumper["leg_steps"] == 0 and self._jumper["window_frames"] > 0

    def _jump_due(self):
        return (
            self._jumper["window_frames"] >= self._schedule.history
            and self._jumper["leg_frames"] >= self._schedule.md_frames
        )

    def _walk(self, context, most):
        started = time.perf_counter()
        done = int(self._jumper["leg_steps"])
        count = min(most, self._schedule.steps_per_frame - done)
        super().step(count)
        self._jumper["leg_steps"] = done + count
        self._jumper["physical_steps"] += count
        if done + count == self._schedule.steps_per_frame:
            self._record(context)
        self.wall_seconds_legs += time.perf_counter() - started
        return count

    def _record(self, context):
        count = context.getStepCount()
        if not self._jumper.shows:
            self._run_jumper(context, RECORD)
        else:
            shown = self._schedule.is_in_next_window(
                self._jumper["leg_frames"], self._jumper["window_frames"]
            )
            self._jumper["showing"] = float(shown)
            self._run_jumper(context, RECORD)
            # What could not be shown now will be at the jump, or fail there.
            failed = self._bridge.take_error() is not None
            self._shown.one_recorded(self._jumper, shown and not failed)
        context.setStepCount(count)

    def _jump(self, context):
        started = time.perf_counter()
        count, now = context.getStepCount(), context.getTime()
        start = None
        # Other jumps are checked by what is computed before them (see `_show`), and undone by what
        # the member keeps: of many atoms, a State takes as long as half a network.
        if not self._jumper.shows or self._switch.switched:
            start = _require_finite(context, BLEW_UP)
        self._jumper["kT"] = GAS_CONSTANT * self._current_temperature()
        self._jumper["velocity_lag"] = velocity_lag(self._physics)
        before, accepted = self._jumper.snapshot(), False

        def undo():
            if start is not None:
                _put_back(context, start)
            elif self._jumper["cause"] == ACCEPTED:  # or else it has not left, or is back
                self._run_jumper(context, PUT_BACK)
                context.computeVirtualSites()
            self._jumper.restore(before)
            context.setStepCount(count)
            context.setTime(now)

        self._jumper["cause"] = NONFINITE  # until the jump begins
        try:
            self._run_jump(context)
            if self._jumper.shows and self._jumper["nonfinite"] == FRAMES_MISSING:
                undo()
                self._run_jump(context)
            if self._switch.switched:
                self._walk_jump(context, start)
                context.setStepCount(count + 1)
                context.setTime(now)
            # GPUs do that after constraints only, not where positions were put back.
            context.computeVirtualSites()
            accepted = self._jumper["cause"] == ACCEPTED
            self._raise_error()
            if accepted:
                for action in self._jumper.velocity_actions:
                    self._run_jumper(context, action)
                context.computeVirtualSites()
                context.setStepCount(count + 1)
        except BaseException:
            undo()
            if accepted:
                self.reset_window()  # the oldest frame has made way for the jump's
            raise
        if self._jumper.shows:
            self._shown.all_shown(self._jumper)
        if accepted:
            context.setTime(now + self._schedule.jump_time * unit.picosecond)
        self.wall_seconds_jumps += time.perf_counter() - started

    def _run_jump(self, context):
        if self._jumper.shows:
            self._show(context)
        self._shown.forget()
        self._jumper["cause"] = ACCEPTED  # until it is rejected
        self._run_jumper(context, JUMP)

    def _show(self, context):
        """Show the bridge the window, unless it holds it; refuse positions that are not finite."""
        count = context.getStepCount()
        self._run_jumper(context, LOOK)
        context.setStepCount(count)
        if not self._shown.is_known(self._jumper):  # of the window or the positions
            _require_finite(context, BLEW_UP)
        if not self._shown.is_that_of(self._jumper):
            # Nothing may tell afterwards that frames were shown, not even the random numbers that
            # OpenMM draws for computations which take none.
            checkpoint = context.createCheckpoint()
            try:
                self._run_jumper(context, SHOW)
            finally:
                context.loadCheckpoint(checkpoint)
            self._raise_error()

    def _walk_jump(self, context, start):
        """Sub-steps of a jump, steps of everything else between them, and the decision."""
        self._raise_error()
        step = self._physics.getStepSize().value_in_unit(unit.picosecond)
        self._jumper["relaxing_step"] = step
        blown = False
        for substep in range(self._switch.substeps):
            if not self._jumper["hopeful"] > 0.5:
                break
            blown = substep > 0 and not self._relax(context)
            if blown:
                self._jumper["hopeful"] = 0
                _put_back(context, start)
                break
            self._run_jumper(context, SUBSTEP)
            self._raise_error()
        self._run_jumper(context, END)
        if blown:  # what the member kept is up to images, which GPUs count anew where they are set
            _put_back(context, start)

    def _relax(self, context):
        """Steps of everything that does not jump; whether they did not blow up.

        GPUs raise where a position is not a number, and other platforms go on with it.
        """
        try:
            self._run_jumper(context, RELAX, self._switch.steps)
        except openmm.OpenMMException as error:
            if "NaN" not in str(error):
                raise
            return False
        return True

    def _raise_error(self):
        error = self._bridge.take_error()
        if error is not None:
            raise error

    def _run_jumper(self, context, action, steps=1):
        self._jumper["action"] = action
        # Members are not told that positions change under them, and would go on with stale forces;
        # setting a parameter tells all.
        context.setParameter(PHASE_PARAMETER, 0.0)
        self.setCurrentIntegrator(JUMP_MEMBER)
        try:
            super().step(steps)
        finally:
            self.setCurrentIntegrator(PHYSICS_MEMBER)
            context.setParameter(PHASE_PARAMETER, 0.0)

    def _context(self):
        context = self._context_reference() if self._context_reference is not None else None
        if context is None:
            context = find_context(self)
            if context is None:
                raise ValueError(
                    "The propagator has no Context: make a Simulation (or Context) with it "
                    "before stepping."
                )
            self._context_reference = weakref.ref(context)
            self._bridge.move_to_platform(context)
            self._shown.forget()
        return context

    def _check_time_step(self):
        step = self._physics.getStepSize().value_in_unit(unit.picosecond)
        count, interval = self._schedule.steps_per_frame, self._schedule.frame_interval
        if abs(count * step - interval) > 1e-6 * interval:
            raise ValueError(
                f"The time step is now {1000 * step:g} fs, but {count} steps must make the model's "
                f"frame interval of {interval:g} ps: make a new propagator for another time step."
            )

    def _current_temperature(self):
        if self._temperature is not None or not hasattr(self._physics, "getTemperature"):
            return self._temperature or 0.0
        return in_kelvin(self._physics.getTemperature())


def _put_back(context, state):
    context.setPositions(state.getPositions(asNumpy=True))
    context.setVelocities(state.getVelocities(asNumpy=True))


def _require_finite(context, advice):
    """The State of a Context, with velocities; ValueError if its positions are not finite."""
    state = context.getState(positions=True, velocities=True)
    positions = state.getPositions(asNumpy=True)._value
    if np.isfinite(positions.sum()):  # of many atoms a fraction of what a look at each takes
        return state
    broken = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if len(broken):
        raise ValueError(
            f"The position of atom {broken[0]} is not finite ({len(broken)} of {len(positions)} "
            f"atoms): {advice}."
        )
    return state


def in_kelvin(temperature):
    """A temperature as a plain number: OpenMM returns either.

    Raises
    ------
    ValueError
        If it is negative or not finite, or none.
    """
    temperature = number_in(temperature, unit.kelvin, "temperature")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"The temperature must be 0 K or more, found {temperature}.")
    return temperature
