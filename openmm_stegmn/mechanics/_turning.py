"""Which bonds may turn: amides, terminal rotors, double bonds and chosen residues."""

import numpy as np

# Å, halfway between the lengths of single bonds of two planar atoms (conjugated ones and amides
# among them) and of double bonds, and of double and triple ones
_DOUBLE_BELOW = {("C", "C"): 1.40, ("C", "N"): 1.31, ("N", "N"): 1.32}
_TRIPLE_BELOW = {("C", "C"): 1.26, ("C", "N"): 1.21, ("N", "N"): 1.17}
_PLANAR = 350.0  # degrees, the sum of three angles; 328.4 in a tetrahedron


def turning_bonds(bonds, elements, *, amides=True, terminal=True, atoms=None, orders=None):
    """Choose the bonds that may turn, for ``find_fragments(..., allowed=...)``.

    What rings and constraints forbid, :func:`find_fragments` finds by itself; with the defaults
    every other bond may turn.

    Parameters
    ----------
    bonds : sequence of (int, int)
    elements : sequence of str
    amides : bool
        False freezes the bond between the C and N of amides (the peptide bond's ω; asparagine and
        glutamine too): a C that has an O with no other neighbour.
    terminal : bool
        False freezes the bonds of methyl (–CH3) and ammonium (–NH3+) groups.
    atoms : iterable of int, optional
        Only bonds with both ends among these turn: the atoms of chosen residues.
    orders : sequence of float or None, optional
        Order of each bond, 1.5 in aromatic rings; None where it is not known. Bonds of more than
        1.25 do not turn. From a topology, or :func:`estimate_orders`.

    Returns
    -------
    list of bool
        One for each bond.

    Raises
    ------
    ValueError
        If there is not one order for each bond.
    """
    bonds = list(bonds)
    neighbours = _neighbours(bonds)
    chosen = None if atoms is None else {int(atom) for atom in atoms}
    if orders is None:
        orders = [None] * len(bonds)
    if len(orders) != len(bonds):
        raise ValueError(
            f"{len(orders)} bond orders for {len(bonds)} bonds: give one for each, None where it "
            "is not known"
        )

    def may_turn(a, b, order):
        if order is not None and order > 1.25:
            return False
        if chosen is not None and not (a in chosen and b in chosen):
            return False
        for end, other in ((a, b), (b, a)):
            if not amides and _is_amide(end, other, neighbours, elements):
                return False
            if not terminal and _is_rotor(end, other, neighbours, elements):
                return False
        return True

    return [may_turn(a, b, order) for (a, b), order in zip(bonds, orders, strict=True)]


def estimate_orders(positions, bonds, elements):
    """Orders of bonds between C and N from their lengths and the planarity of their ends.

    For molecules of which only positions are known. A bond is double if both its ends are planar
    (three neighbours in a plane with the atom, or fewer) and it is short. Thermal motion blurs
    both: give minimised or averaged positions.

    Parameters
    ----------
    positions : array, ``(n_atoms, 3)``
        Å.
    bonds : sequence of (int, int)
    elements : sequence of str

    Returns
    -------
    list of float
        1.0, 2.0 or 3.0; 1.0 for bonds of other elements, of which those that turn are single.
    """
    positions, bonds = np.asarray(positions, dtype=float), list(bonds)
    neighbours = _neighbours(bonds)
    planar = {
        atom: len(near) < 3 or (len(near) == 3 and _angle_sum(positions, atom, near) > _PLANAR)
        for atom, near in neighbours.items()
    }

    def order(a, b):
        kind = tuple(sorted((elements[a], elements[b])))
        if kind not in _DOUBLE_BELOW or not (planar[a] and planar[b]):
            return 1.0
        length = np.linalg.norm(positions[a] - positions[b])
        if length < _TRIPLE_BELOW[kind]:
            return 3.0
        return 2.0 if length < _DOUBLE_BELOW[kind] else 1.0

    return [order(a, b) for a, b in bonds]


def _neighbours(bonds):
    neighbours = {}
    for a, b in bonds:
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    return neighbours


def _is_amide(carbon, nitrogen, neighbours, elements):
    return (elements[carbon], elements[nitrogen]) == ("C", "N") and any(
        elements[atom] == "O" and len(neighbours[atom]) == 1 for atom in neighbours[carbon]
    )


def _is_rotor(atom, other, neighbours, elements):
    ends = neighbours[atom] - {other}
    return elements[atom] in ("C", "N") and len(ends) == 3 and all(elements[e] == "H" for e in ends)


def _angle_sum(positions, atom, near):
    arms = positions[sorted(near)] - positions[atom]
    arms /= np.linalg.norm(arms, axis=1, keepdims=True)
    cosines = (arms @ arms.T)[np.triu_indices(3, 1)]
    return np.degrees(np.arccos(np.clip(cosines, -1, 1))).sum()
