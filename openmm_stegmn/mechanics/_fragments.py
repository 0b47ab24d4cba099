"""Rigid fragments and rotatable bonds of a molecule, from its bonds and constraints."""

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx


@dataclass(frozen=True)
class FragmentTree:
    """Rooted trees of rigid fragments, one tree for each molecule.

    Fragments are numbered so that the roots come first (fragment ``c`` is the root of molecule
    ``c``) and the others follow by depth; fragment ``n_molecules + b`` hangs from its parent by
    rotatable bond ``b``.

    Attributes
    ----------
    fragment_of_atom : list of int, ``n_atoms``
    molecule_of_atom : list of int, ``n_atoms``
    axes : list of (int, int), ``n_bonds``
        Rotatable bonds ``(j, k)``: ``j`` in the parent fragment, ``k`` in the fragment that turns.
    references : list of (int, int), ``n_bonds``
        Atoms ``(i, l)`` that make the torsion ``i-j-k-l``: a neighbour of ``j`` and one of ``k``.
    parents : list of int, ``n_bonds``
        Fragment from which bond ``b`` hangs.
    depths : list of int, ``n_bonds``
        1 for bonds on a root, and so on; never decreases with ``b``.
    n_molecules : int
    """

    fragment_of_atom: list
    molecule_of_atom: list
    axes: list
    references: list
    parents: list
    depths: list
    n_molecules: int


def find_fragments(n_atoms, bonds, constraints=(), elements=None, allowed=None):
    """Cut a molecule at its rotatable bonds.

    A bond is rotatable if it is in no ring, if both its ends have another neighbour, and if no
    constraint fixes the distance between two atoms that turning it would change. The root of each
    tree is the fragment that makes it least deep, the heaviest such one on a tie.

    Parameters
    ----------
    n_atoms : int
    bonds : iterable of (int, int)
    constraints : iterable of (int, int)
        Pairs whose distance is constrained; a pair that is not bonded (rigid water's H–H, H–C–H
        angles) is honoured as described above.
    elements : sequence of str, optional
        With elements, torsions are measured from heavy neighbours where there are any.
    allowed : sequence of bool, optional
        Whether each bond may turn (:func:`turning_bonds`). A fragment is what bonds that do not
        turn hold together. The default is that all may.

    Returns
    -------
    FragmentTree

    Raises
    ------
    ValueError
        If a bond or constraint names an atom that does not exist, or ``allowed`` is not as long as
        ``bonds``.
    """
    bonds, constraints = list(bonds), list(constraints)
    allowed = [True] * len(bonds) if allowed is None else list(allowed)
    if len(allowed) != len(bonds):
        raise ValueError(
            f"{len(allowed)} values in `allowed` for {len(bonds)} bonds: give one for each bond"
        )
    for name, pairs in (("bond", bonds), ("constraint", constraints)):
        for pair in pairs:
            if not all(0 <= atom < n_atoms for atom in pair):
                raise ValueError(f"{name} {tuple(pair)} names an atom outside 0..{n_atoms - 1}")
    graph = nx.Graph()
    graph.add_nodes_from(range(n_atoms))
    graph.add_edges_from(bonds)
    # Atoms held together by constraints alone (a rigid water that lists no bonds) are one body as
    # well, and a bond that such constraints bridge is in a ring. A constraint within a bonded
    # molecule must not be an edge here: what it forbids is told by the path between its atoms.
    molecule = {atom: m for m, atoms in enumerate(nx.connected_components(graph)) for atom in atoms}
    connected = graph.copy()
    connected.add_edges_from((a, b) for a, b in constraints if molecule[a] != molecule[b])

    rotatable = {
        frozenset(bond)
        for bond in nx.bridges(connected)
        if graph.has_edge(*bond) and all(graph.degree[atom] > 1 for atom in bond)
    }
    inner = [(a, b) for a, b in constraints if molecule[a] == molecule[b]]
    rotatable -= _frozen_by_constraints(graph, inner)
    rotatable -= {frozenset(bond) for bond, may in zip(bonds, allowed, strict=True) if not may}

    # Sorted: the numbers of the bonds, which the weights in model files are tied to, follow from
    # the order in which they are cut.
    cut = sorted((tuple(sorted(bond)) for bond in rotatable), reverse=True)
    rigid = connected.copy()
    rigid.remove_edges_from(cut)
    piece_of_atom = {
        atom: p for p, piece in enumerate(nx.connected_components(rigid)) for atom in piece
    }
    pieces = nx.Graph()
    pieces.add_nodes_from(set(piece_of_atom.values()))
    for j, k in cut:
        pieces.add_edge(piece_of_atom[j], piece_of_atom[k], bond=(j, k))
    return _root_trees(graph, pieces, piece_of_atom, elements)


def _frozen_by_constraints(graph, constraints):
    """Bonds with a constraint between an atom off the axis on each side."""
    frozen = set()
    for a, b in constraints:
        path = nx.shortest_path(graph, a, b)
        frozen.update(frozenset(bond) for bond in pairwise(path[1:-1]))
    return frozen


def _root_trees(graph, pieces, piece_of_atom, elements):
    size = {piece: 0 for piece in pieces}
    for piece in piece_of_atom.values():
        size[piece] += 1
    molecules = sorted((sorted(m) for m in nx.connected_components(pieces)), key=min)
    fragment_of_piece, molecule_of_piece, hanging = {}, {}, []
    for number, molecule in enumerate(molecules):
        root = max(_centre(pieces, molecule[0]), key=lambda piece: (size[piece], -piece))
        fragment_of_piece[root] = number
        molecule_of_piece.update(dict.fromkeys(molecule, number))
        depth = nx.single_source_shortest_path_length(pieces, root)
        for parent, child in nx.bfs_edges(pieces, root):
            hanging.append((depth[child], parent, child))
    hanging.sort(key=lambda item: item[0])  # stable: breadth-first order within a depth
    axes, references, parents, depths = [], [], [], []
    for b, (depth, parent, child) in enumerate(hanging):
        fragment_of_piece[child] = len(molecules) + b
        j, k = pieces.edges[parent, child]["bond"]
        if piece_of_atom[j] != parent:
            j, k = k, j
        axes.append((j, k))
        references.append((_reference(graph, j, k, elements), _reference(graph, k, j, elements)))
        parents.append(fragment_of_piece[parent])
        depths.append(depth)
    atoms = range(graph.number_of_nodes())
    return FragmentTree(
        fragment_of_atom=[fragment_of_piece[piece_of_atom[atom]] for atom in atoms],
        molecule_of_atom=[molecule_of_piece[piece_of_atom[atom]] for atom in atoms],
        axes=axes, references=references, parents=parents, depths=depths,
        n_molecules=len(molecules),
    )  # fmt: skip


def _centre(tree, start):
    """The one or two nodes in the middle of the longest paths of the tree that has a node."""
    edges = list(nx.bfs_edges(tree, start))
    if not edges:
        return [start]
    end = edges[-1][1]
    above = {child: parent for parent, child in nx.bfs_edges(tree, end)}
    path = [next(reversed(above))]
    while path[-1] != end:
        path.append(above[path[-1]])
    return path[(len(path) - 1) // 2 : len(path) // 2 + 1]


def _reference(graph, end, other, elements):
    neighbours = sorted(set(graph[end]) - {other})
    if elements is not None:
        neighbours.sort(key=lambda atom: elements[atom] == "H")
    return neighbours[0]
