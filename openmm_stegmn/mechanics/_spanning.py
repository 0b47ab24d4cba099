"""From a constraint graph to rooted trees of arms: the plan of a kinematic forest."""

from collections import deque
from dataclasses import dataclass, field

import networkx as nx

from ._rigidity import bracing, is_rigid, rigidity_rank


@dataclass
class Loop:
    """A part of the graph that has closed loops and can bend: a ring under ``AllBonds``.

    Attributes
    ----------
    atoms : list of int
        The first is the one from which the part hangs.
    pairs : list of (int, int)
        All its constraints.
    """

    atoms: list
    pairs: list


@dataclass
class ForestPlan:
    """Rooted trees over the atoms; arms are listed from the roots outwards.

    Attributes
    ----------
    component : list of int, ``n_atoms``
        Components are numbered by their lowest atom.
    root : list of int, ``n_components``
    kinds : list of str, ``n_components``
    arms : list of (int, int)
        ``(parent, atom)``.
    groups : list of int
        Rotation group of each arm.
    loops : list of Loop
    """

    component: list
    root: list
    kinds: list = field(default_factory=list)
    arms: list = field(default_factory=list)
    groups: list = field(default_factory=list)
    loops: list = field(default_factory=list)

    def attach(self, sites):
        """Hang virtual sites from the arm or rigid body that has all their parents.

        Other sites only join the component of their first parent.
        """
        bodies = {}  # of a group: its pivot and atoms
        groups_of = {}
        for (top, atom), group in zip(self.arms, self.groups, strict=True):
            bodies.setdefault(group, [top]).append(atom)
        for group, atoms in bodies.items():
            for atom in atoms:
                groups_of.setdefault(atom, set()).add(group)
        for atom, site in sites.items():
            shared = set.intersection(*(groups_of.get(p, set()) for p in site.parents))
            if shared:
                group = min(shared)
                self.arms.append((bodies[group][0], atom))
                self.groups.append(group)
        self._drop_components_of(sites)

    def _drop_components_of(self, sites):
        """A site is no component of its own, but belongs to that of its first parent."""
        own = {self.component[atom] for atom in sites}
        kept = [number for number in range(len(self.root)) if number not in own]
        new = {number: i for i, number in enumerate(kept)}
        self.root = [self.root[number] for number in kept]
        self.kinds = [self.kinds[number] for number in kept]
        of = [
            self.component[sites[atom].parents[0]] if atom in sites else number
            for atom, number in enumerate(self.component)
        ]
        self.component = [new[number] for number in of]


def plan_forest(n_atoms, pairs, masses, rigid=(), positions=None):
    """Hang every atom of a constraint graph from a root by arms of fixed length.

    The graph is cut where single atoms join its parts (its biconnected components). A part of two
    atoms is an arm that turns by itself. A part of more is a rigid body, all of whose atoms hang
    from one of them and share one rotation group, if its constraints fix its shape or depend on
    each other; else it is a loop, spanned by arms that turn by themselves.

    Parameters
    ----------
    n_atoms : int
    pairs : list of (int, int)
    masses : sequence of float
        A single arm or body hangs from its heaviest atom.
    rigid : list of list of int
        Atoms that move as one body whatever the constraints say.
    positions : array, ``(n_atoms, 3)``, optional
        To find dependent constraints of loops, which cannot be projected on.

    Returns
    -------
    ForestPlan
    """
    graph = nx.Graph()
    graph.add_nodes_from(range(n_atoms))
    graph.add_edges_from(pairs)
    for atoms in rigid:
        graph.add_edges_from(bracing(atoms))
    parts = [sorted(part) for part in nx.biconnected_components(graph)]
    edges = _edges_of_parts(graph, parts)
    forms = [
        _form(part, inside, rigid, positions) for part, inside in zip(parts, edges, strict=True)
    ]
    parts_of_atom = [[] for _ in range(n_atoms)]
    for number, part in enumerate(parts):
        for atom in part:
            parts_of_atom[atom].append(number)

    components = sorted((sorted(c) for c in nx.connected_components(graph)), key=min)
    plan = ForestPlan(component=[0] * n_atoms, root=[])
    for number, atoms in enumerate(components):
        for atom in atoms:
            plan.component[atom] = number
        own = {part for atom in atoms for part in parts_of_atom[atom]}
        plan.kinds.append(_kind(atoms, [forms[part] for part in own], graph))
        plan.root.append(_root(graph, atoms, one_body=len(own) == 1, masses=masses))
    _hang(plan, graph, parts, edges, forms, parts_of_atom)
    return plan


