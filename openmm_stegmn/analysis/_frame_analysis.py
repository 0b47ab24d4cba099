"""What analyses of frames have in common."""

from types import SimpleNamespace

import numpy as np
from MDAnalysis.analysis.base import AnalysisBase
from MDAnalysis.analysis.results import ResultsGroup


class FrameAnalysis(AnalysisBase):
    """An analysis whose frames are independent, and that may be beside one of a reference."""

    _analysis_algorithm_is_parallelizable = True
    #: The analysis of the reference, if there is one.
    _reference: AnalysisBase | None = None

    @classmethod
    def get_supported_backends(cls):
        """Those that share out the frames too."""
        return ("serial", "multiprocessing", "dask")

    @property
    def before(self):
        """Analyses of the reference, which have to run before this one."""
        return [] if self._reference is None else [self._reference]

    @property
    def after(self):
        """Analyses that have to go through the same frames once more, after this one."""
        return []

    def run(self, *arguments, **options):
        """Go through all of the reference, then through the trajectory, with the same backend."""
        kept = {name: options[name] for name in ("backend", "n_workers") if name in options}
        for each in self.before:
            each.run(**kept)
        super().run(*arguments, **options)
        for each in self.after:
            each.run(*arguments, **options)
        return self

    def _compute(self, *arguments, **options):
        """What a process sends back: no more than what MDAnalysis asks for.

        All of the analysis would have the topology, and what is known of all frames, once more.
        """
        super()._compute(*arguments, **options)
        return SimpleNamespace(frames=self.frames, times=self.times, results=self.results)


class WorkerResults(ResultsGroup):
    """Puts results of workers together, and empties those of each worker.

    MDAnalysis holds them until the analysis has concluded, beside what was made of them.
    """

    def merge(self, objects, require_all_aggregators=True):
        """Results of all; see `ResultsGroup`."""
        merged = super().merge(objects, require_all_aggregators)
        for each in objects:
            if each is not merged:
                each.clear()
        return merged


def join(arrays):
    """Values of frames, first axis, of one worker after the other."""
    return np.concatenate(arrays)


def add_up(parts):
    """Sum, in the first of the parts: all in one array would take as much again."""
    total = parts[0]
    for each in parts[1:]:
        total += each
    return total
