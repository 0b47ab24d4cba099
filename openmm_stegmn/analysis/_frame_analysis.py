"""What analyses of frames have in common."""

from MDAnalysis.analysis.base import AnalysisBase


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

    def run(self, *arguments, **options):
        """Go through all of the reference, then through the trajectory, with the same backend."""
        kept = {name: options[name] for name in ("backend", "n_workers") if name in options}
        for each in self.before:
            each.run(**kept)
        return super().run(*arguments, **options)
