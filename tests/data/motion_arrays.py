"""Arrays of motion capture like those of the published benchmarks: walkers of four joints."""

import numpy as np

EDGES = np.array([[1, 0], [2, 1], [3, 2]])


def walking(frames, seed=0, joints=4):
    """``(frames, joints, 3)``: goes along x, joints one above the other and swinging."""
    random = np.random.default_rng(seed)
    times = np.arange(frames)[:, None]
    phases, speed = random.uniform(0, 7, joints), random.uniform(0.2, 0.4)
    places = np.zeros((frames, joints, 3))
    places[..., 0] = speed * times
    places[..., 1] = 4.0 * np.arange(joints)
    places[..., 2] = np.sin(0.2 * times + phases)
    return places.astype(np.float32)


def write_motion(path, trials=6, frames=90, drawn=50, **changes):
    """A file of trials; the first half is for training, a third and a sixth for the rest."""
    random = np.random.default_rng(1)
    arrays = {f"trial_{trial:02d}": walking(frames, trial) for trial in range(trials)}
    parts = np.split(np.arange(trials), [trials // 2, trials - trials // 6])
    for name, members in zip(("train", "validation", "test"), parts, strict=True):
        rows = [(t, s) for t in members for s in random.permutation(frames - 31)[:drawn]]
        arrays[f"split_{name}"] = np.array(rows)
    arrays |= {"edges": EDGES} | changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path
