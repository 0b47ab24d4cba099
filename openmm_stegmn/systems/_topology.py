"""Topologies in any format that MDAnalysis reads, as OpenMM's."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from openmm import app, unit

from ..units import to_nm
from ._errors import SetupError

# Da; more than hydrogen mass repartitioning takes from an atom
_ANOTHER_ELEMENT = 10.0


def read_topology(path: Path) -> tuple[app.Topology, np.ndarray | None, np.ndarray]:
    """Read a file with bonds, such as PSF, PRMTOP, TPR or MOL2.

    Elements that it does not state are guessed from the names of atoms.

    Returns
    -------
    topology : openmm.app.Topology
        With the box, where there is one.
    positions : ndarray (n_atoms, 3) or None
        nm; None where the file has none.
    masses : ndarray (n_atoms,)
        Da; of the element, where the file states none, and 0 of what is no element.

    Raises
    ------
    SetupError
        If the file is missing, MDAnalysis cannot read it, or it has no names or no bonds.
    """
    import MDAnalysis as mda  # half a second, which runs do without
    from MDAnalysis.lib.mdamath import triclinic_vectors

    if not path.is_file():
        raise SetupError(f"topology {path}: no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the file does not state
            universe = mda.Universe(str(path), to_guess=())
            atoms = universe.atoms
            names, bonds = atoms.names, getattr(atoms, "bonds", None)
    except mda.NoDataError as error:
        raise SetupError(f"topology {path}: has no names of atoms") from error
    except Exception as error:  # each parser raises what it likes
        raise SetupError(
            f"topology {path}: MDAnalysis cannot read it ({' '.join(str(error).split())[:200]})"
        ) from error
    if len(atoms) > 1 and not bonds:
        raise SetupError(
            f"topology {path}: has no bonds; give a file that has (PSF, PRMTOP, TPR), or a PDB "
            f"file, where those of standard residues are known: "
            f"MDAnalysis.Universe({str(path)!r}).atoms.write('topology.pdb')"
        )
    stated = getattr(atoms, "masses", None)
    elements = _elements(atoms, stated)
    masses = stated
    if masses is None:
        masses = np.array([0.0 if each is None else each.mass._value for each in elements])
    topology = _topology_of(atoms, names, elements, () if bonds is None else bonds.indices)
    if not hasattr(universe, "trajectory"):
        return topology, None, masses
    if universe.dimensions is not None:
        box = to_nm(triclinic_vectors(universe.dimensions).astype(float))
        topology.setPeriodicBoxVectors(box * unit.nanometer)
    return topology, to_nm(atoms.positions.astype(float)), masses


def elements_of(atoms) -> np.ndarray:
    """Symbol of each atom of an ``AtomGroup``: as the topology says, else guessed from its name."""
    from MDAnalysis import NoDataError
    from MDAnalysis.guesser.default_guesser import DefaultGuesser

    try:
        elements = np.array(atoms.elements, dtype=object)
    except NoDataError:
        elements = np.array([""] * len(atoms), dtype=object)
    lost = elements == ""
    if lost.any():
        elements[lost] = DefaultGuesser(atoms.universe).guess_types(atoms.names[lost])
    return np.array([str(symbol).capitalize() for symbol in elements], dtype=object)


def _elements(atoms, masses):
    """Elements of OpenMM, None of what is none (virtual sites, names that tell nothing)."""
    found = []
    for number, symbol in enumerate(elements_of(atoms)):
        try:
            element = app.Element.getBySymbol(symbol)
        except KeyError:
            element = None
        mass = None if masses is None else masses[number]
        # An alpha carbon and a calcium ion may have the same name.
        if mass and element and abs(element.mass._value - mass) > _ANOTHER_ELEMENT:
            element = app.Element.getByMass(mass)
        found.append(element)
    return found


def _topology_of(atoms, names, elements, bonds):
    topology = app.Topology()
    chain = residue = last = None
    segments, residues = atoms.segindices, atoms.resindices
    labels = getattr(atoms, "resnames", ["UNK"] * len(atoms))
    segids, icodes = getattr(atoms, "segids", segments), getattr(atoms, "icodes", None)
    for number, name in enumerate(names):
        here = segments[number], residues[number]
        if last is None or here[0] != last[0]:
            chain = topology.addChain(str(segids[number]))
        if here != last:
            code = "" if icodes is None else str(icodes[number])
            label = str(labels[number])
            residue = topology.addResidue(label, chain, str(atoms.resids[number]), code)
        topology.addAtom(str(name), elements[number], residue)
        last = here
    every = list(topology.atoms())
    for first, second in bonds:
        topology.addBond(every[first], every[second])
    return topology
