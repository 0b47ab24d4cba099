"""The stationary distribution of known chains, from legs whose starts are biased."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from synthetic import angles_of_states, chain, hybrid_frames, two_states

from openmm_stegmn.analysis import HybridFrames, LegMarkovModel, _leg_features, _markov_estimate

STAY = (0.95, 0.8)
SHARE = (1 - STAY[0]) / (2 - sum(STAY))  # of state 1: 0.2


def biased(rng, n_legs=150, leg=10, stay=STAY, start=1):
    """Jumps always go to one state, and put the molecule elsewhere in it than it belongs."""
    frames = hybrid_frames(n_legs, leg)
    states = np.concatenate([two_states(stay, leg + 1, rng, start) for _ in range(n_legs)])
    angles = angles_of_states(states, rng)
    angles[frames.jumped] = 2.2
    return frames, states, angles


def model(universe, frames, run=None, **options):
    options = {"lag": 1.0, "n_states": 2} | options
    return LegMarkovModel(universe.atoms, frames=frames, **options).run(**run or {})


def test_legs_correct_biased_starts():
    """In 19 of 20 cases the interval holds the known share; the raw share is far away."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(20):
        frames, states, angles = biased(rng)
        found = model(chain(angles), frames)
        mean, low, high = found.average(states == 1)
        held += low <= SHARE <= high
        raw = (states == 1).mean()
        assert raw > 0.4 > mean
        assert 0.02 < high - low < 0.2
    assert held >= 17  # of 20 at 95 %: fewer than one time in sixty


def test_what_the_model_tells():
    frames, states, angles = biased(np.random.default_rng(1), n_legs=400)
    found = model(chain(angles), frames)
    results = found.results
    assert results.lag == 1.0 and results.n_legs == 400 and results.unknown_share == 0
    # jumped frames have the state that they are nearest to
    assert len(np.unique(results.states[frames.jumped])) == 1
    ones = results.states == results.states[frames.jumped][0]
    np.testing.assert_array_equal(ones, states == 1)
    assert results.weights.sum() == pytest.approx(1) and (results.weights > 0).all()
    assert (results.leg_weights[frames.jumped] == 0).all()
    for weights in (results.weights, results.leg_weights):
        assert weights[ones].sum() == pytest.approx(SHARE, abs=0.03)
    low, high = results.stationary_interval
    assert (low <= results.stationary_distribution).all()
    assert (results.stationary_distribution <= high).all()
    # eigenvalue 0.75 of the known matrix
    times = results.implied_timescales
    expected = -1 / np.log(sum(STAY) - 1)
    place = times["lags"].tolist().index(1.0)
    assert times["timescales"][place, 0] == pytest.approx(expected, rel=0.15)
    assert (times["low"][:, 0] < expected).mean() > 0.5 < (times["high"][:, 0] > expected).mean()
    mean, low, high = found.passage_time(~ones, ones)
    assert low < 1 / (1 - STAY[0]) < high and mean == pytest.approx(20, rel=0.2)


def test_the_seed_makes_the_posterior():
    frames, _, angles = biased(np.random.default_rng(1))
    first, again = (model(chain(angles), frames, seed=3).results for _ in range(2))
    np.testing.assert_array_equal(again.stationary_interval, first.stationary_interval)
    np.testing.assert_equal(dict(again.implied_timescales), dict(first.implied_timescales))
    np.testing.assert_equal(again.chapman_kolmogorov, first.chapman_kolmogorov)
    pieces = [first.states[start : start + 11] for start in range(0, len(frames), 11)]
    same, other = (_markov_estimate.estimate(pieces, 1, 2, seed=seed).samples for seed in (3, 4))
    assert not np.allclose(same, other)


def test_a_passage_that_samples_never_make_takes_for_ever():
    """In short runs the posterior has probabilities of zero to rounding."""
    markov = pytest.importorskip("deeptime.markov.msm").MarkovStateModel
    frames, states, angles = biased(np.random.default_rng(1), n_legs=400)
    found = model(chain(angles), frames)
    back, forth = (markov([[1 - p, p], [0.2, 0.8]]) for p in (0.1, 1e-20))
    posterior = SimpleNamespace(prior=back, samples=[back] * 5 + [forth] * 5)
    found.results.estimate = replace(found.results.estimate, posterior=posterior)
    inside = found.results.states == 0
    assert found.passage_time(inside, ~inside) == pytest.approx((10, 10, np.inf))
    assert found.passage_time(~inside, inside) == pytest.approx((5, 5, 5))


@pytest.mark.parametrize("n_workers", [1, 3])
@pytest.mark.parametrize("lag", [1.0, 4.0])
def test_features_too_many_to_be_kept_make_the_same_model(monkeypatch, n_workers, lag):
    """In two passes; processes begin within legs, which have to be known from before."""
    frames, _, angles = biased(np.random.default_rng(1))
    expected = model(chain(angles), frames, lag=lag).results
    monkeypatch.setattr(_leg_features, "_MOST_KEPT", 0)
    monkeypatch.setattr(_leg_features, "_MOST_MATRICES", 0)
    run = {} if n_workers == 1 else {"backend": "multiprocessing", "n_workers": n_workers}
    analysis = model(chain(angles), frames, run, lag=lag)
    assert len(analysis.after) == 1
    found = analysis.results
    np.testing.assert_array_equal(found.states, expected.states)
    np.testing.assert_array_equal(found.weights, expected.weights)
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("most", [0, 2**20])
def test_some_frames_make_the_model_of_those(monkeypatch, most):
    monkeypatch.setattr(_leg_features, "_MOST_KEPT", most)
    monkeypatch.setattr(_leg_features, "_MOST_MATRICES", 0)
    frames, _, angles = biased(np.random.default_rng(1))
    part = slice(300, 1200)
    expected = model(chain(angles[part]), frames[part]).results
    found = model(chain(angles), frames, {"start": 300, "stop": 1200}).results
    np.testing.assert_array_equal(found.times, expected.times)
    np.testing.assert_array_equal(found.states, expected.states)


