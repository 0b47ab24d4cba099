"""All analyses of a hybrid trajectory, one after the other."""

from dataclasses import dataclass, field

from ._angle_free_energies import ShownAngles, angle_free_energies, most_different
from ._constraint_audit import ConstraintAudit
from ._frames import HybridFrames
from ._jump_audit import JumpAudit
from ._markov_model import LegMarkovModel
from ._one_pass import OnePass
from ._origin_comparison import OriginComparison


@dataclass
class TrajectoryAnalysis:
    """What was found of a trajectory.

    Attributes
    ----------
    frames : HybridFrames
    comparison : OriginComparison
    jumps : JumpAudit
    constraints : ConstraintAudit or None
        None without a system.
    markov : LegMarkovModel or None
    free_energies : list of AngleFreeEnergies
    has_reference : bool
    temperature : float or None
        K.
    notes : list of str
        What could not be done, and why.
    """

    frames: HybridFrames
    comparison: OriginComparison
    jumps: JumpAudit
    constraints: ConstraintAudit | None
    markov: LegMarkovModel | None
    free_energies: list
    has_reference: bool
    temperature: float | None = None
    notes: list = field(default_factory=list)


def analyze_trajectory(
    atoms, *, reference=None, system=None, log=None, temperature=None, frames=None,
    reference_frames=None, lag=None, features="dihedrals", n_workers=1, progress=None,
) -> TrajectoryAnalysis:  # fmt: skip
    """Do all that there is to do with a trajectory.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
        Such as the solute; see `solute_of`.
    reference : MDAnalysis.AtomGroup, optional
        The same atoms in plain molecular dynamics.
    system : openmm.System, optional
        Of all atoms; has constraints and masses.
    log : dict, optional
        Of `read_state_log`.
    temperature : float, optional
        K, that the run was made at.
    frames, reference_frames : HybridFrames, optional
    lag, features
        Of `LegMarkovModel`.
    n_workers : int
        Processes.
    progress : callable, optional
        Called with what is done now.

    Returns
    -------
    TrajectoryAnalysis

    Raises
    ------
    ValueError
        If trajectory, reference, system or log do not fit each other.
    """
    tell, notes = progress or (lambda what: None), []
    run = {} if n_workers == 1 else {"backend": "multiprocessing", "n_workers": n_workers}
    tell("reading frames")
    frames = HybridFrames.of(atoms.universe.trajectory) if frames is None else frames
    if reference is not None and reference_frames is None:
        reference_frames = HybridFrames.of(reference.universe.trajectory)
    comparison = OriginComparison(
        atoms, reference, frames=frames, reference_frames=reference_frames
    )  # fmt: skip
    with_velocities = reference is not None and reference.universe.trajectory[0].has_velocities
    jumps = JumpAudit(
        atoms, system, reference=reference if with_velocities else None, log=log,
        temperature=temperature, frames=frames,
        reference_frames=reference_frames if with_velocities else None,
    )  # fmt: skip
    markov = _markov_model(atoms, frames, lag, features, notes)
    constraints = None
    if system is not None:
        constraints = ConstraintAudit(atoms, system, frames=frames)
    else:
        notes.append("No system was given: constraints and temperatures were not looked at.")
    if frames.n_irregular:
        notes.append(
            f"At {frames.n_irregular} places physical frames are not {frames.interval:g} ps apart, "
            "as where frames are lost: legs end there."
        )
    angles = ShownAngles(atoms, frames)
    plain = None if reference is None else ShownAngles(reference, reference_frames)
    if plain is not None:
        tell("going through the reference")
        OnePass([*comparison.before, *jumps.before, *plain.readers]).run(**run)
    tell("going through the trajectory")
    every = [comparison, jumps, *(each for each in (constraints, markov) if each is not None)]
    OnePass([*every, *angles.readers]).run(**run)
    chosen = most_different(angles, comparison)
    if plain is not None and (readers := plain.read(chosen)):
        tell("going through the reference once more")
        OnePass(readers).run(**run)
    if again := [*(() if markov is None else markov.after), *angles.read(chosen)]:
        tell("going through the trajectory once more")
        OnePass(again).run(**run)
    tell("estimating free energies")
    free_energies = angle_free_energies(chosen, angles, plain, markov)
    return TrajectoryAnalysis(
        frames, comparison, jumps, constraints, markov, free_energies, reference is not None,
        temperature, notes,
    )  # fmt: skip


def _markov_model(atoms, frames, lag, features, notes):
    try:
        return LegMarkovModel(atoms, lag, features=features, frames=frames)
    except ImportError as error:
        notes.append(f"Legs were not made into a Markov model: {error}")
    except ValueError as error:
        if lag is not None or features != "dihedrals":  # what was asked for
            raise
        notes.append(f"Legs were not made into a Markov model: {error}")
    return None
