"""Several analyses of a trajectory, each frame read once."""

from MDAnalysis.analysis.results import Results

from ._frame_analysis import FrameAnalysis, WorkerResults


class OnePass(FrameAnalysis):
    """Run analyses of one trajectory together: reading a frame takes longer than looking at it.

    Parameters
    ----------
    analyses : list of AnalysisBase
        Of the same trajectory; all can be run in parallel. Afterwards each has its results as after
        a run of its own, but those of `FrameAnalysis.after` have not run.
    """

    def __init__(self, analyses, **options):
        super().__init__(analyses[0]._trajectory, **options)
        self._analyses = analyses

    def _prepare(self):
        for number, each in enumerate(self._analyses):
            each.results = self.results[f"of_{number}"] = Results()
            self._tell_frames(each)
            each._prepare()

    def _single_frame(self):
        for each in self._analyses:
            each._ts, each._frame_index = self._ts, self._frame_index
            each._single_frame()

    def _get_aggregator(self):
        aggregators = [each._get_aggregator().merge for each in self._analyses]
        return WorkerResults(lookup={f"of_{n}": merge for n, merge in enumerate(aggregators)})

    def _conclude(self):
        for number, each in enumerate(self._analyses):
            each.results = self.results[f"of_{number}"]
            self._tell_frames(each)
            each._conclude()

    def _tell_frames(self, analysis):
        for name in ("n_frames", "start", "stop", "step"):
            setattr(analysis, name, getattr(self, name))
