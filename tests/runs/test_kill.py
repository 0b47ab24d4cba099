"""SIGKILL at random moments; fifty of them are in ``benchmarks/kill_runs.py``."""

import random

import kill_runs


def test_three_kills_lose_nothing(tmp_path):
    random.seed(1)
    seen = kill_runs.kill_often(tmp_path, kills=3, longest=0.5)
    assert seen["kills"] == 3
    assert seen["frames"] > 50
