"""Which windows each batch holds."""

import numpy as np
from torch.utils.data import Sampler


class WindowOrder(Sampler):
    """Numbers of windows, drawn with replacement, from one validation to the next.

    They follow from the seed and the steps that are done alone: training that was stopped goes on
    with the windows that it would have had. (Lightning's number of the epoch, which samplers are
    told by ``set_epoch``, is one more after going on from the end of one.)

    Parameters
    ----------
    count : int
        Numbers are below it.
    config : TrainingConfig
    done : callable
        Tells the optimiser steps that have been made.
    """

    def __init__(self, count: int, config, done):
        self.count, self.config, self.done = count, config, done

    def __len__(self):
        left = self.config.steps - self.done()
        return self.config.batch_size * min(self.config.validate_every, left)

    def __iter__(self):
        random = np.random.default_rng([self.config.seed, self.done()])
        return iter(random.integers(self.count, size=len(self)).tolist())
