"""The density of torsional moves: what is drawn is what it says."""

import math

import pytest
import torch
from molecules import alkane, hops_of_all, random_rotation, random_walk, toluene, water
from small_proposals import SMALL_PROPOSAL, density_on, grid, p_value, small_proposal

from openmm_stegmn.data import WindowBlocks
from openmm_stegmn.mechanics import wrap_angle
from openmm_stegmn.models import build_model, log_lag

BUTANE = alkane(4, hydrogens=False)
PENTANE = alkane(5, hydrogens=False)
HEPTANE = alkane(7, hydrogens=False)


def chiral():
    """Butan-2-ol without most hydrogens: its handedness does not depend on torsions."""
    molecule = alkane(5, hydrogens=False)
    molecule.hang("O", 2, 1, 0, 1.41, 110, 50)
    molecule.hang("H", 2, 1, 0, 1.09, 109, -70)
    molecule.bonds.append((4, molecule.add("O", molecule.positions[4] + [0.0, 0.4, 1.3])))
    return molecule


def noise(model, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, model.n_noise, generator=generator, dtype=torch.float64)


def frames_of(molecule, count, seed=0):
    return random_walk(molecule, count, width=1.0, seed=seed)


@pytest.mark.parametrize("lag", [None, 1, 50])
@pytest.mark.parametrize(
    ("molecule", "points"), [(BUTANE, 2000), (toluene(), 2000), (PENTANE, 200)],
    ids=["one bond", "methyl", "two bonds"],
)  # fmt: skip
def test_density_integrates_to_one(molecule, points, lag):
    model = small_proposal(molecule, lag=lag)
    turns, volume = grid(model, points)
    for frame in frames_of(molecule, 4 if points > 1000 else 1):
        density = density_on(model, frame, turns)
        assert density.sum() * volume == pytest.approx(1.0, abs=1e-5)
        # ... and it is not even
        assert density.max() > 2 * density.mean()