def _edges_of_parts(graph, parts):
    """Every edge lies in exactly one biconnected component: the one that has both its ends."""
    numbers = {}
    for number, part in enumerate(parts):
        for atom in part:
            numbers.setdefault(atom, set()).add(number)
    edges = [[] for _ in parts]
    for a, b in graph.edges:
        (number,) = numbers[a] & numbers[b]
        edges[number].append((min(a, b), max(a, b)))
    return [sorted(inside) for inside in edges]


def _form(part, edges, rigid, positions):
    if len(part) == 2:
        return "arm"
    if any(set(part) <= set(atoms) for atoms in rigid):
        return "body"
    place = {atom: i for i, atom in enumerate(part)}
    local = [(place[a], place[b]) for a, b in edges]
    if is_rigid(len(part), local):
        return "body"
    here = None if positions is None else positions[part]
    # Constraints that depend on each other leave no unique forces to close the loop with
    return "loop" if rigidity_rank(len(part), local, here) == len(local) else "body"


def _kind(atoms, forms, graph):
    if len(atoms) == 1:
        return "isolated"
    if "loop" in forms:
        return "closed loop"
    if len(forms) == 1:
        return "stick" if forms[0] == "arm" else "rigid body"
    if set(forms) == {"arm"} and max(graph.degree[atom] for atom in atoms) == len(forms):
        return "hinge" if len(forms) == 2 else "star"
    return "tree"


def _root(graph, atoms, one_body, masses):
    """The heaviest atom of a body; of a tree, the middle of its longest path."""
    if len(atoms) == 1:
        return atoms[0]
    if not one_body:
        start = max(nx.single_source_shortest_path_length(graph, atoms[0]).items(), key=_far)[0]
        longest = _longest_path(graph, start)
        atoms = {longest[len(longest) // 2], longest[(len(longest) - 1) // 2]}
    return max(atoms, key=lambda atom: (masses[atom], -atom))


def _longest_path(graph, start):
    """Of the shortest paths to the furthest atoms the last one in the order of their atoms."""
    above, distance = {start: None}, {start: 0}
    for parent, child in nx.bfs_edges(graph, start):
        above[child], distance[child] = parent, distance[parent] + 1
    most = max(distance.values())
    paths = []
    for atom in (atom for atom, apart in distance.items() if apart == most):
        path = [atom]
        while path[-1] != start:
            path.append(above[path[-1]])
        paths.append(path[::-1])
    return max(paths)


def _far(item):
    atom, distance = item
    return distance, atom


def _hang(plan, graph, parts, edges, forms, parts_of_atom):
    hung, n_groups = set(), 0
    queue = deque(plan.root)
    while queue:
        top = queue.popleft()
        for number in parts_of_atom[top]:
            if number in hung:
                continue
            hung.add(number)
            if forms[number] == "loop":
                inside = graph.edge_subgraph(edges[number])
                arms = list(nx.bfs_edges(inside, top, sort_neighbors=sorted))
                plan.groups += range(n_groups, n_groups + len(arms))
                n_groups += len(arms)
                plan.loops.append(Loop([top, *(atom for _, atom in arms)], edges[number]))
            else:
                arms = [(top, atom) for atom in parts[number] if atom != top]
                plan.groups += [n_groups] * len(arms)
                n_groups += 1
            plan.arms += arms
            queue += [atom for _, atom in arms]
