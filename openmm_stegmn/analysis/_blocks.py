"""Blocks of frames that may be taken for independent."""

import numpy as np

#: Blocks of a whole trajectory, before they are found correlated and put together.
BLOCKS = 64


def block_of_frames(frames, n_blocks: int = BLOCKS):
    """Number of the block that each frame is in.

    A block is consecutive frames of one replica, about as many in each; a row of jumps is in the
    block of the leg before it.

    Parameters
    ----------
    frames : HybridFrames
    n_blocks : int
        At most; each replica has at least one.

    Returns
    -------
    ndarray (n_frames,), int
    """
    blocks, first = np.zeros(len(frames), dtype=int), 0
    for number in np.unique(frames.replica):
        own = np.flatnonzero(frames.replica == number)
        jumped = frames.jumped[own]
        share = max(1, round(n_blocks * len(own) / len(frames)))
        # where a leg begins
        begins = np.concatenate([[True], jumped[:-1] & ~jumped[1:]])
        if not jumped.any():
            begins[:] = True
        cycles = np.cumsum(begins) - 1
        # each cycle goes where its middle lies
        middle = np.bincount(cycles, np.arange(len(own))) / np.bincount(cycles)
        of_cycle = np.minimum((middle * share / len(own)).astype(int), share - 1)
        _, of_cycle = np.unique(of_cycle, return_inverse=True)
        blocks[own] = first + of_cycle[cycles]
        first = blocks[own[-1]] + 1
    return blocks


def blocks_like(frames, duration: float, most: int = 4 * BLOCKS):
    """Blocks of a trajectory that take a given time each.

    Parameters
    ----------
    frames : HybridFrames
    duration : float
        ps of physical time.
    most : int
        Frames that would make further blocks are left out, evenly over the trajectory.

    Returns
    -------
    ndarray (n_frames,), int
        -1 for a frame that is left out.
    """
    n_frames = max(1, round(duration / frames.interval)) if duration > 0 else len(frames)
    blocks, first = np.full(len(frames), -1), 0
    for number in np.unique(frames.replica):
        own = np.flatnonzero(frames.replica == number)
        count = max(1, len(own) // n_frames)
        edges = np.minimum(np.arange(len(own)) // n_frames, count - 1)
        blocks[own] = first + edges
        first += count
    if first <= most:
        return blocks
    kept = np.unique(np.linspace(0, first - 1, most).round().astype(int))
    place = np.searchsorted(kept, blocks)
    return np.where(np.isin(blocks, kept), place, -1)
