"""The nearest neighbours of each atom, in time and memory that grow with the number of atoms.

All shapes are static and nothing is read back by the host, so that the search may be traced, and
captured into a CUDA graph.
"""

import math

import torch
from torch import Tensor

from ...mechanics import scripted

# Of up to so many atoms all distances are taken; of more, those to the atoms of near boxes.
ALL_DISTANCES = 4_096
# Most atoms of a box, and boxes that are searched for the neighbours of each
_BOX, _BOXES = 32, 48
# Atoms whose neighbours may lie further, which are compared with all others: the worst ones.
_REPEATED = 256
# Distances in memory at a time
_DISTANCES = 20_000_000


def nearest_atoms(frames: Tensor, most: int) -> Tensor:
    """Indices of the nearest other atoms of each, nearest first, ``(B, N, K)``.

    Parameters
    ----------
    frames : Tensor, ``(B, N, 3)``
    most : int
        K, less than N.

    Notes
    -----
    Of more than ``ALL_DISTANCES`` atoms, atoms are sorted into boxes of equally many, by cutting at
    the median across the longest side again and again (a k-d tree). An atom is compared with those
    of the 48 boxes nearest to its own. Boxes adapt to the density; still a box next to much denser
    ones may have neighbours further off. Whether it can is known from the distance of the first box
    that was left out, and the 256 atoms for which it is most possible are compared with all others.
    The result is that of all distances unless there are more such atoms, in arrangements that no
    molecule takes.
    """
    frames = frames.detach()
    if frames.shape[-2] <= ALL_DISTANCES:
        return by_all_distances(frames, most)
    return torch.stack([by_boxes(frame, most) for frame in frames])


def by_all_distances(frames: Tensor, most: int) -> Tensor:
    """:func:`nearest_atoms` from the distances of all pairs."""
    batch, n_atoms, _ = frames.shape
    atoms = torch.arange(n_atoms, device=frames.device)
    rows = _DISTANCES // n_atoms + 1
    if n_atoms <= rows:
        size = rows // n_atoms
        found = [_among_all(part, part, atoms, most)[0] for part in frames.split(size)]
        return torch.cat(found)
    found = [
        _among_all(frames, frames[:, own], own, most)[0] for own in atoms.split(rows // batch + 1)
    ]
    return torch.cat(found, 1)


def _among_all(frames, part, own, most):
    """Neighbours of some atoms, whose numbers are ``own``, and their distances."""
    distances = _distances(part, frames)
    itself = own[:, None] == torch.arange(frames.shape[1], device=frames.device)
    found = distances.masked_fill(itself, torch.inf).topk(most, dim=-1, largest=False)
    return found.indices, found.values


@scripted
def _distances(first: Tensor, second: Tensor) -> Tensor:
    # Products of matrices, which it may use instead, leave few digits to distances of near atoms.
    if not first.is_cuda:
        return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")
    # On GPUs that gives each distance a block of threads, and takes more than all the rest.
    square = torch.zeros_like(first[..., :1])
    for axis in range(3):
        apart = first[..., axis].unsqueeze(-1) - second[..., axis].unsqueeze(-2)
        square = square + apart * apart
    return square.sqrt()


def by_boxes(frame: Tensor, most: int) -> Tensor:
    """:func:`nearest_atoms` of one frame ``(N, 3)`` from the atoms of near boxes."""
    n_atoms = len(frame)
    # Beside the atoms there is one that fills boxes up: infinitely far away, its number is N.
    frame = torch.cat([frame, torch.full_like(frame[:1], torch.inf)])
    atoms = _boxes(frame)
    inside = frame[atoms]
    low = inside.amin(1)
    high = torch.where(inside == torch.inf, -torch.inf, inside).amax(1)
    number = min(max(_BOXES, -(-8 * most // atoms.shape[1])), len(atoms) - 1)
    found, doubts = [], []
    for part in torch.arange(len(atoms), device=frame.device).split(
        _DISTANCES // (number * atoms.shape[1] ** 2) + 1
    ):
        own = atoms[part]
        gap = torch.maximum(low - high[part, None], low[part, None] - high).clamp_min(0)
        gap, boxes = torch.linalg.vector_norm(gap, dim=-1).topk(number + 1, largest=False)
        near = atoms[boxes[:, :number]].flatten(1)
        distances = _distances(frame[own], frame[near])
        distances = distances.masked_fill(own.unsqueeze(2) == near.unsqueeze(1), torch.inf)
        distances, places = distances.topk(most, largest=False)
        found.append(near.gather(1, places.flatten(1)).view_as(places).flatten(0, 1))
        doubts.append((distances[..., -1] - gap[:, -1:]).flatten())
    order, found = atoms.flatten(), torch.cat(found)
    table = torch.zeros_like(found[: n_atoms + 1]).index_copy(0, order, found)[:n_atoms]
    doubt = frame.new_zeros(n_atoms + 1).index_copy(0, order, torch.cat(doubts))[:n_atoms]
    worst = doubt.topk(_REPEATED).indices
    again, _ = _among_all(frame[None, :n_atoms], frame[None, worst], worst, most)
    # Of positions that are no numbers the neighbours are of no use, but must be atoms.
    return table.index_copy(0, worst, again[0]).clamp_max(n_atoms - 1)


def _boxes(frame):
    """Numbers of the atoms in each box, ``(n_boxes, n)``."""
    n_atoms = len(frame) - 1
    halvings = math.ceil(math.log2(n_atoms / _BOX))
    size = -(-n_atoms // 2**halvings)
    atoms = torch.arange(size * 2**halvings, device=frame.device).clamp_max(n_atoms)
    for level in range(halvings):
        atoms = atoms.view(2**level, -1)
        inside = frame[atoms]
        high = torch.where(inside == torch.inf, -torch.inf, inside).amax(1)
        longest = (high - inside.amin(1)).argmax(-1)
        along = inside.gather(2, longest[:, None, None].expand(-1, inside.shape[1], 1)).squeeze(2)
        atoms = atoms.gather(1, along.argsort(dim=1, stable=True))
    return atoms.view(2**halvings, -1)
