"""Which windows each batch holds."""

import numpy as np
from torch.utils.data import Sampler


class WindowOrder(Sampler):
    """Numbers of windows, drawn with replacement, from one validation to the next.

    Of several processes each takes its share of every batch: together they take the batches that
    one alone would.

    They follow from the seed and the steps that are done alone: training that was stopped goes on
    with the windows that it would have had. (Lightning's number of the epoch, which samplers are
    told by ``set_epoch``, is one more after going on from the end of one.)

    Parameters
    ----------
    count : int
        Numbers are below it.
    config : TrainingConfig
    trainer : lightning.Trainer
        Knows the optimiser steps that have been made, and which process this is.
    """

    def __init__(self, count: int, config, trainer):
        self.count, self.config, self.trainer = count, config, trainer

    def __len__(self):
        left = self.config.steps - self.trainer.global_step
        steps = min(self.config.validate_every, left)
        return steps * self.config.batch_size // self.trainer.world_size

    def __iter__(self):
        random = np.random.default_rng([self.config.seed, self.trainer.global_step])
        world = self.trainer.world_size
        everything = random.integers(self.count, size=len(self) * world)
        return iter(everything[self.trainer.global_rank :: world].tolist())
