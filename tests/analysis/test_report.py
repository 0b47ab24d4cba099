"""The report: what it says first, and that it needs nothing but itself."""

import copy
import dataclasses
import re
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from synthetic import angles_of_states, chain, hybrid_frames, two_states

from openmm_stegmn.analysis import (
    HybridFrames,
    _angle_free_energies,
    _leg_features,
    analyze_trajectory,
    report_tables,
    summary_sentences,
    write_report,
)

STAY = (0.9, 0.8)
LEGS, LEG = 120, 10


def equilibrium(n_frames, rng):
    return angles_of_states(two_states(STAY, n_frames, rng), rng)


def analysis_of(angles, frames, reference=None, **options):
    if reference is not None:
        plain = HybridFrames.from_arrays(np.arange(len(reference)), np.zeros(len(reference), int))
        options |= {"reference": chain(reference).atoms, "reference_frames": plain}
    return analyze_trajectory(chain(angles).atoms, frames=frames, **options)


@pytest.fixture(scope="module")
def biased():
    return biased_analysis()


def biased_analysis(**options):
    """Jumps that push the molecule into one state, and a place there that it does not have."""
    rng = np.random.default_rng(0)
    frames = hybrid_frames(LEGS, LEG)
    states = np.concatenate([two_states(STAY, LEG + 1, rng, 1) for _ in range(LEGS)])
    angles = angles_of_states(states, rng)
    angles[frames.jumped] = 2.2
    return analysis_of(angles, frames, equilibrium(2500, rng), lag=2.0, **options)


def test_a_bad_model_is_told_of_in_the_first_sentence(biased):
    first, second, third, *_ = summary_sentences(biased)
    assert first.startswith(
        "This hybrid trajectory differs from plain molecular dynamics by more than noise in dihed"
    )
    assert "frames made by jumps differ from its physical ones in dihedrals" in first
    # legs that begin where they should not are no equilibrium either
    assert "Frames of the legs differ from plain molecular dynamics in dihedrals" in second
    found = re.search(r"are then ([\d.]+) kT .* instead of ([\d.]+) kT", third)
    corrected, raw = map(float, found.groups())
    assert corrected < raw - 0.2
    assert "No system was given" in summary_sentences(biased)[-1]


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_second_pass_finds_the_same(monkeypatch, biased, n_workers):
    """As of many residues, and of more features than are kept."""
    monkeypatch.setattr(_angle_free_energies, "_MOST_READ", 0)
    monkeypatch.setattr(_leg_features, "_MOST_KEPT", 0)
    monkeypatch.setattr(_leg_features, "_MOST_MATRICES", 0)
    told = []
    found = biased_analysis(n_workers=n_workers, progress=told.append)
    assert [what for what in told if "once more" in what] == [
        "going through the reference once more", "going through the trajectory once more",
    ]  # fmt: skip
    np.testing.assert_array_equal(found.markov.results.weights, biased.markov.results.weights)
    assert found.comparison.results.verdicts == biased.comparison.results.verdicts
    for own, expected in zip(found.free_energies, biased.free_energies, strict=True):
        assert own.name == expected.name
        np.testing.assert_array_equal(own.raw.population, expected.raw.population)
        np.testing.assert_array_equal(own.corrected.population, expected.corrected.population)
        np.testing.assert_array_equal(own.reference.population, expected.reference.population)


def test_a_good_run_is_within_noise():
    rng = np.random.default_rng(1)
    frames = hybrid_frames(LEGS, LEG)
    good = analysis_of(equilibrium(len(frames), rng), frames, equilibrium(2500, rng))
    first, second, *_ = summary_sentences(good)
    assert first == (
        "This hybrid trajectory is within noise of plain molecular dynamics in dihedrals, bonds, "
        "angles, radius of gyration and RMSF."
    )
    assert "frames made by jumps are within noise of those of legs" in second


def test_without_a_reference_jumps_are_compared_with_legs():
    rng = np.random.default_rng(2)
    frames = hybrid_frames(LEGS, LEG, kinds=("deterministic",))
    angles = equilibrium(len(frames), rng)
    angles[frames.jumped] *= 0.7
    first, second, *_ = summary_sentences(analysis_of(angles, frames))
    assert first.startswith("Frames made by jumps differ from the physical frames of the same run")
    assert "Jumps are deterministic" in second