@pytest.mark.parametrize(
    ("molecule", "points", "bins"), [(BUTANE, 3000, 60), (toluene(), 3000, 60), (PENTANE, 240, 12)],
    ids=["one bond", "methyl", "two bonds"],
)  # fmt: skip
def test_draws_are_distributed_as_the_density(molecule, points, bins):
    model = small_proposal(molecule, seed=1)
    n_bonds, frame, count = len(model.folds), frames_of(molecule, 1), 100_000
    turns, volume = grid(model, points)
    cells = (density_on(model, frame, turns) * volume).reshape(n_bonds * (bins, points // bins))
    expected = count * cells.sum(tuple(range(1, 2 * n_bonds, 2)))
    periods = 2 * math.pi / model.folds
    drawn, _, _ = model.draw(frame.expand(count, 1, -1, -1), noise(model, count))
    assert (drawn.abs() <= periods / 2 * (1 + 1e-12)).all()
    place = ((drawn / periods + 0.5) * bins).long().clamp(0, bins - 1)
    found = torch.zeros_like(expected)
    found.index_put_(place.unbind(-1), torch.ones(count, dtype=found.dtype), accumulate=True)
    assert p_value(found, expected) > 1e-3


def test_the_density_that_draw_reports_is_that_of_what_it_drew():
    for block in (None, 2):
        model = small_proposal(HEPTANE, block=block)
        frames = frames_of(HEPTANE, 200)
        turns, blocks, reported = model.draw(frames[:, None], noise(model, 200))
        torch.testing.assert_close(reported, model.log_density(frames[:, None], turns, blocks))
        assert reported.std() > 0.5


def written_out(model, frame, turns, block):
    """Sums over many images and components, normalised by their integral on a grid."""
    points, _ = grid(model, 240)
    weights, means, widths = model.mixture(
        frame[None, None], torch.zeros_like(turns)[None], block[None], model.lag.double()[None]
    )
    period = (2 * math.pi / model.folds.double())[:, None, None]
    images = period * torch.arange(-4, 5)

    def unnormalised(at):
        apart = at[..., None, None] - means[0][..., None] + images
        bells = (-0.5 * (apart / widths[0][..., None]) ** 2).exp().sum(-1) / widths[0]
        return (weights[0].exp() * bells.where(block[:, None] > 0, 1.0).prod(-2)).sum(-1)

    shown = points[(points[:, block == 0] == points[0, block == 0]).all(-1)]
    volume = (period.flatten()[block > 0] / 240).prod()
    return unnormalised(turns) / (unnormalised(shown).sum() * volume)


@pytest.mark.parametrize("config", [{}, {"block": 1}, {"lag": 5}])
def test_ratio_of_trials_is_the_way_back_over_the_way_there(config):
    model, base = small_proposal(PENTANE, seed=2, **config), PENTANE.frame
    given = noise(model, 5)
    frames, log_ratio = model.trials(base, given)
    start = base.expand(5, 1, -1, -1)
    turns, block, there = model.draw(start, given)
    torsions = model.context.body.torsions
    torch.testing.assert_close(wrap_angle(torsions(frames) - torsions(base) - turns), 0 * turns)
    back = model.log_density(frames[:, None], -turns, block)
    expected = back - model.log_density(start, turns, block)
    torch.testing.assert_close(log_ratio, expected)
    for frame, turn, part, one, ratio in zip(frames, turns, block, there, log_ratio, strict=True):
        forward = written_out(model, base, turn, part)
        back = written_out(model, frame, -turn, part)
        assert one.item() == pytest.approx(forward.log().item(), abs=1e-5)
        assert ratio.item() == pytest.approx((back / forward).log().item(), abs=1e-5)
    assert log_ratio.abs().max() > 0.5


@pytest.mark.parametrize("molecule", [alkane(5), toluene(), chiral()], ids=["a", "b", "c"])
def test_moves_keep_lengths_and_angles(molecule):
    """In the precision of the frame, whatever that of the network."""
    model, base = small_proposal(molecule).float(), molecule.frame
    frames, log_ratio = model.trials(base, noise(model, 20))
    assert frames.dtype == torch.float64 and log_ratio.dtype == torch.float32
    kept = hops_of_all(model) <= 2
    distances = torch.cdist(frames, frames)[:, kept]
    expected = torch.cdist(base, base)[kept].expand_as(distances)
    torch.testing.assert_close(distances, expected, atol=1e-10, rtol=0)
    assert (frames - base).abs().amax((1, 2)).min() > 0.01


@pytest.mark.parametrize("molecule", [alkane(5), toluene(), chiral()], ids=["a", "b", "c"])
@pytest.mark.parametrize("config", [{}, {"block": 1, "lag": 5}])
def test_mirror_images_have_mirror_images_for_moves(molecule, config):
    """With the same noise, and the same density."""
    model, frames = small_proposal(molecule, **config), frames_of(molecule, 30)
    mirror = lambda x: x @ random_rotation(3, reflect=True).T + 2.0  # noqa: E731
    given = noise(model, 30)
    moved, log_ratio = model.trials(frames, given)
    again, ratio_again = model.trials(mirror(frames), given)
    torch.testing.assert_close(again, mirror(moved), atol=1e-9, rtol=0)
    torch.testing.assert_close(ratio_again, log_ratio, atol=1e-9, rtol=0)
    turns, block, density = model.draw(frames[:, None], given)
    mirrored = model.draw(mirror(frames)[:, None], given)
    # Half a period one way is half a period the other way.
    period = 2 * math.pi / model.folds
    sum_of_both = (mirrored[0] + turns) / period
    torch.testing.assert_close(sum_of_both, sum_of_both.round(), atol=1e-9, rtol=0)
    assert torch.equal(mirrored[1], block)
    torch.testing.assert_close(mirrored[2], density, atol=1e-9, rtol=0)


def test_jump_is_the_move_of_no_noise():
    model = small_proposal(PENTANE)
    frame = PENTANE.frame
    jumped, _ = model.jump(frame[None], frame)
    moved, _ = model.trials(frame, torch.zeros(1, model.n_noise))
    torch.testing.assert_close(jumped, moved[0])


def even_noise(count):
    """Normally distributed, and evenly spread over the chances."""
    return torch.special.ndtri((torch.arange(count, dtype=torch.float64) + 0.5) / count)


@pytest.mark.parametrize("block", [1, 2, 3])
def test_every_bond_is_in_as_many_blocks(block):
    model = small_proposal(HEPTANE, block=block)
    n_bonds, starts = 4, 4 + block - 1
    drawn = model.draw_block(even_noise(100 * starts))
    assert (drawn.sum(0) == 100 * block).all()
    kinds, counts = drawn.unique(dim=0, return_counts=True)
    assert len(kinds) == starts and (counts == 100).all()
    # Whole blocks in the middle, parts of blocks at the ends
    assert drawn.sum(1).max() == block and drawn.sum(1).min() == 1
    # Bonds that turn are next to each other along the chain, whatever their numbers.
    axes = model.context.body.torsion_atoms[:, 1:3].tolist()
    assert sorted(map(sorted, axes)) != list(map(sorted, axes))
    for kind in kinds:
        atoms = sorted(min(axes[bond]) for bond in range(n_bonds) if kind[bond] > 0)
        assert atoms == list(range(atoms[0], atoms[0] + len(atoms)))


def test_extreme_noise_is_still_a_block():
    for dtype in (torch.float32, torch.float64):
        drawn = small_proposal(HEPTANE, block=2).draw_block(
            torch.tensor([-40.0, 40.0], dtype=dtype)
        )
        assert (drawn.sum(1) >= 1).all()


def test_bonds_outside_the_block_do_not_turn():
    model, base = small_proposal(HEPTANE, block=2), HEPTANE.frame
    given = noise(model, 100)
    frames, _ = model.trials(base, given)
    _, block, _ = model.draw(base.expand(100, 1, -1, -1), given)
    torsions = model.context.body.torsions
    turned = wrap_angle(torsions(frames) - torsions(base)).abs()
    assert turned[block == 0].max() < 1e-9 < 1e-4 < turned[block == 1].min()


def test_density_is_one_of_the_bonds_in_the_block():
    """Given how far the others turn, which it depends on."""
    model, frame = small_proposal(PENTANE, lag=10), PENTANE.frame
    block = torch.tensor([1.0, 0.0], dtype=torch.float64)
    turns, _ = grid(model, 1000)
    turns = turns.reshape(1000, 1000, 2)
    densities = [density_on(model, frame, turns[:, other], block) for other in (0, 300)]
    for density in densities:
        assert density.mean() * 2 * math.pi == pytest.approx(1.0, abs=1e-5)
    assert (densities[0] - densities[1]).abs().max() > 0.01
    # ... but not on what it is told of the bonds that are asked for
    mixtures = [
        model.mixture(frame[None, None], turns[row, :1], block[None], model.lag.double()[None])
        for row in (0, 400)
    ]
    for one, other in zip(*mixtures, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("block", [4, 9, None])
def test_blocks_of_all_bonds_are_none(block):
    model = small_proposal(HEPTANE, block=block)
    assert model.block is None
    assert torch.equal(model.draw_block(even_noise(10)), torch.ones(10, 4).double())


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"hidden": 15}, "hidden = 15 cannot be shared by heads = 2"),
        ({"components": 0}, "components = 0"),
        ({"block": 0}, "block = 0"),
        ({"lags": [], "lag": 3}, "lag = 3"),
        ({"lags": [], "lag": None}, "lag = None"),
        ({"lags": [0, 5], "lag": 3}, "at least 1"),
        ({"lags": [1, 5], "lag": 6}, "lag = 6 must be one of"),
        ({"lags": [2, 5], "lag": 1}, "lag = 1"),
        ({"lags": [1, 5], "lag": None}, "lag = None"),
        ({"lags": [None], "lag": 1}, "lag = 1"),
    ],
)
def test_options_that_make_no_sense(config, match):
    with pytest.raises(ValueError, match=match):
        build_model(PENTANE.spec("stegmn-proposal", 1, config=SMALL_PROPOSAL | config))


