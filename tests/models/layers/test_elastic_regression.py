"""Least squares in positions and arms: what it must find exactly."""

import torch
from molecules import alkane, random_walk

from openmm_stegmn.models.layers import ElasticRegression, _elastic_regression


def everyone(n):
    table = torch.arange(n - 1).expand(n, n - 1)
    return table + (table >= torch.arange(n)[:, None]).long()


def pulled(window):
    """A step that no scalar weights of positions give: along the arms, by how they stretched."""
    last, before = window[:, -1], window[:, -2]
    arm = last[:, 1] - last[:, 0]
    length = arm.norm(dim=-1, keepdim=True)
    stretched = length - (before[:, 1] - before[:, 0]).norm(dim=-1, keepdim=True)
    target = last + 0.5 * (last - before)
    target[:, 0] += arm / length * (0.3 * stretched - 0.2 * (length - 1.5))
    return target


def windows(count=600):
    molecule = alkane(4, hydrogens=False)
    frames = random_walk(molecule, 4 * count).reshape(count, 4, molecule.n_atoms, 3)
    return frames, pulled(frames)


def test_finds_what_made_the_data():
    window, target = windows()
    regression = ElasticRegression(everyone(4), 4).double()
    regression.fit(window, target)
    predicted = window[:, -1] + regression(window)
    torch.testing.assert_close(predicted, target, atol=1e-5, rtol=0)


def test_unseen_windows():
    window, target = windows()
    regression = ElasticRegression(everyone(4), 4).double()
    regression.fit(window[:300], target[:300])
    predicted = window[300:, -1] + regression(window[300:])
    torch.testing.assert_close(predicted, target[300:], atol=1e-4, rtol=0)


def test_noise_is_not_learned_by_heart():
    """Targets without any rule: held-out windows ask for a strong ridge."""
    window, _ = windows(40)
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(40, 4, 3, generator=generator, dtype=torch.float64)
    regression = ElasticRegression(everyone(4), 4).double()
    regression.fit(window, window[:, -1] + noise)
    assert regression(window).square().mean() < 0.7 * noise.square().mean()


def test_one_window_is_enough_to_run():
    window, target = windows(1)
    regression = ElasticRegression(everyone(4), 4).double()
    regression.fit(window, target)
    assert torch.isfinite(regression(window)).all()


def test_of_many_atoms_only_near_positions_count(monkeypatch):
    """With all others for neighbours the features are the same, and so are predictions."""
    window, target = windows()
    whole = ElasticRegression(everyone(4), 4).double()
    monkeypatch.setattr(_elastic_regression, "ALL_POSITIONS", 1)
    near = ElasticRegression(everyone(4), 4).double()
    for regression in (whole, near):
        regression.fit(window, target)
    torch.testing.assert_close(near(window), whole(window), atol=1e-6, rtol=0)
    fewer = ElasticRegression(everyone(4)[:, :2], 4)
    assert fewer.position_weights.shape == (4, 4, 3)