def test_an_exact_run_needs_no_correction():
    rng = np.random.default_rng(3)
    frames = hybrid_frames(LEGS, LEG, kinds=("exact",))
    exact = analysis_of(equilibrium(len(frames), rng), frames, equilibrium(2500, rng))
    sentences = summary_sentences(exact)
    assert "no correction is needed" in sentences[1] and "agree within noise" in sentences[1]
    assert not any("can be corrected" in sentence for sentence in sentences)
    free_energy = exact.free_energies[0]
    assert free_energy.corrected is free_energy.raw
    moved = equilibrium(len(frames), rng)
    moved[frames.jumped] += 0.5
    told = summary_sentences(analysis_of(moved, frames))
    assert any("something is wrong" in sentence for sentence in told)


def test_plain_dynamics():
    rng = np.random.default_rng(4)
    plain = HybridFrames.from_arrays(np.arange(2000.0), np.zeros(2000, int))
    alone = analysis_of(equilibrium(2000, rng), plain)
    assert "without a reference" in summary_sentences(alone)[0]
    beside = analysis_of(equilibrium(2000, rng), plain, equilibrium(2000, rng))
    assert summary_sentences(beside)[0].startswith("This trajectory is within noise of plain")


def test_legs_that_are_too_short_are_a_note_unless_a_lag_is_asked_for():
    rng = np.random.default_rng(5)
    frames = hybrid_frames(40, 1)
    angles = equilibrium(len(frames), rng)
    found = analysis_of(angles, frames)
    assert found.markov is None
    assert any("longest leg has 1 frames" in sentence for sentence in summary_sentences(found))
    with pytest.raises(ValueError, match="longest leg has 1 frames"):
        analysis_of(angles, frames, lag=5.0)


def test_without_deeptime_the_rest_is_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "deeptime.markov.msm", None)
    rng = np.random.default_rng(6)
    frames = hybrid_frames(40, 5)
    found = analysis_of(equilibrium(len(frames), rng), frames)
    assert any('pip install "openmm-stegmn[analysis]"' in s for s in summary_sentences(found))
    assert report_tables(found)


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.text, self.tags = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.links.append(value)

    def handle_data(self, data):
        self.text.append(data)


def test_one_file_without_a_network(biased, tmp_path):
    written = write_report(biased, tmp_path / "report.html", title="a <b> & c")
    text = written[0].read_text()
    page = Page()
    page.feed(text)
    assert page.tags.count("svg") == len(written) - 1 == page.tags.count("figure")
    # links lead to places in the page, which no two have the same name of
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"url\((?!#)|@import|<script|<link", text)
    for link in page.links:
        assert link[1:] in page.ids
    assert len(set(page.ids)) == len(page.ids)
    clips = set(re.findall(r"url\(#([\w-]+)\)", text))
    assert clips and clips <= set(page.ids)
    assert "a <b> & c" in "".join(page.text)
    assert "".join(page.text).index("differs from plain") < 3000 + len(text.split("</style>")[0])
    for path in written[1:]:
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    titles = {path.stem for path in written[1:]}
    assert any(name.startswith("free-energy") for name in titles)
    assert {"markov-model-of-the-legs-implied-timescales"} <= titles


def test_figures_of_the_same_analysis_are_the_same(biased, tmp_path):
    first = write_report(biased, tmp_path / "one.html")
    second = write_report(biased, tmp_path / "two.html")
    for one, two in zip(first[1:], second[1:], strict=True):
        assert one.name == two.name and one.read_bytes() == two.read_bytes()


def test_bias_is_told_of_without_a_reference(biased):
    """Legs that begin where bad jumps end agree with the jumps; how they go on does not."""
    alone = dataclasses.replace(biased, has_reference=False)
    (free_energy,) = alone.free_energies
    wrong = {"name": "αR", "raw": (0.8, 0.7, 0.9), "corrected": (0.4, 0.2, 0.6)}
    right = {"name": "β", "raw": (0.2, 0.1, 0.3), "corrected": (0.4, 0.2, 0.6)}
    basins = dataclasses.replace(free_energy, name="ALA 2", basins=[wrong, right])
    first = summary_sentences(dataclasses.replace(alone, free_energies=[basins]))[0]
    assert first.endswith(
        "and the legs themselves say that the whole is biased: αR of ALA 2 has 80 % of the frames, "
        "and 20 to 60 % by the Markov model of the legs."
    )
    # of shares among frames of known weight, where many have none
    results = copy.copy(alone.markov.results)
    results.unknown_share = 0.3
    markov = copy.copy(alone.markov)
    markov.results = results
    unsure = dataclasses.replace(alone, free_energies=[basins], markov=markov)
    assert "themselves" not in summary_sentences(unsure)[0]
