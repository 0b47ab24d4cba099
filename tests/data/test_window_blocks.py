"""Windows in blocks: the same windows, in order, however they are asked for."""

import torch

from openmm_stegmn.data import WindowBlocks, WindowSet


def windows():
    frames = torch.randn(40, 3, 3, generator=torch.Generator().manual_seed(0))
    return WindowSet.from_trajectories([frames[:15], frames[15:]], 4)


def test_blocks_of_a_set_are_its_windows():
    every = windows().take(slice(None))
    blocks = WindowBlocks.of_set(windows())
    assert len(blocks) == len(windows()) and blocks.size == 1000
    blocks.size = 7
    assert [len(window) for window, _ in blocks] == [7, 7, 7, 7, 4]
    for _ in range(2):  # as often as they are needed
        for found, expected in zip(blocks.join(), every, strict=True):
            assert torch.equal(found, expected)


def test_directions_are_side_by_side():
    stretches = windows().take_stretches(slice(None))
    forwards, backwards = (
        (frames[:, :-1], frames[:, -1]) for frames in (stretches, stretches.flip(1))
    )
    found = WindowBlocks.of_set(windows(), backwards=True).join()
    for part, one, other in zip(found, forwards, backwards, strict=True):
        assert torch.equal(part[::2], one) and torch.equal(part[1::2], other)


def test_parts_and_changes():
    window, target = windows().take(slice(None))
    blocks = WindowBlocks.of(window, target, size=5)
    assert torch.equal(blocks[3:20][::2].join()[0], window[3:20:2])
    assert torch.equal(blocks[torch.tensor([8, 2])].join()[1], target[[8, 2]])
    assert blocks.evenly(100) is blocks
    assert torch.equal(blocks.evenly(3).join()[1], target[[0, 16, 31]])
    moved = blocks.changed(lambda w, t: (w + 1, t - 1))[:9]
    assert torch.equal(moved.join()[0], window[:9] + 1)
    assert torch.equal(moved.join()[1], target[:9] - 1)


def test_of_large_molecules_fewer_at_a_time():
    frames = torch.zeros(30, 5000, 3)
    blocks = WindowBlocks.of_set(WindowSet.from_trajectories([frames], 10))
    assert blocks.size == 21  # 10 frames of 5,000 atoms each: a million atoms
