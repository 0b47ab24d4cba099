"""All analyses of a hybrid trajectory, one after the other."""

from dataclasses import dataclass, field

import numpy as np
from MDAnalysis.analysis.dihedrals import Dihedral

from ._basins import basin_table
from ._blocks import block_of_frames
from ._constraint_audit import ConstraintAudit
from ._frames import HybridFrames
from ._free_energy import FreeEnergy, angle_edges, free_energy_error, free_energy_of
from ._jump_audit import JumpAudit
from ._markov_model import LegMarkovModel
from ._origin_comparison import OriginComparison
from ._topology import backbone_of, bonds_of, dihedrals_of, elements_of, labels_of

# Residues, or dihedrals, that free energies are shown of.
_MOST_SHOWN = 3


@dataclass
class AngleFreeEnergies:
    """Free energies over one or two dihedrals.

    Attributes
    ----------
    name : str
        Of the residue or dihedral.
    axes : list of str
        Such as φ and ψ.
    raw : FreeEnergy
        Of all frames as they are.
    corrected : FreeEnergy or None
        Of the legs, weighted; of an exact run all frames, which need no weights.
    reference : FreeEnergy or None
        Of plain molecular dynamics.
    profiles : list of dict
        Of each axis, the same three by name.
    basins : list of dict
        Of φ and ψ: "name" of a basin, its share with low and high (95 %) as "raw", "corrected" and
        "reference", and "leaving", the mean first passage time out of it (ps) with low and high.
    """

    name: str
    axes: list
    raw: FreeEnergy
    corrected: FreeEnergy | None
    reference: FreeEnergy | None
    profiles: list
    basins: list = field(default_factory=list)

    def error(self, which):
        """Root mean square difference from the reference, kT; NaN without one.

        Parameters
        ----------
        which : {"raw", "corrected"}
        """
        found = getattr(self, which)
        if self.reference is None or found is None or not found.population.any():
            return float("nan")
        return free_energy_error(found.population, self.reference.population)[0]

    def noise(self, which):
        """What the error is by noise alone, kT: root mean square of both standard errors."""
        found = getattr(self, which)
        if self.reference is None or found is None:
            return float("nan")
        chosen = self.reference.population >= 1e-3
        chosen &= np.isfinite(found.high) & np.isfinite(self.reference.high)
        if not chosen.any():
            return float("nan")
        variance = sum(((each.high - each.low)[chosen] / 3.92) ** 2
                       for each in (found, self.reference))  # fmt: skip
        return float(np.sqrt(variance.mean()))


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
    tell("comparing frames by origin")
    comparison = OriginComparison(
        atoms, reference, frames=frames, reference_frames=reference_frames
    ).run(**run)  # fmt: skip
    tell("looking at jumps")
    with_velocities = reference is not None and reference.universe.trajectory[0].has_velocities
    jumps = JumpAudit(
        atoms, system, reference=reference if with_velocities else None, log=log,
        temperature=temperature, frames=frames,
        reference_frames=reference_frames if with_velocities else None,
    ).run(**run)  # fmt: skip
    constraints = None
    if system is not None:
        tell("measuring constraints")
        constraints = ConstraintAudit(atoms, system, frames=frames).run(**run)
    else:
        notes.append("No system was given: constraints and temperatures were not looked at.")
    tell("making a Markov model of the legs")
    markov = _markov_model(atoms, frames, lag, features, run, notes)
    tell("measuring free energies")
    free_energies = _free_energies(
        atoms, reference, frames, reference_frames, comparison, markov, run
    )
    return TrajectoryAnalysis(
        frames, comparison, jumps, constraints, markov, free_energies, reference is not None,
        temperature, notes,
    )  # fmt: skip


def _markov_model(atoms, frames, lag, features, run, notes):
    try:
        return LegMarkovModel(atoms, lag, features=features, frames=frames).run(**run)
    except ImportError as error:
        notes.append(f"Legs were not made into a Markov model: {error}")
    except ValueError as error:
        if lag is not None:  # what was asked for
            raise
        notes.append(f"Legs were not made into a Markov model: {error}")
    return None


def _free_energies(atoms, reference, frames, reference_frames, comparison, markov, run):
    names, quadruples, axes = _shown(atoms, comparison)
    if not names:
        return []
    own = _angles(atoms, quadruples, run)
    other = None if reference is None else _angles(reference, quadruples, run)
    blocks, found = block_of_frames(frames), []
    physical = None if reference is None else ~reference_frames.jumped
    for place, name in enumerate(names):

        def sides(columns, edges, place=place):
            values = own[:, place, columns]
            made = {"raw": free_energy_of(values, edges, blocks)}
            if frames.exact:
                made["corrected"] = made["raw"]
            else:
                made["corrected"] = markov and markov.free_energy(values, edges)
            made["reference"] = None
            if other is not None:
                made["reference"] = free_energy_of(
                    other[physical][:, place, columns], edges,
                    block_of_frames(reference_frames)[physical],
                )  # fmt: skip
            return made

        columns = list(range(len(axes)))
        profiles = [sides([column], [angle_edges(36)]) for column in columns]
        both = sides(columns, [angle_edges()] * len(axes))
        basins = []
        if len(axes) == 2:
            plain = (
                None if other is None else (other[physical][:, place], reference_frames[physical])
            )
            basins = basin_table(own[:, place], frames, markov, plain)
        found.append(AngleFreeEnergies(name, axes, **both, profiles=profiles, basins=basins))
    return found


def _shown(atoms, comparison):
    """Names, quadruples (n, n_axes, 4) and axes of the dihedrals that differ most."""
    names, quadruples = backbone_of(atoms)
    axes, observable = ["φ", "ψ"], "Ramachandran"
    if not names:
        found = dihedrals_of(bonds_of(atoms), elements_of(atoms))
        names, quadruples = labels_of(atoms, found), found[:, None]
        axes, observable = ["dihedral"], "dihedrals"
    worst = [c.worst for c in comparison.results.comparisons if c.observable == observable]
    order = sorted(range(len(names)), key=lambda n: (names[n] not in worst, n))[:_MOST_SHOWN]
    return [names[n] for n in sorted(order)], quadruples[sorted(order)], axes


def _angles(atoms, quadruples, run):
    """rad, ``(n_frames, n, n_axes)``."""
    groups = [atoms[four] for four in quadruples.reshape(-1, 4)]
    angles = Dihedral(groups).run(**run).results.angles
    return np.deg2rad(angles).reshape(len(angles), *quadruples.shape[:2])
