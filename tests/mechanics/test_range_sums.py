"""Sums over ranges against plain sums."""

import pytest
import torch

from openmm_stegmn.mechanics import _range_sums
from openmm_stegmn.mechanics._range_sums import RangeSums


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("matrix", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 17, 64, 1001])
def test_sums(n, matrix, weighted, monkeypatch):
    monkeypatch.setattr(_range_sums, "_MATRIX", 10**9 if matrix else 0)
    generator = torch.Generator().manual_seed(n)
    values = torch.randn(2, n, 3, generator=generator, dtype=torch.float64)
    order = torch.randperm(n, generator=generator)
    ends = torch.randint(0, n + 1, (60, 2), generator=generator).sort(1).values
    weights = torch.rand(n, generator=generator, dtype=torch.float64) if weighted else None
    sums = RangeSums(order, ends[:, 0], ends[:, 1], weights)
    found = sums(values)
    scaled = values * weights[:, None] if weighted else values
    expected = torch.stack([scaled[:, order[a:b]].sum(1) for a, b in ends.tolist()], 1)
    torch.testing.assert_close(found, expected)
    single = sums.float()(values.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), expected, atol=1e-4, rtol=1e-5)


def test_no_range(monkeypatch):
    monkeypatch.setattr(_range_sums, "_MATRIX", -1)
    none = torch.zeros(0, dtype=torch.long)
    assert RangeSums(torch.arange(4), none, none)(torch.ones(4, 2)).shape == (0, 2)
