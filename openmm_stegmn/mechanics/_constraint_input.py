"""What a kinematic forest is built from, checked: the errors that a user can make."""

import numpy as np

from ._virtual_sites import AverageSite, LocalFrameSite


def checked_masses(n_atoms, masses):
    """Masses as an array of ``(n_atoms,)``."""
    masses = np.asarray(masses, dtype=float)
    if n_atoms < 1 or masses.shape != (n_atoms,):
        raise ValueError(
            f"masses of shape {masses.shape} for {n_atoms} atoms: give one mass (Da) for each of "
            "one or more atoms, 0 for those that do not move or that are virtual sites"
        )
    wrong = ~(np.isfinite(masses) & (masses >= 0))
    if wrong.any():
        atom = int(np.argmax(wrong))
        raise ValueError(f"atom {atom} has mass {masses[atom]}: masses are 0 or more, in Da")
    return masses


def checked_pairs(n_atoms, pairs, lengths, masses):
    """Constraints as sorted pairs, each once, and their lengths (or None)."""
    pairs = [tuple(int(atom) for atom in pair) for pair in pairs]
    for pair in pairs:
        if len(pair) != 2 or not all(0 <= atom < n_atoms for atom in pair):
            raise ValueError(
                f"constraint {pair} must name two atoms of 0..{n_atoms - 1}: number the atoms "
                "from 0, in the order of the positions"
            )
        if pair[0] == pair[1]:
            raise ValueError(
                f"constraint {pair} joins an atom to itself, so it would be its own parent: "
                "leave it out"
            )
        for atom in pair:
            if masses[atom] == 0:
                raise ValueError(
                    f"constraint {pair} names atom {atom}, which has no mass: OpenMM constrains "
                    "atoms with mass only; give its mass, name the site in `virtual`, or hold it "
                    "with `rigid`"
                )
    if lengths is None:
        return sorted({(min(pair), max(pair)) for pair in pairs}), None
    lengths = [float(length) for length in lengths]
    if len(lengths) != len(pairs):
        raise ValueError(
            f"{len(lengths)} lengths for {len(pairs)} constraints: give one (Å) for each, or None"
        )
    known = {}
    for pair, length in zip(pairs, lengths, strict=True):
        if not 0 < length < np.inf:
            raise ValueError(f"constraint {pair} has length {length}: lengths are positive, in Å")
        first = known.setdefault((min(pair), max(pair)), length)
        if abs(first - length) > 1e-6 * length:
            raise ValueError(
                f"constraint {pair} is given twice, with lengths {first} and {length} Å: "
                "keep one of them"
            )
    pairs = sorted(known)
    return pairs, np.array([known[pair] for pair in pairs])


def checked_rigid(n_atoms, rigid):
    """Groups of atoms that move as one body, as sorted lists."""
    groups = [sorted({int(atom) for atom in atoms}) for atoms in rigid]
    for atoms in groups:
        if len(atoms) < 2 or not (0 <= atoms[0] and atoms[-1] < n_atoms):
            raise ValueError(
                f"rigid group {atoms} must name two or more different atoms of 0..{n_atoms - 1}"
            )
    return groups


def checked_sites(n_atoms, virtual, pairs, masses):
    """Virtual sites by atom."""
    sites = {int(atom): site for atom, site in (virtual or {}).items()}
    for atom, site in sites.items():
        if not isinstance(site, (AverageSite, LocalFrameSite)):
            raise ValueError(
                f"virtual site {atom} is a {type(site).__name__}: give an AverageSite or a "
                "LocalFrameSite"
            )
        if not all(0 <= a < n_atoms for a in (atom, *site.parents)):
            raise ValueError(
                f"virtual site {atom} or a parent of it, {site.parents}, is outside "
                f"0..{n_atoms - 1}"
            )
        below = [a for a in site.parents if a in sites]
        if below:
            raise ValueError(
                f"virtual site {atom} hangs from atom {below[0]}, which is a virtual site itself: "
                "give its place by atoms with mass"
            )
        if masses[atom] > 0 or any(atom in pair for pair in pairs):
            raise ValueError(
                f"virtual site {atom} has mass {masses[atom]} Da or a constraint: "
                "a virtual site has neither"
            )
    return sites


def checked_positions(n_atoms, positions, pairs, lengths):
    """Positions ``(n_atoms, 3)`` that go with the constraints."""
    if positions is None:
        return None
    positions = np.asarray(positions, dtype=float)
    if positions.shape != (n_atoms, 3) or not np.isfinite(positions).all():
        raise ValueError(
            f"positions of shape {positions.shape}, finite: {bool(np.isfinite(positions).all())}: "
            f"one frame of {n_atoms} atoms is needed, ({n_atoms}, 3), in Å"
        )
    if lengths is not None and len(pairs):
        first, second = np.array(pairs).T
        apart = np.linalg.norm(positions[first] - positions[second], axis=1)
        worst = int(np.argmax(np.abs(np.log(np.maximum(apart, 1e-9) / lengths))))
        if not 0.5 < apart[worst] / lengths[worst] < 2:
            raise ValueError(
                f"atoms {pairs[worst]} are {apart[worst]:.3g} Å apart but constrained to "
                f"{lengths[worst]:.3g} Å: give positions in Å, molecules whole (not cut by the "
                "periodic box)"
            )
    return positions
