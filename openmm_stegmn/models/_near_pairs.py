"""Pairs of atoms that are few bonds apart, looked up by their numbers."""

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn


class NearPairs(nn.Module):
    """Bonds between atoms, and kinds of pairs, for all pairs at most ``REACH`` bonds apart.

    There are a few tens of them an atom, so that tables grow with the number of atoms and not with
    its square. All other pairs are *far*: ``MAX_HOPS`` apart, and of one kind.

    ==========  ============  ==================================================================
    buffer      shape         meaning
    ==========  ============  ==================================================================
    ``atoms``   ``(n, 2)``    the pairs in the order of their atoms: in both directions, and
                              each atom with itself
    ``hops``    ``(n + 1,)``  bonds between them; the last entry is that of far pairs
    ``kinds``   ``(n + 1,)``  pairs of one kind have the same types, and as many bonds between;
                              the last entry is that of far pairs
    ==========  ============  ==================================================================

    Parameters
    ----------
    neighbours : list of list of int
        Atoms bonded to each.
    types : Tensor, ``(n_atoms,)``
        Of the atoms.
    """

    #: Most bonds between atoms that are told from far ones.
    REACH = 4
    MAX_HOPS = REACH + 1

    def __init__(self, neighbours, types: Tensor):
        super().__init__()
        atoms, hops = _within(neighbours, self.REACH)
        n_atoms, n_types = len(neighbours), int(types.max()) + 1
        first, second = atoms.unbind(1)
        kinds = (hops * n_types + types[first]) * n_types + types[second]
        some_are_far = len(atoms) < n_atoms**2
        kinds = torch.unique(kinds, return_inverse=True)[1] + int(some_are_far)
        self.n_atoms, self.n_kinds = n_atoms, int(kinds.max()) + 1
        for name, value in (
            ("atoms", atoms), ("hops", _with(hops, self.MAX_HOPS)), ("kinds", _with(kinds, 0)),
            # No pair is beyond the last key
            ("_keys", _with(first * n_atoms + second, n_atoms**2)),
        ):  # fmt: skip
            self.register_buffer(name, value, persistent=False)

    def find(self, first: Tensor, second: Tensor) -> Tensor:
        """Places of pairs in ``hops`` and ``kinds``; atoms broadcast."""
        keys = first * self.n_atoms + second
        place = torch.searchsorted(self._keys, keys)
        return torch.where(self._keys[place] == keys, place, len(self._keys) - 1)

    def hops_between(self, first: Tensor, second: Tensor) -> Tensor:
        """Bonds between atoms, at most ``MAX_HOPS``."""
        return self.hops[self.find(first, second)]

    def kinds_between(self, first: Tensor, second: Tensor) -> Tensor:
        """Kinds of pairs. The other way round a pair is of another kind."""
        return self.kinds[self.find(first, second)]

    def undirected_kinds(self, first: Tensor, second: Tensor) -> Tensor:
        """The lesser of the kinds of a pair in its two directions."""
        return torch.minimum(self.kinds_between(first, second), self.kinds_between(second, first))

    def bonded(self) -> list[list[int]]:
        """Atoms bonded to each, in their order."""
        around: list[list[int]] = [[] for _ in range(self.n_atoms)]
        for a, b in self.atoms[self.hops[:-1] == 1].tolist():
            around[a].append(b)
        return around

    def within(self, hops: int) -> Tensor:
        """Other atoms at most some bonds away from each, ``(n_atoms, n)``.

        Filled up with the atom itself.
        """
        first, second = self.atoms[(self.hops[:-1] <= hops) & (self.hops[:-1] > 0)].unbind(1)
        count, rank = _ranks(first, self.n_atoms)
        table = torch.arange(self.n_atoms)[:, None].repeat(1, int(count.max()))
        table[first, rank] = second
        return table

    def nearest(self, most: int) -> Tensor:
        """The atoms that are fewest bonds away from each atom, ``(n_atoms, K)``, itself left out.

        Of those as many bonds away the first ones; far atoms where others do not suffice.
        """
        width = min(most, self.n_atoms - 1)
        first, second = self.atoms.unbind(1)
        order = (first * (self.MAX_HOPS + 1) + self.hops[:-1]).argsort(stable=True)
        count, rank = _ranks(first, self.n_atoms)
        # The first of each row is the atom itself.
        chosen = (rank > 0) & (rank <= width)
        nearest = torch.zeros(self.n_atoms, width, dtype=torch.long)
        nearest[first[chosen], rank[chosen] - 1] = second[order][chosen]
        # The first far atoms are among as many as there may be of both.
        (short,) = (count <= width).nonzero(as_tuple=True)
        some = torch.arange(min(self.n_atoms, width + int(count.max())))
        taken = self.hops_between(short[:, None], some) <= self.REACH
        far = taken.long().argsort(dim=1, stable=True)
        place = torch.arange(width) - (count[short, None] - 1)
        filled = far.gather(1, place.clamp_min(0))
        nearest[short] = torch.where(place < 0, nearest[short], filled)
        return nearest


def _ranks(first, n_atoms):
    """Pairs of each first atom, in whose order they are, and which of them each pair is."""
    count = torch.bincount(first, minlength=n_atoms)
    return count, torch.arange(len(first)) - (count.cumsum(0) - count)[first]


def _with(values, last):
    return torch.cat([values, values.new_tensor([last])])


def _within(neighbours, most):
    """Pairs at most some bonds apart, in order, and the bonds between them."""
    n_atoms = len(neighbours)
    first = np.repeat(np.arange(n_atoms), [len(around) for around in neighbours])
    second = np.array([atom for around in neighbours for atom in around], dtype=int)
    itself = sparse.eye_array(n_atoms, dtype=int, format="csr")
    bonded = sparse.csr_array((np.ones(len(first), int), (first, second)), itself.shape)
    step, reached, within = (itself + bonded) > 0, itself > 0, itself
    for _ in range(most):
        reached = reached @ step
        # Pairs count once for each distance that they are within
        within = within + reached.astype(int)
    within.sort_indices()
    pairs = np.stack([np.repeat(np.arange(n_atoms), np.diff(within.indptr)), within.indices], 1)
    return torch.as_tensor(pairs).long(), torch.as_tensor(most + 1 - within.data)
