"""Jumped, physical and reference frames, of distributions that are known."""

import MDAnalysis
import numpy as np
import pytest
from synthetic import angles_of_states, chain, chain_positions, hybrid_frames, universe_of

from openmm_stegmn.analysis import OUTSIDE, WITHIN, HybridFrames, OriginComparison
from openmm_stegmn.analysis._origin_comparison import make_observables
from openmm_stegmn.systems import packaged_structure

LEGS, LEG = 120, 5


@pytest.fixture(scope="module")
def frames():
    return hybrid_frames(LEGS, LEG)


def drawn(frames, rng, width=0.3, jumped_width=0.3):
    width = np.where(frames.jumped, jumped_width, width)
    return angles_of_states(rng.integers(2, size=len(frames)), rng, width)


def compared(universe, frames, reference=None, run=None, **options):
    options = {"observables": ["dihedrals", "radius of gyration"]} | options
    if reference is not None:
        reference = reference.atoms
    analysis = OriginComparison(universe.atoms, reference, frames=frames, **options)
    return analysis.run(**run or {}).results


def by_name(results):
    pairs = zip(results.comparisons, results.verdicts, strict=True)
    return {(c.observable, c.left, c.right): (c, verdict) for c, verdict in pairs}


def test_the_same_distribution_is_within_noise(frames):
    rng = np.random.default_rng(0)
    reference = chain(drawn(hybrid_frames(200, LEG), rng))
    found = compared(chain(drawn(frames, rng)), frames, reference)
    assert len(found.comparisons) == 6 and set(found.verdicts) == {WITHIN}


def test_jumped_frames_that_are_too_narrow_are_found(frames):
    rng = np.random.default_rng(1)
    reference = chain(drawn(hybrid_frames(200, LEG), rng))
    universe = chain(drawn(frames, rng, jumped_width=0.05))
    found = by_name(compared(universe, frames, reference))
    jumped, verdict = found["dihedrals", "jumped frames", "physical frames"]
    assert verdict == OUTSIDE and jumped.value > 3 * jumped.floor_95
    assert jumped.worst == "MOL 1 C1-C2-C3-C4"
    # only a sixth of all frames is wrong, and physical ones are right
    assert found["dihedrals", "physical frames", "reference MD"][1] == WITHIN


def test_a_shifted_reference_is_outside_for_all_frames(frames):
    rng = np.random.default_rng(2)
    reference = chain(drawn(hybrid_frames(200, LEG), rng) + 0.4)
    found = by_name(compared(chain(drawn(frames, rng)), frames, reference))
    assert found["dihedrals", "all frames", "reference MD"][1] == OUTSIDE
    assert found["dihedrals", "physical frames", "reference MD"][1] == OUTSIDE
    assert found["dihedrals", "jumped frames", "physical frames"][1] == WITHIN


def test_a_plain_trajectory_is_compared_with_a_reference_only():
    rng = np.random.default_rng(3)
    plain = HybridFrames.from_arrays(np.arange(400.0), np.zeros(400, int))
    universe, reference = (chain(drawn(plain, rng)) for _ in range(2))
    found = compared(universe, plain, reference)
    assert {(c.left, c.right) for c in found.comparisons} == {("physical frames", "reference MD")}
    assert compared(universe, plain).comparisons == []


@pytest.mark.parametrize(
    "backend", ["multiprocessing", pytest.param("dask", marks=pytest.mark.slow)]
)
def test_parallel_equals_serial(frames, backend):
    if backend == "dask":
        pytest.importorskip("dask")
    rng = np.random.default_rng(4)
    universe, reference = (chain(drawn(frames, rng)) for _ in range(2))
    serial = compared(universe, frames, reference)
    run = {"backend": backend, "n_workers": 2}
    parallel = compared(universe, frames, reference, run)
    np.testing.assert_array_equal(parallel.sums, serial.sums)
    assert parallel.comparisons == serial.comparisons


