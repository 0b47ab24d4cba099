"""The graph that messages pass over: a table of each atom's nearest neighbours."""

import torch
from torch import Tensor

# Bonds up to which atoms are neighbours wherever they are, and how much nearer they count then.
_BONDED, _NEARER = 2, 1e-3
# Distances in memory at a time
_DISTANCES = 20_000_000


def neighbour_table(frame: Tensor, most: int, hops: Tensor | None = None) -> Tensor:
    """Indices of the nearest neighbours of each atom, ``(..., n_atoms, K)``.

    A fixed number of neighbours keeps all shapes static and sums in a fixed order, so that results
    repeat bit for bit, on GPUs too. Molecules of at most ``most + 1`` atoms get the complete graph,
    the same for every frame.

    Parameters
    ----------
    frame : Tensor, ``(..., n_atoms, 3)``
    most : int
        K, or the number of other atoms if that is less.
    hops : Tensor, ``(n_atoms, n_atoms)``, optional
        Bonds between two atoms: those at most two apart come before all others.
    """
    n = frame.shape[-2]
    if n - 1 <= most:
        atoms = torch.arange(n, device=frame.device)
        table = torch.arange(n - 1, device=frame.device).expand(n, n - 1)
        table = table + (table >= atoms[:, None]).long()
        return table.expand(frame.shape[:-2] + (n, n - 1))
    frames = frame.reshape(-1, n, 3)
    found = [_nearest(block, most, hops) for block in frames.split(_DISTANCES // n**2 + 1)]
    return torch.cat(found).reshape(frame.shape[:-2] + (n, most))


def _nearest(frames, most, hops):
    distances = torch.cdist(frames, frames)
    if hops is not None:
        distances = torch.where(hops <= _BONDED, _NEARER * distances, distances)
    distances.diagonal(dim1=-2, dim2=-1).fill_(float("inf"))
    return distances.topk(most, dim=-1, largest=False).indices


def gather_atoms(values: Tensor, table: Tensor) -> Tensor:
    """Pick neighbours: ``(B, T, N, F)`` and ``(B, N, K)`` to ``(B, T, N, K, F)``."""
    batch, frames, _, width = values.shape
    n, k = table.shape[-2:]
    index = table.reshape(batch, 1, n * k, 1).expand(batch, frames, n * k, width)
    return values.gather(2, index).reshape(batch, frames, n, k, width)


def radial_basis(distance: Tensor, count: int, cutoff: float) -> Tensor:
    """Gaussians of a distance (Å), evenly spaced from 0 to ``cutoff``, as a last dimension."""
    centres = torch.linspace(0.0, cutoff, count, dtype=distance.dtype, device=distance.device)
    width = cutoff / (count - 1)
    return torch.exp(-(((distance.unsqueeze(-1) - centres) / width) ** 2) / 2)
