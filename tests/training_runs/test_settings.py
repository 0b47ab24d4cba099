"""Settings of training runs: defaults that follow the target, and what is refused."""

import json
import re

import pytest
import torch

from openmm_stegmn.training_runs import TrainSettings


@pytest.mark.parametrize(
    ("target", "model", "history"), [("jump", "stegmn", 10), ("proposal", "stegmn-proposal", 1)]
)
def test_defaults_follow_the_target(target, model, history):
    settings = TrainSettings(target=target)
    assert (settings.model, settings.history) == (model, history)
    assert json.loads(json.dumps(settings.as_dict()))["training"]["steps"] == 4000


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"target": "leap"}, "target 'leap': expected jump or proposal"),
        ({"model": "stegmm"}, "'stegmm' is not registered; for target jump there are: eghn,"),
        ({"model": "stegmn-proposal"}, "is for another target; for target jump there are: eghn"),
        ({"target": "proposal", "model": "stegmn"}, "another target; .*: stegmn-proposal"),
        ({"times": (1,), "fine_tune": 3}, "times and fine tune: only for target proposal"),
        ({"block": 2}, "block: only for target proposal"),
        ({"target": "proposal", "history": 4, "fine_tune": 3}, "history 4 with fine tune 3: only"),
        ({"free_jumps": -1}, "free jumps -1: expected 0 or more"),
        ({"target": "proposal", "config": {"lags": [1]}}, "options lags .* settings of their own"),
        ({"target": "proposal", "times": (1, -2)}, "times -2.0: expected positive"),
        ({"target": "proposal", "components": 0}, "components 0: expected at least 1"),
        ({"target": "proposal", "fine_tune": 0}, "fine tune 0: expected at least 1"),
        ({"history": 0}, "history 0: expected at least 1"),
        ({"frame_interval": float("nan")}, "frame interval nan: expected positive"),
        ({"temperature": -300}, "temperature -300: expected positive"),
        ({"device": "tpu"}, "device must be 'auto', 'cpu' or 'cuda', got 'tpu'"),
    ],
)
def test_refused(values, found):
    with pytest.raises(ValueError, match=found):
        TrainSettings(**values)


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_cuda_where_there_is_none():
    with pytest.raises(ValueError, match=re.escape("device 'cuda': PyTorch finds no CUDA device")):
        TrainSettings(device="cuda")