def test_fluctuations_bonds_and_angles():
    """Known changes of a length, an angle and a fluctuation in jumped frames."""
    frames = hybrid_frames(100, 4)
    rng, jumped = np.random.default_rng(5), frames.jumped
    positions = chain_positions(0.5 + 0.2 * rng.normal(size=len(frames)))
    positions = positions + 0.02 * rng.normal(size=positions.shape)
    same = compared(universe_of(positions), frames, observables=["bonds", "angles", "RMSF"])
    assert set(same.verdicts) == {WITHIN}
    changed = positions.copy()
    changed[jumped, 3] += 0.05 * (changed[jumped, 3] - changed[jumped, 2])
    found = by_name(compared(universe_of(changed), frames, observables=["bonds"]))
    ((bonds, verdict),) = found.values()
    # one bond of three is longer by 5 % of 1.5 Å
    assert verdict == OUTSIDE and bonds.unit == "Å" and bonds.worst == "C-C"
    assert bonds.value == pytest.approx(0.025, abs=0.006)
    loose = positions.copy()
    loose[jumped] += 0.3 * rng.normal(size=loose[jumped].shape)
    ((rmsf, verdict),) = by_name(
        compared(universe_of(loose), frames, observables=["RMSF"])
    ).values()
    assert verdict == OUTSIDE and rmsf.unit == "Å" and 0.1 < rmsf.value < 0.6


def test_observables_of_a_protein():
    """A folded hairpin has all of them but water; a tally is a share of each member."""
    universe = MDAnalysis.Universe(str(packaged_structure("chignolin")))
    found = {each.name: each for each in make_observables(universe.atoms)}
    assert list(found) == [
        "Ramachandran", "dihedrals", "bonds", "angles", "radius of gyration", "RMSF",
        "secondary structure",
    ]  # fmt: skip
    tallies = {name: each.tally(universe.atoms.positions, None) for name, each in found.items()}
    for name, tally in tallies.items():
        assert tally.shape == (found[name].size,)
    assert len(found["Ramachandran"].members) == 8
    for name in ("Ramachandran", "dihedrals", "secondary structure"):
        sums = tallies[name].reshape(len(found[name].members), -1).sum(1)
        assert sums.tolist() == [1.0] * len(sums)
    # Glycine 7 turns back: strands on both sides, none at the ends
    strands = tallies["secondary structure"].reshape(-1, 3)[:, 2]
    assert strands.sum() >= 2 and strands[0] == 0


def test_radial_distribution_of_an_ideal_gas_is_one():
    rng = np.random.default_rng(6)
    universe = MDAnalysis.Universe.empty(
        501, n_residues=501, atom_resindex=np.arange(501), trajectory=True
    )
    universe.add_TopologyAttr("names", ["C"] + ["O"] * 500)
    universe.add_TopologyAttr("elements", ["C"] + ["O"] * 500)
    universe.add_TopologyAttr("types", ["C"] + ["O"] * 500)
    universe.add_TopologyAttr("resnames", ["MOL"] + ["HOH"] * 500)
    universe.add_TopologyAttr("resids", np.arange(501))
    universe.dimensions = [25, 25, 25, 90, 90, 90]
    (rdf,) = make_observables(universe.select_atoms("resname MOL"), ["RDF of water"])
    total = np.zeros(100)
    for _ in range(200):
        universe.atoms.positions = rng.uniform(0, 25, size=(501, 3))
        total += rdf.tally(universe.select_atoms("resname MOL").positions, universe.dimensions)
    assert (total / 200)[40:].mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"observables": ["weather"]}, "weather: unknown, expected of Ramachandran"),
        ({"observables": ["secondary structure"]}, "4 atoms have no secondary structure"),
    ],
)
def test_unknown_observables(frames, options, told):
    with pytest.raises(ValueError, match=told):
        OriginComparison(chain(np.zeros(len(frames))).atoms, frames=frames, **options)


def test_another_molecule_is_no_reference(frames):
    universe = chain(np.zeros(len(frames)))
    other = chain(np.zeros(9), names=("C1", "C2", "C3", "N4"))
    with pytest.raises(ValueError, match="Atom 3 is 'N4' in the reference and 'C4'"):
        OriginComparison(universe.atoms, other.atoms, frames=frames)
    with pytest.raises(ValueError, match="3 atoms, the trajectory 4"):
        OriginComparison(universe.atoms, other.atoms[:3], frames=frames)
