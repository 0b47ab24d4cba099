"""How a model does beside the best baseline, while it is trained."""

from __future__ import annotations

import lightning

from ..training import evaluate
from ._baselines import judged_by

# Validation windows that this is measured on
_WINDOWS = 500


class RatioToBaseline(lightning.Callback):
    """At each validation, the error of a model relative to that of the best baseline.

    Parameters
    ----------
    model : TrajectoryModel
        The one that is trained.
    baselines : dict of TrajectoryModel
        Fitted.
    validation : WindowSet
    """

    def __init__(self, model, baselines, validation):
        self.windows = validation.subset(_WINDOWS)
        self.measure = judged_by(model)[2]
        self.best = min(
            self.measure(evaluate(baseline, self.windows)) for baseline in baselines.values()
        )

    def on_validation_epoch_end(self, trainer, module):
        """Log the ratio; the weights are the averaged ones."""
        found = self.measure(evaluate(module.model, self.windows))
        module.log("ratio", found / self.best, prog_bar=True, logger=False, sync_dist=True)
