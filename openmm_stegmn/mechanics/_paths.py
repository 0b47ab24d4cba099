"""Sums along the paths of rooted trees, in as many passes as the depth has binary digits."""

import torch
from torch import Tensor, nn


class TreePaths(nn.Module):
    """Ancestors 1, 2, 4, 8, … generations up, for sums towards and away from the roots.

    Parameters
    ----------
    parents : Tensor, ``(n_atoms,)``
        −1 for roots.
    """

    def __init__(self, parents):
        super().__init__()
        self._n_passes = 0
        ancestors = parents
        while (ancestors >= 0).any():
            (atoms,) = torch.nonzero(ancestors >= 0, as_tuple=True)
            self.register_buffer(f"_atoms_{self._n_passes}", atoms)
            self.register_buffer(f"_ancestors_{self._n_passes}", ancestors[atoms])
            ancestors = torch.where(ancestors >= 0, ancestors[ancestors], -1)
            self._n_passes += 1

    def _passes(self):
        for k in range(self._n_passes):
            yield getattr(self, f"_atoms_{k}"), getattr(self, f"_ancestors_{k}")

    def from_root(self, values: Tensor) -> Tensor:
        """Sum of values ``(..., n_atoms, k)`` over each atom and all above it."""
        for atoms, ancestors in self._passes():
            values = values.index_add(-2, atoms, values[..., ancestors, :])
        return values

    def below(self, values: Tensor) -> Tensor:
        """Sum of values ``(..., n_atoms, k)`` over each atom and all that hangs from it."""
        for atoms, ancestors in self._passes():
            values = values.index_add(-2, ancestors, values[..., atoms, :])
        return values
