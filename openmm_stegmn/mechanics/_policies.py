"""Constraints by a named policy over the bonds of an MDAnalysis group, where no System is known."""

POLICIES = ("none", "hbonds", "allbonds", "paper-sticks")


def policy_constraints(atomgroup, policy):
    """Arguments of :meth:`KinematicForest.from_constraints` for an ``AtomGroup``.

    Parameters
    ----------
    atomgroup : MDAnalysis.AtomGroup
        With masses; with bonds unless the policy is ``"none"``, and elements if it needs them.
    policy : {"none", "hbonds", "allbonds", "paper-sticks"}

    Returns
    -------
    dict
        ``n_atoms``, ``masses`` and ``pairs`` of atoms, numbered as in the group.

    Raises
    ------
    ValueError
        If the policy is unknown, or bonds, masses or elements are missing.
    """
    if policy not in POLICIES:
        raise ValueError(f"policy {policy!r} is unknown: choose one of {', '.join(POLICIES)}")
    values = {"n_atoms": len(atomgroup), "pairs": [], "masses": _masses(atomgroup)}
    if policy == "none":
        return values
    bonds = _bonds(atomgroup)
    if policy == "paper-sticks":
        values["pairs"] = list(disjoint_bonds(bonds))
        return values
    hydrogen = [element.upper() == "H" for element in _elements(atomgroup)]
    values["pairs"] = [b for b in bonds if policy == "allbonds" or any(hydrogen[a] for a in b)]
    values["pairs"] += _water_angles(bonds, hydrogen)
    return values


def _masses(atomgroup):
    from MDAnalysis.exceptions import NoDataError  # half a second, which runs do without

    try:
        return atomgroup.masses
    except NoDataError:
        raise ValueError(
            "the group has no masses: read them from a topology, or guess them with "
            'universe.guess_TopologyAttrs(to_guess=["masses"])'
        ) from None


def _elements(atomgroup):
    from MDAnalysis.exceptions import NoDataError

    try:
        return atomgroup.elements
    except NoDataError:
        raise ValueError(
            "the group has no elements, so its hydrogens are not known: guess them with "
            'universe.guess_TopologyAttrs(to_guess=["elements"])'
        ) from None


def _bonds(atomgroup):
    """Bonds within the group, numbered as in it, in the order of the topology."""
    from MDAnalysis.exceptions import NoDataError

    missing = ValueError(
        "the group has no bonds: read them from a topology (PSF, PRMTOP, PDB with CONECT), or "
        'guess them with universe.guess_TopologyAttrs(to_guess=["bonds"])'
    )
    try:
        bonds = atomgroup.bonds.indices
    except NoDataError:
        raise missing from None
    if len(bonds) == 0 and len(atomgroup) > 1:
        raise missing
    place = {int(index): i for i, index in enumerate(atomgroup.indices)}
    pairs = [(place.get(int(a)), place.get(int(b))) for a, b in bonds]
    return [pair for pair in pairs if None not in pair]


def disjoint_bonds(bonds) -> tuple:
    """Choose sticks greedily: each bond whose two atoms are in no stick yet, in the order given."""
    sticks, taken = [], set()
    for bond in bonds:
        if taken.isdisjoint(bond):
            sticks.append(tuple(bond))
            taken.update(bond)
    return tuple(sticks)


def _water_angles(bonds, hydrogen):
    """H–H pairs of molecules of two hydrogens and one other atom: OpenMM's rigid water."""
    neighbours = {}
    for a, b in bonds:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    return [
        tuple(ends)
        for atom, ends in neighbours.items()
        if len(ends) == 2 and not hydrogen[atom]
        and all(hydrogen[end] and len(neighbours[end]) == 1 for end in ends)
    ]  # fmt: skip