def test_chapman_kolmogorov_of_a_markov_chain():
    frames, _, angles = biased(np.random.default_rng(2), n_legs=400)
    rows = model(chain(angles), frames).results.chapman_kolmogorov
    assert [row["lag"] for row in rows] == [1.0, 2.0, 3.0, 4.0]
    for row in rows:
        # the same from predicted and from estimated intervals
        assert (row["low"] <= row["estimated_high"]).all()
        assert (row["estimated_low"] <= row["high"]).all()
        assert row["predicted"] == pytest.approx(row["estimated"], abs=0.05)


def test_free_energy_is_that_of_the_known_distribution():
    frames, states, angles = biased(np.random.default_rng(3), n_legs=400)
    found = model(chain(angles), frames).free_energy(angles, [np.linspace(-np.pi, np.pi, 3)])
    expected = np.log((1 - SHARE) / SHARE)
    assert found.energy[1] == pytest.approx(expected, abs=0.15)
    away = (found.high - found.low)[1]
    assert found.low[1] <= expected <= found.high[1] or away < 0.3
    raw = np.log((angles < 0).mean() / (angles > 0).mean())
    assert abs(raw - expected) > 1


def test_states_that_legs_only_leave_are_unknown():
    """A jump to where dynamics never goes: nothing is known of its weight, and it is told."""
    frames, states, angles = biased(np.random.default_rng(4), stay=(1.0, 0.7))
    results = model(chain(angles), frames).results
    gone = np.isnan(results.stationary_distribution)
    assert gone.sum() == 1 and results.unknown_share == pytest.approx((states == 1).mean())
    assert (results.weights[states == 1] == 0).all()


def test_jumps_do_not_enter_transitions():
    """Two states that only jumps connect."""
    frames, states, angles = biased(np.random.default_rng(5), stay=(1.0, 1.0))
    half = np.repeat(np.arange(150) % 2, 11)
    results = model(chain(np.where(half, angles, -angles)), frames).results
    assert np.isnan(results.stationary_distribution).sum() == 1


def test_legs_shorter_than_the_lag_are_refused_with_the_number_needed():
    frames, _, angles = biased(np.random.default_rng(6), n_legs=20, leg=5)
    with pytest.raises(
        ValueError, match="longest leg has 5 frames .4 ps.*at least 8 frames.*at mo"
    ):
        model(chain(angles), frames, lag=7.0)
    jumps = HybridFrames.from_arrays(np.arange(5.0), [1, 1, 1, 1, 1])
    with pytest.raises(ValueError, match="There is no leg"):
        model(chain(np.zeros(5)), jumps)


def test_an_exact_run_has_jumped_frames_in_its_legs():
    rng = np.random.default_rng(7)
    exact = hybrid_frames(50, 4, kinds=("exact",))
    angles = angles_of_states(two_states(STAY, len(exact), rng), rng)
    with_jumps = model(chain(angles), exact, lag=4.0).results
    assert with_jumps.n_legs == 50
    with pytest.raises(ValueError, match="longest leg has 4 frames"):
        model(chain(angles), exact, lag=4.0, with_jump=False)


@pytest.mark.parametrize(
    "backend", ["multiprocessing", pytest.param("dask", marks=pytest.mark.slow)]
)
def test_parallel_equals_serial(backend):
    if backend == "dask":
        pytest.importorskip("dask")
    frames, _, angles = biased(np.random.default_rng(8), n_legs=60)
    serial = model(chain(angles), frames, n_states=5).results
    run = {"backend": backend, "n_workers": 2}
    parallel = model(chain(angles), frames, run, n_states=5).results
    np.testing.assert_array_equal(parallel.states, serial.states)
    np.testing.assert_array_equal(parallel.weights, serial.weights)


def on_a_circle(atoms):
    angle = np.deg2rad(atoms.dihedral.value())
    return [np.cos(angle), np.sin(angle)]


@pytest.mark.parametrize("features", [on_a_circle, "distances", "contacts"])
def test_other_features(features):
    """The ends are nearer to each other in one state than in the other, if both are on one side."""
    frames, states, angles = biased(np.random.default_rng(9), n_legs=300)
    angles = np.where(states == 0, angles + 4.5, angles - 1.0)  # about 3.0, and 0.5
    found = model(chain(angles), frames, features=features, dimensions=0)
    mean, low, high = found.average(states == 1)
    assert mean == pytest.approx(SHARE, abs=0.06)


def test_bad_input():
    universe = chain(np.zeros(4))
    with pytest.raises(ValueError, match="features 'shapes': expected dihedrals"):
        LegMarkovModel(universe.atoms, features="shapes")
    with pytest.raises(ValueError, match="lag -1"):
        LegMarkovModel(universe.atoms, lag=-1)
    with pytest.raises(ValueError, match="2 atoms have no bond that can turn"):
        LegMarkovModel(universe.atoms[:2])
    frames, _, angles = biased(np.random.default_rng(10), n_legs=20)
    found = model(chain(angles), frames)
    with pytest.raises(ValueError, match="There are 3 values"):
        found.average(np.zeros(3))
    with pytest.raises(ValueError, match="without step"):
        model(chain(angles), frames, {"step": 2})


def test_without_deeptime_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "deeptime.markov.msm", None)
    with pytest.raises(ImportError, match=r'pip install "openmm-stegmn\[analysis\]"'):
        LegMarkovModel(chain(np.zeros(4)).atoms)
