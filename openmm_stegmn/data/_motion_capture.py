"""Trials of motion capture, and where the windows of each part begin."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ._archives import DAMAGED
from ._skeleton import MotionFileError, read_amc, read_asf

#: Parts, and the keys that files have them under.
_KEYS = {"training": "split_train", "validation": "split_validation", "test": "split_test"}
_TRIAL = "trial_"
# Shares of the trials of a folder, and starts that are drawn from each trial.
_SHARES, _DRAWN = {"training": 0.5, "validation": 0.25, "test": 0.25}, 80


@dataclass(frozen=True)
class MotionTrials:
    """Joints in space of several trials of one subject, and how they are dealt to parts.

    No trial is in two parts.
    """

    trials: tuple
    """Of arrays ``(frames, joints, 3)``; heights are y."""
    edges: tuple
    """Pairs of joints that a bone joins."""
    starts: dict
    """``(n, 2)`` by part: trial and first frame of each window."""
    source: Path

    @property
    def n_joints(self) -> int:
        """Joints."""
        return self.trials[0].shape[1]

    def first_starts(self, part: str, most: int) -> np.ndarray:
        """As many windows of each trial, those that stand first, that they are at most so many.

        That is how published code takes 200 of those drawn: 40 from each of five trials.

        Parameters
        ----------
        part : {"training", "validation", "test"}
        most : int

        Raises
        ------
        ValueError
            If there are more trials than windows asked for.
        """
        starts = self.starts[part]
        trials = list(dict.fromkeys(starts[:, 0].tolist()))
        each = most // len(trials)
        if each < 1:
            raise ValueError(
                f"{self.source}: {most} windows for {part}, which has {len(trials)} trials: ask "
                f"for at least as many"
            )
        return np.concatenate([starts[starts[:, 0] == trial][:each] for trial in trials])


def read_motion(path, reach: int = 30) -> MotionTrials:
    """Read trials from a benchmark's arrays or from the files of a subject.

    Parameters
    ----------
    path : path-like
        A file ``.npz`` with ``trial_00``, ``trial_01``, … ``(frames, joints, 3)``, ``edges``
        ``(n, 2)``, and rows of trial and start in ``split_train``, ``split_validation`` and
        ``split_test``; or a folder with the skeleton (one ``.asf``) and the trials (``.amc``) of a
        subject, as mocap.cs.cmu.edu has them. Of a folder, half of the trials are for training and
        a quarter each for validation and test, and 80 starts are drawn from each.
    reach : int
        Frames from the start of a window to what is predicted.

    Raises
    ------
    MotionFileError
        If something cannot be read, or a window goes beyond its trial.
    """
    path = Path(path)
    found = _read_folder(path, reach) if path.is_dir() else _read_arrays(path)
    for part, starts in found.starts.items():
        for trial, start in starts:
            # the last frame has no velocity: a difference of frames
            if not (0 <= start and start + reach < len(found.trials[trial]) - 1):
                raise MotionFileError(
                    f"{path}: a window of {part} begins at frame {start} of trial {trial}, which "
                    f"has {len(found.trials[trial])} frames; {reach + 2} from there are needed"
                )
    return found


def _read_arrays(path):
    try:
        with np.load(path) as stored:
            names = sorted((n for n in stored.files if n.startswith(_TRIAL)), key=_number)
            trials = tuple(stored[name].astype(np.float32) for name in names)
            edges = tuple((int(a), int(b)) for a, b in stored["edges"])
            starts = {part: stored[key].astype(int) for part, key in _KEYS.items()}
    except (OSError, KeyError, TypeError, *DAMAGED) as error:
        raise MotionFileError(
            f"{path} cannot be read as trials of motion capture: {error!r}; expected the keys "
            f"trial_00 and so on, edges, {', '.join(_KEYS.values())}"
        ) from error
    if not trials:
        raise MotionFileError(f"{path} has no trial_00; expected (frames, joints, 3)")
    shape = trials[0].shape[1:]
    for name, trial in zip(names, trials, strict=True):
        if trial.ndim != 3 or trial.shape[1:] != shape or trial.shape[2] != 3:
            raise MotionFileError(
                f"{path}: {name} has the shape {trial.shape}; expected (frames, joints, 3) with "
                f"the same joints in all"
            )
        if not np.isfinite(trial).all():
            raise MotionFileError(f"{path}: {name} has a coordinate that is not finite")
    if not all(0 <= joint < shape[0] for edge in edges for joint in edge):
        raise MotionFileError(f"{path}: edges name joints beyond the {shape[0]} that there are")
    for part, rows in starts.items():
        if rows.ndim != 2 or rows.shape[1] != 2 or not len(rows) or rows.min() < 0:
            raise MotionFileError(f"{path}: {_KEYS[part]} is no list of (trial, start)")
        if rows[:, 0].max() >= len(trials):
            raise MotionFileError(f"{path}: {_KEYS[part]} names trials beyond {len(trials) - 1}")
    return MotionTrials(trials, edges, starts, path)


def _number(name):
    """Of a trial: as text, 100 would come before 11."""
    return int(name.removeprefix(_TRIAL))


def _read_folder(path, reach):
    skeletons, motions = sorted(path.glob("*.asf")), sorted(path.glob("*.amc"))
    if len(skeletons) != 1 or len(motions) < 3:
        raise MotionFileError(
            f"{path} has {len(skeletons)} skeletons (.asf) and {len(motions)} trials (.amc); "
            f"expected one and at least three"
        )
    skeleton = read_asf(skeletons[0])
    trials = tuple(
        skeleton.positions(read_amc(motion, skeleton)).astype(np.float32) for motion in motions
    )
    random = np.random.default_rng(0)
    order, starts, begin = random.permutation(len(trials)), {}, 0
    for part, share in _SHARES.items():
        count = len(trials) - begin if part == "test" else max(1, round(share * len(trials)))
        rows = []
        for trial in sorted(order[begin : begin + count].tolist()):
            room = len(trials[trial]) - reach - 1
            if room < 1:
                raise MotionFileError(
                    f"{motions[trial]} has {len(trials[trial])} frames; {reach + 2} are needed"
                )
            drawn = random.permutation(room)[:_DRAWN]
            rows += [(trial, int(start)) for start in drawn]
        starts[part] = np.array(rows)
        begin += count
    return MotionTrials(trials, skeleton.edges, starts, path)
