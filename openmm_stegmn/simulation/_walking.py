"""Computations that jumps share which are walked in sub-steps, with the rest moving between.

Between two sub-steps what does not jump moves by velocity Verlet, at fixed atoms that jump: were
those to move as well, their torsions would drift off the path, and of the way back from where they
are the density would be next to nothing. Such steps have no thermostat.
"""

from ._bridge import PHASE_PARAMETER
from ._jump_bridge import PHASE_TURN
from ._member import PROJECT
from ._walk_bridge import PHASE_SUBSTEP, PHASE_WHO

#: Further actions.
SUBSTEP, RELAX, END = (PROJECT + n for n in (1, 2, 3))

#: Work (kJ/mol) beyond which a jump is given up: no chance, and steps from there would blow up.
HOPELESS = 1e5

#: Global variables.
WALK_VARIABLES = ("work", "hopeful", "relaxing_step")
#: Per-DOF variables.
WALK_DOF_VARIABLES = ("jumped", "free")


def add_start_of_walk(member, unusable):
    """Append what begins a walk, where an answer of the bridge is there.

    Parameters
    ----------
    member : HybridMember
        With `WALK_VARIABLES`.
    unusable : str
        Variable that says that the answer cannot be used.
    """
    member.addComputeGlobal(PHASE_PARAMETER, str(PHASE_WHO))
    member.addComputePerDof("free", "1-f31")
    member.addComputeGlobal(PHASE_PARAMETER, "0")
    member.addComputeGlobal("work", "0")
    # step(NaN) is 0, so whatever is not a number counts as a failed test.
    member.addComputeGlobal("hopeful", f"step(0.5-{unusable})")
    member.addComputeGlobal("attempted", "attempted+1")


def add_substep(member):
    """Append one sub-step: positions and velocities turn, and the potential energy's change is
    work."""
    member.addComputeGlobal("energy_before", "energy")
    member.addComputeGlobal(PHASE_PARAMETER, str(PHASE_SUBSTEP))
    member.addComputePerDof("moved", "f31")
    member.addComputePerDof("jumped", "x+moved")
    # The bridge is shown velocities where it otherwise sees positions.
    member.addComputePerDof("x", "v")
    member.addComputeGlobal(PHASE_PARAMETER, str(PHASE_TURN))
    member.addComputePerDof("v", "v+f31")
    member.addComputeGlobal(PHASE_PARAMETER, "0")
    member.addComputePerDof("x", "jumped")
    member.addComputeGlobal("energy_after", "energy")
    member.addComputeGlobal("work", "work+energy_after-energy_before")
    member.addComputeGlobal("hopeful", f"step({HOPELESS!r}-abs(work))")


def add_relaxation(member):
    """Append one step, of ``relaxing_step`` ps, of what does not jump.

    Before the computations of a jump: see ``HybridMember._add_start``.
    """
    member.beginIfBlock(f"action = {RELAX}")
    member.addComputePerDof("v", "v+free*0.5*relaxing_step*f/m")
    member.addComputePerDof("x", "x+free*relaxing_step*v")
    member.addComputePerDof("jumped", "x")
    member.addConstrainPositions()
    member.addComputePerDof("v", "v+free*(0.5*relaxing_step*f/m+(x-jumped)/relaxing_step)")
    member.addConstrainVelocities()
    member.endBlock()


def add_end_of_walk(member):
    """Append what comes after the decision: no variable may be left that is not a number."""
    for name in ("work", "energy_after", "energy_before"):
        member.addComputeGlobal(name, f"select(finite,{name},0)")
