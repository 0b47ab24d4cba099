"""Potential energies of frames: as a file or a log has them, or as OpenMM computes them."""

import csv

import numpy as np
import openmm
from openmm import unit
from openmm.app.internal.unitcell import reducePeriodicBoxVectors

from ..systems import platform_properties
from ..units import to_nm

# Names in the head of a log of OpenMM's StateDataReporter.
_COLUMNS = {
    "Time (ps)": "time",
    "Step": "step",
    "Potential Energy (kJ/mole)": "potential_energy",
    "Kinetic Energy (kJ/mole)": "kinetic_energy",
    "Temperature (K)": "temperature",
}
# A small system is quickest without the set-up of the CPU platform.
_SMALL = 500


def read_state_log(path):
    """Read a log of OpenMM's StateDataReporter.

    Parameters
    ----------
    path : path-like
        Text with a head and any separator that StateDataReporter was given.

    Returns
    -------
    dict of ndarray (n_lines,)
        Those of "time" (ps), "step", "potential_energy", "kinetic_energy" (kJ/mol) and
        "temperature" (K) that the log has.

    Raises
    ------
    ValueError
        If it is no such log.
    """
    try:
        with open(path, newline="") as file:
            head = file.readline()
            separator = _separator(head)
            rows = [row for row in csv.reader(file, delimiter=separator) if row]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read ({error}).") from error
    names = [name.strip().strip('#"') for name in head.strip().split(separator)]
    if not set(names) & set(_COLUMNS):
        raise ValueError(
            f"{path} begins with {head.strip()[:60]!r}: expected a log of StateDataReporter with "
            f"any of {', '.join(_COLUMNS)}."
        )
    # A simulation that goes on with its log writes the head again; a killed one half a line.
    rows = [row for row in rows if len(row) == len(names) and not row[0].startswith("#")]
    found = {}
    for place, name in enumerate(names):
        if name in _COLUMNS:
            try:
                found[_COLUMNS[name]] = np.array([float(row[place]) for row in rows])
            except ValueError as error:
                raise ValueError(f"{path}: column {name!r} has no number ({error}).") from error
    return found


def energies_at(log, time, interval):
    """Potential energies that a log has at the times of frames; NaN where it has none.

    Parameters
    ----------
    log : dict of ndarray
        Of `read_state_log`; needs "time" and "potential_energy".
    time : ndarray (n_frames,)
        ps.
    interval : float
        Between frames, ps: the log's time may be off by a hundredth of it.

    Raises
    ------
    ValueError
        If the log lacks a column, or has no line at the time of any frame.
    """
    for name in ("time", "potential_energy"):
        if name not in log:
            raise ValueError(
                f"The log has no {name.replace('_', ' ')}: make it with StateDataReporter(..., "
                "time=True, potentialEnergy=True)."
            )
    order = np.argsort(log["time"], kind="stable")
    times, energies = log["time"][order], log["potential_energy"][order]
    if not len(times):
        raise ValueError("The log has no lines.")
    place = np.clip(np.searchsorted(times, time), 1, max(len(times) - 1, 1))
    place = np.minimum(place, len(times) - 1)
    place = np.where(
        np.abs(times[place - 1] - time) < np.abs(times[place] - time), place - 1, place
    )
    found = np.where(np.abs(times[place] - time) <= 0.01 * interval, energies[place], np.nan)
    if np.isnan(found).all():
        raise ValueError(
            f"The log tells of {times[0]:g} to {times[-1]:g} ps, the frames are of {time.min():g} "
            f"to {time.max():g} ps: no line is of the time of a frame."
        )
    return found


class PotentialEnergy:
    """Potential energy of frames, by OpenMM; can be sent to other processes.

    Parameters
    ----------
    system : openmm.System
    """

    def __init__(self, system):
        self._xml, self._context = openmm.XmlSerializer.serialize(system), None
        self._small = system.getNumParticles() <= _SMALL

    def __call__(self, positions, box_vectors=None):
        """kJ/mol, of positions ``(n_atoms, 3)`` and box vectors ``(3, 3)``, Å."""
        if self._context is None:
            self._context = self._make()
        if box_vectors is not None:
            # MDAnalysis makes them from lengths and angles, whose rounding OpenMM may not accept.
            vectors = to_nm(np.asarray(box_vectors, float)) * unit.nanometer
            self._context.setPeriodicBoxVectors(*reducePeriodicBoxVectors(vectors))
        self._context.setPositions(to_nm(np.asarray(positions, float)))
        # Without constraints the context computes virtual sites, and moves nothing.
        self._context.computeVirtualSites()
        energy = self._context.getState(energy=True).getPotentialEnergy()
        return energy.value_in_unit(unit.kilojoule_per_mole)

    def _make(self):
        system = openmm.XmlSerializer.deserialize(self._xml)
        platform = openmm.Platform.getPlatformByName("Reference" if self._small else "CPU")
        properties = platform_properties(platform, threads=1)
        return openmm.Context(system, openmm.VerletIntegrator(0.001), platform, properties)

    def __getstate__(self):
        return self.__dict__ | {"_context": None}


def _separator(head):
    return next((mark for mark in (",", "\t", ";") if mark in head), ",")