@pytest.mark.parametrize("molecule", [water(), alkane(3, hydrogens=False)])
def test_a_molecule_without_rotatable_bonds_is_refused(molecule):
    with pytest.raises(ValueError, match="this molecule has none"):
        build_model(molecule.spec("stegmn-proposal", 1))


def test_the_density_depends_on_the_time():
    model, frame = small_proposal(PENTANE, lag=10), PENTANE.frame
    turns, _ = grid(model, 20)
    own = density_on(model, frame, turns)
    assert torch.equal(own, density_on(model, frame, turns, lag=log_lag(10)))
    for lag in (None, 1, 50):
        assert (own - density_on(model, frame, turns, lag=log_lag(lag))).abs().max() > 0.01


@pytest.mark.parametrize("block", [None, 1])
def test_at_equilibrium_it_is_a_density_of_the_torsions_that_come_out(block):
    """From wherever the same torsions are reached, the same density."""
    molecule = chiral()
    base, count = molecule.frame, 50
    differences = {}
    for lag in (None, 5):
        model = small_proposal(molecule, lag=lag, block=block)
        frames, log_ratio = model.trials(base, noise(model, count))
        start = base.expand(count, 1, -1, -1)
        turns, blocks, there = model.draw(start, noise(model, count))
        staying = model.log_density(frames[:, None], 0 * turns, blocks)
        from_base = model.log_density(start, 0 * turns, blocks)
        differences[lag] = max(
            (staying - there).abs().max(), (from_base - staying - log_ratio).abs().max()
        )
    assert differences[None] < 1e-5 < 0.1 < differences[5]


def test_before_training_components_are_at_torsions_of_targets():
    torch.manual_seed(0)
    model = build_model(PENTANE.spec("stegmn-proposal", 1, config=SMALL_PROPOSAL)).double()
    frames = frames_of(PENTANE, 60)
    model.fit(WindowBlocks.of(frames[:, None], frames))
    body = model.context.body
    nothing, everything = torch.zeros(60, 2).double(), torch.ones(60, 2).double()
    weights, means, _ = model.mixture(frames[:, None], nothing, everything, model.lag.expand(60))
    torch.testing.assert_close(weights, torch.full_like(weights, -math.log(6)))
    torsions = body.torsions(frames)
    ends = (torsions[:, :, None] + means).transpose(1, 2)  # (frames, components, bonds)
    same = model.handedness(frames, torsions)
    known = torsions[[0, 12, 24, 35, 47, 59]] * same[[0, 12, 24, 35, 47, 59]]
    off = wrap_angle(ends * same[:, :, None] - known)
    torch.testing.assert_close(off, torch.zeros_like(off), atol=1e-9, rtol=0)
