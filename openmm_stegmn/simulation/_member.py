"""What the second member of a propagator is, whatever its jumps: it records frames.

Everything that must survive a restart is in it: the window in the per-DOF variables
``h0 .. h{T-1}`` (oldest first), the schedule and the statistics in global variables. OpenMM's
checkpoints and States carry both. Its step size is zero: the propagator sets clock and step count,
which no integrator can do by itself.
"""

import openmm

from ._bridge import PHASE_NOISE, PHASE_PARAMETER
from ._jump_bridge import PHASE_FRAME
from ._shown_window import WINDOW_DOF_VARIABLES, WINDOW_VARIABLES, add_fingerprint
from ._velocities import add_draw, add_projection, add_return, add_way_back

#: What one step of this member does (``action``).
RECORD, LOOK, SHOW, JUMP, DRAW, RETURN, PROJECT = range(7)
#: What follows the frames shown, see ``_add_look``.
PUT_BACK = SHOW

#: Those that a velocity rule takes after an accepted jump.
_VELOCITY_ACTIONS = {"maxwell": (DRAW, RETURN, PROJECT), "keep": (PROJECT,), "rotate": ()}

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


class HybridMember(openmm.CustomIntegrator):
    """Records frames and jumps; the base of what makes jumps. Not for use on its own.

    Subclasses add the computations of ``action = JUMP``, then those of recording.

    Parameters
    ----------
    history : int
        Frames in the window.
    velocities : str
        A velocity rule.
    mass : float or None
        See `resting_mass`.
    variables, dof_variables : sequence of str
        Further global and per-DOF variables.
    shows : bool
        Whether the bridge is shown the frames of the window.
    """

    def __init__(
        self, history, velocities="maxwell", mass=None, variables=(), dof_variables=(), shows=False
    ):  # fmt: skip
        super().__init__(0.0)
        if shows:
            variables = (*variables, *WINDOW_VARIABLES)
            dof_variables = (*dof_variables, *WINDOW_DOF_VARIABLES)
        self.shows = shows
        self.setIntegrationForceGroups(PHYSICS_GROUPS)
        self.setConstraintTolerance(POLISH_TOLERANCE)
        names = (*_GLOBALS, *variables)
        self._index = {name: self.addGlobalVariable(name, 0.0) for name in names}
        for name in ("x_before", "v_before", "base", "moved", *dof_variables):
            self.addPerDofVariable(name, 0.0)
        for frame in range(history):
            self.addPerDofVariable(f"h{frame}", 0.0)
        self._history = history
        #: Actions after an accepted jump, in order.
        self.velocity_actions = _VELOCITY_ACTIONS[velocities]
        self._mass = mass if DRAW in self.velocity_actions else None
        if DRAW in self.velocity_actions:
            self.beginIfBlock(f"action = {DRAW}")
            add_draw(self)
            add_way_back(self)
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

    def _add_recording(self):
        """Append the actions after and beside jumps; after them, see ``_add_start``."""
        self.beginIfBlock(f"action = {RECORD}")
        self._add_record(showing="showing")
        self.addComputeGlobal("origin", "2*rejection_pending")
        self.addComputeGlobal("rejection_pending", "0")
        self.addComputeGlobal("leg_frames", "leg_frames+1")
        self.endBlock()
        if self.shows:
            self._add_look()
        self._add_velocities()

    def _add_velocities(self):
        if RETURN in self.velocity_actions:
            self.beginIfBlock(f"action = {RETURN}")
            add_return(self)
            self.endBlock()
        if PROJECT in self.velocity_actions:
            self.beginIfBlock(f"action = {PROJECT}")
            add_projection(self, self._mass)
            self.endBlock()

    def _add_record(self, showing="1"):
        """Append the recording of a frame, which the bridge is shown if `showing` is 1."""
        if self.shows:
            add_fingerprint(self, "fingerprint_before", self._history)
        for frame in range(self._history - 1):
            self.addComputePerDof(f"h{frame}", f"h{frame + 1}")
        self.addComputePerDof(f"h{self._history - 1}", "x")
        self.addComputeGlobal("window_frames", f"min(window_frames+1,{self._history})")
        self.addComputeGlobal("frames", "frames+1")
        self.addComputeGlobal("leg_steps", "0")
        if self.shows:
            self.beginIfBlock(f"{showing} > 0.5")
            self._add_showing(self._history - 1)
            self.addComputeGlobal(PHASE_PARAMETER, "0")
            self.endBlock()
            add_fingerprint(self, "fingerprint", self._history)

    def _add_look(self):
        """Tell the fingerprint of the window, if the positions are finite too; show the bridge all
        of the window; put back what a jump has kept."""
        self.beginIfBlock(f"action = {LOOK}")
        add_fingerprint(self, "fingerprint", self._history, beside="x")
        self.endBlock()
        # One block for both: OpenMM goes through all paths of blocks at the first step, twice as
        # many with one more. Whoever has the window shown puts back all by a checkpoint.
        self.beginIfBlock(f"action = {SHOW}")
        for frame in range(self._history):
            self._add_showing(frame)
        self.addComputeGlobal(PHASE_PARAMETER, "0")
        self._add_restore()
        self.endBlock()

    def _add_showing(self, frame):
        # From the window even if it is the current one: on a GPU that has moved molecules to other
        # images, the same position may be split otherwise between its two floating-point numbers.
        self.addComputePerDof("x", f"h{frame}")
        self.addComputeGlobal(PHASE_PARAMETER, str(PHASE_FRAME))
        self.addComputePerDof("weight", "f31")

    def _add_start(self):
        # First, so that whatever fails later can be undone.
        self.addComputePerDof("x_before", "x")
        self.addComputePerDof("v_before", "v")
        self.addComputeGlobal("energy_before", "energy")
        # On GPUs constraints are applied to a displacement that is kept beside the positions, and
        # may be that of the last physical step: now it is none. So that no other of the positions
        # set here goes there, no computation may constrain positions after this one.
        self.addComputePerDof("x", "x")
        self.addConstrainPositions()
        self.addComputePerDof("base", "x")

    def _add_noise(self, arrays):
        for array in range(arrays):
            self.addComputePerDof("x", "gaussian")
            self.addComputeGlobal(PHASE_PARAMETER, str(PHASE_NOISE + array))
            self.addComputePerDof("moved", "f31")

    def _add_question(self, phase):
        """Show the bridge where the jump starts; its answer goes to ``moved`` and ``energy31``."""
        self.addComputePerDof("x", "base")
        self.addComputeGlobal(PHASE_PARAMETER, str(phase))
        self.addComputePerDof("moved", "f31")

    def _add_restore(self):
        self.addComputePerDof("x", "x_before")
        self.addComputePerDof("v", "v_before")

    def _add_count_of_accepted(self):
        self.addComputeGlobal("accepted", "accepted+1")
        self.addComputeGlobal("energy_change_sum", "energy_change_sum+energy_change")
        self.addComputeGlobal(
            "worst_constraint_error", "max(worst_constraint_error,constraint_error)"
        )

    def _add_count_of_rejected(self):
        for name, cause in (
            ("rejected_energy", BY_ENERGY), ("rejected_nonfinite", NONFINITE),
            ("rejected_constraints", BY_CONSTRAINTS),
        ):  # fmt: skip
            self.addComputeGlobal(name, f"{name}+delta(cause-{cause})")

    def _add_end_of_row(self, jumps):
        self.addComputeGlobal("burst", "burst+1")
        self.beginIfBlock(f"burst >= {jumps}")
        self._add_new_leg()
        self.endBlock()

    def _add_new_leg(self):
        self.addComputeGlobal("burst", "0")
        self.addComputeGlobal("leg_frames", "0")
