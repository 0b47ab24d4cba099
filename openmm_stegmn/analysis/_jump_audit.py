"""What jumps do to a simulation: acceptance, energy, constraints, displacement, temperature."""

import numpy as np
import openmm
from MDAnalysis.analysis.align import rotation_matrix

from ..simulation import system_xml
from ._blocks import block_of_frames
from ._energies import PotentialEnergy, energies_at
from ._frame_analysis import FrameAnalysis, WorkerResults, add_up, join
from ._frames import HybridFrames
from ._jump_tables import acceptance_table, relaxation_table, temperature_tables
from ._kinetic_groups import KineticGroups

_MOST_FRAMES_SINCE = 20
_OF_FRAMES = ("displacement", "temperature", "potential_energy")


class JumpAudit(FrameAnalysis):
    """Look at jumps, and at what comes after them.

    Temperatures are those of atoms by equipartition, constraints taken into account: of each
    element and each residue, by the frames since the last jump. They are compared with the second
    half of the legs, and with plain molecular dynamics if that is given with velocities.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
    system : openmm.System, optional
        Of all atoms of the universe. Has masses and constraints, without which there are no
        temperatures, and gives potential energies where the file has none.
    reference : MDAnalysis.AtomGroup, optional
        The same atoms in a trajectory of plain molecular dynamics that has velocities.
    log : dict, optional
        Of `read_state_log`, with potential energies at the times of frames.
    temperature : float, optional
        K, that the simulation was run at.
    frames, reference_frames : HybridFrames, optional
        Default: those of the trajectories.
    centre_at_rest : bool, optional
        Whether the motion of the centre of mass is removed. Default: whether the system has a
        CMMotionRemover.

    Attributes
    ----------
    results.attempted, results.accepted : int
        Jumps that left a trace in frames; trials of one exact jump that ended it count as one.
    results.acceptance : dict
        "time" (ps, replicas one after the other), "share", "error" and "attempted" of consecutive
        stretches.
    results.energy_change : ndarray
        kJ/mol, of each jump tried.
    results.jump_accepted : ndarray, bool
        Of each jump tried.
    results.jump_times : ndarray
        ps, of each.
    results.constraint_error : dict
        Worst relative one in "physical" and "jumped" frames, as the simulation measured it.
    results.displacement : ndarray (n_frames,)
        Å, root mean square over atoms, superposed, from the frame before; NaN where there is none.
    results.temperature : ndarray (n_frames,)
        K, of all atoms; NaN without velocities.
    results.potential_energy : ndarray (n_frames,)
        kJ/mol; NaN if not known.
    results.times, results.origins, results.replicas : ndarray (n_frames,)
    results.running_times : ndarray (n_frames,)
        ps, with replicas one after the other.
    results.temperatures : dict
        Of "element" and "residue" (only those with velocities): list of dict with "name",
        "degrees" of freedom, "after_jump", "late", "reference" (K), "error" and "verdict".
    results.relaxation : list of dict
        Energy in frames since a jump less that of the second half of legs, "frames", "time" (ps),
        "energy" and "error" (kJ/mol).
    results.relaxed_after : int or None
        Frames after which the energy is back within two errors, for good; None if that is not
        known or does not happen within a leg.

    Raises
    ------
    ValueError
        If the system is of other atoms, or the reference has no velocities.
    """

    def __init__(
        self, atoms, system=None, *, reference=None, log=None, temperature=None, frames=None,
        reference_frames=None, centre_at_rest=None, **options,
    ):  # fmt: skip
        atoms = atoms.atoms
        super().__init__(atoms.universe.trajectory, **options)
        self._atoms, self.temperature = atoms, temperature
        self.hybrid_frames = HybridFrames.of(self._trajectory) if frames is None else frames
        self._energies, self._potential = self.hybrid_frames.potential_energy, None
        if log is not None:
            self._energies = energies_at(log, self.hybrid_frames.time, self.hybrid_frames.interval)
        elif system is not None and not np.isfinite(self._energies).any():
            self._potential = PotentialEnergy(_without_bridge(system))
        self._groups = None
        if system is not None and self._has_velocities():
            self._groups = KineticGroups(atoms, system, centre_at_rest)
        self._since = np.minimum(self.hybrid_frames.since_jump, _MOST_FRAMES_SINCE)
        self._blocks = block_of_frames(self.hybrid_frames)
        if reference is not None and self._groups is not None:
            self._reference = JumpAudit(
                reference, system, temperature=temperature, frames=reference_frames,
                centre_at_rest=centre_at_rest,
            )  # fmt: skip
            if self._reference._groups is None:
                raise ValueError(
                    "The reference has no velocities to compare temperatures with: leave it out, "
                    "or write it in a format that keeps them, such as H5MD or TRR."
                )
            self._reference._potential = None

    def _has_velocities(self):
        return bool(self._trajectory.n_frames) and self._trajectory[0].has_velocities

    def _prepare(self):
        self._last = None
        self.results.frame_numbers = np.zeros(self.n_frames, int)
        for name in _OF_FRAMES:
            self.results[name] = np.full(self.n_frames, np.nan)
        n_blocks = int(self._blocks.max(initial=-1)) + 1
        shape = (n_blocks, _MOST_FRAMES_SINCE + 2)
        self.results.counts = np.zeros(shape)
        for kind in self.group_kinds:
            self.results[f"kinetic_{kind}"] = np.zeros((*shape, len(self._groups.names[kind])))

    def _single_frame(self):
        number, results = self._ts.frame, self.results
        potential, displacement = self._potential_energy(number), self._displacement(number)
        results.frame_numbers[self._frame_index] = number
        results.displacement[self._frame_index] = displacement
        results.potential_energy[self._frame_index] = potential
        place = self._blocks[number], self._since[number] + 1
        results.counts[place] += 1
        if self._groups is None or not self._ts.has_velocities:
            return
        kinetic = self._groups.kinetic(self._atoms.velocities)
        results.temperature[self._frame_index] = self._groups.temperature(kinetic)
        for kind, sums in self._groups.sums(kinetic).items():
            results[f"kinetic_{kind}"][place] += sums

    def _potential_energy(self, number):
        if self._potential is None:
            return self._energies[number]
        box = None if self._ts.dimensions is None else self._ts.triclinic_dimensions
        return self._potential(self._atoms.universe.atoms.positions, box)

    def _displacement(self, number):
        """From the frame before, superposed."""
        own = self._atoms.positions.astype(float)
        own -= own.mean(axis=0)
        before, self._last = self._last, (number, own)
        if (
            number == 0
            or self.hybrid_frames.replica[number] != self.hybrid_frames.replica[number - 1]
        ):
            return np.nan
        if before is None or before[0] != number - 1:
            # the first frame of a process, or of a slice
            before = self._trajectory[number - 1].positions[self._atoms.indices].astype(float)
            before -= before.mean(axis=0)
            self._trajectory[number]
        else:
            before = before[1]
        return rotation_matrix(own, before)[1]

    def _get_aggregator(self):
        values = ("frame_numbers", *_OF_FRAMES)
        sums = ("counts", *(f"kinetic_{kind}" for kind in self.group_kinds))
        return WorkerResults(lookup=dict.fromkeys(values, join) | dict.fromkeys(sums, add_up))

    def _conclude(self):
        results = self.results
        seen = self.hybrid_frames[results.frame_numbers]
        results.times, results.origins = seen.time, seen.origin
        results.replicas, results.running_times = seen.replica, seen.running_time
        tried = seen.accepted >= 0
        results.energy_change = seen.energy_change[tried]
        results.jump_accepted, results.jump_times = seen.accepted[tried] == 1, seen.time[tried]
        results.attempted, results.accepted = int(tried.sum()), int(results.jump_accepted.sum())
        results.acceptance = acceptance_table(results.running_times[tried], results.jump_accepted)
        results.constraint_error = {
            name: _largest(seen.constraint_error[chosen])
            for name, chosen in (("physical", ~seen.jumped), ("jumped", seen.jumped))
        }
        since, blocks = self._since[results.frame_numbers], self._blocks[results.frame_numbers]
        results.relaxation, results.relaxed_after = relaxation_table(
            results.potential_energy, since, blocks, self.hybrid_frames.interval
        )
        results.temperatures = temperature_tables(self, self._reference)

    def group_sums(self, kind):
        """What temperatures are made of.

        Parameters
        ----------
        kind : {"element", "residue"}

        Returns
        -------
        names : ndarray (n,)
        degrees : ndarray (n,)
        kinetic : ndarray (n_blocks, n_since, n)
            Sums of kinetic energies, kJ/mol; second axis: before the first jump, the jump itself,
            1 frame since, and so on.
        counts : ndarray (n_blocks, n_since)
            Frames.
        """
        groups, results = self._groups, self.results
        return groups.names[kind], groups.degrees[kind], results[f"kinetic_{kind}"], results.counts

    @property
    def group_kinds(self):
        """Kinds of groups that have temperatures."""
        return () if self._groups is None else self._groups.kinds


def _without_bridge(system):
    return openmm.XmlSerializer.deserialize(system_xml(system))


def _largest(values):
    values = values[np.isfinite(values)]
    return float(values.max()) if len(values) else float("nan")
