"""Starts of windows by number are those of a list of all."""

import torch

from openmm_stegmn.data._starts import EveryStart


def test_starts_are_those_of_each_trajectory_in_turn():
    lengths, reach = [7, 3, 2, 9, 4], 3
    expected, offset = [], 0
    for length in lengths:
        expected += range(offset, offset + max(0, length - reach))
        offset += length
    starts = EveryStart(lengths, reach)
    assert len(starts) == len(expected) == 11
    assert starts[:].tolist() == list(map(int, starts)) == expected
    assert starts[3:9:2].tolist() == expected[3:9:2]
    assert starts[-2:].tolist() == expected[-2:]
    index = torch.tensor([[10, 0], [4, 4]])
    assert starts[index].tolist() == [[expected[10], expected[0]], [expected[4]] * 2]
    assert starts.to("cpu")[index].tolist() == starts[index].tolist()
    assert int(starts[torch.tensor(5)]) == expected[5]
