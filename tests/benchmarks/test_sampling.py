"""The benchmark ``sampling``: its statistics, and runs of a second."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from openmm_stegmn.analysis import effective_samples
from openmm_stegmn.benchmarks import (
    SAMPLING_MOLECULES,
    RecordsError,
    SamplingSettings,
    _sampling,
    _sampling_data,
    _sampling_machine,
    run_sampling,
    sampling_tables,
)
from openmm_stegmn.benchmarks._records import Record
from openmm_stegmn.benchmarks._sampling_molecules import sampled_system
from openmm_stegmn.benchmarks._sampling_runs import TorsionReader
from openmm_stegmn.benchmarks._sampling_statistics import SlowestMode, effective_angles, visits
from openmm_stegmn.benchmarks._sampling_table import _COLUMNS
from openmm_stegmn.data import WindowBlocks, describe_molecule
from openmm_stegmn.models import ModelSpec, build_model, save_model
from openmm_stegmn.systems import build_system, choose_platform

SMALL = SamplingSettings(
    molecules=("alanine-dipeptide",), seeds=1, seconds=1.0, md_frames=1, tries=3,
    platform="Reference", reference_ns=0.06, replicas=2,
)  # fmt: skip


def relaxing(n, memory, seed=0):
    """A series whose autocorrelation falls by a factor each frame."""
    noise = np.random.default_rng(seed).normal(size=n)
    series = np.zeros(n)
    for frame in range(1, n):
        series[frame] = memory * series[frame - 1] + noise[frame]
    return series


def test_effective_samples_of_an_angle():
    """The slower of cosine and sine: an angle that hops between 0 and π has a fast sine."""
    slow = np.where(relaxing(20_000, 0.99) > 0, 0.0, np.pi)
    angle = slow + 0.1 * np.random.default_rng(1).normal(size=len(slow))
    assert effective_angles(angle) == pytest.approx(effective_samples(np.cos(angle)))
    assert effective_angles(angle) < 0.1 * effective_samples(np.sin(angle))


def test_effective_samples_of_hardly_any():
    """Two frames that differ have no autocorrelation time."""
    assert math.isnan(effective_samples(np.array([1.0, 2.0])))
    assert math.isnan(effective_samples(np.ones(50)))


def test_visits():
    inside, beside, outside = 1.0, 0.1, -2.0
    assert visits(np.array([outside, inside, inside, outside, inside]), 0.3, 2.0) == 2
    # shaking at the bound is no visit
    assert visits(np.array([outside, inside, beside, inside, beside, inside]), 0.3, 2.0) == 1
    assert visits(np.array([inside, outside, outside]), 0.3, 2.0) == 0


def test_slowest_mode():
    """One torsion hops now and then, another shakes: the mode follows the first."""
    hops = np.where(relaxing(20_000, 0.995) > 0, 1.0, -1.0)
    random = np.random.default_rng(2)
    torsions = np.stack([random.normal(size=20_000), hops + 0.1 * random.normal(size=20_000)], 1)
    halves, ones = [torsions[:10_000], torsions[10_000:]], np.ones(2)
    mode = SlowestMode(halves, 5, ones)
    assert abs(np.corrcoef(mode(torsions), hops)[0, 1]) > 0.95
    # hops by 120° of a methyl are none
    slow = 0.3 * relaxing(20_000, 0.9, seed=3)
    torsions = np.stack([slow, 2 * np.pi / 3 * hops + 0.1 * random.normal(size=20_000)], 1)
    mode = SlowestMode([torsions], 5, np.array([1, 3]))
    assert abs(np.corrcoef(mode(torsions), hops)[0, 1]) < 0.1
    assert abs(np.corrcoef(mode(torsions), np.sin(slow))[0, 1]) > 0.9


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Untrained: it draws about the torsions that it was given."""
    molecule = build_system()
    spec = ModelSpec(
        architecture="stegmn-proposal", history=1, frame_interval=0.5, temperature=300.0,
        config={"hidden": 16, "components": 8}, **describe_molecule(
            molecule.topology, molecule.system
        ),
    )  # fmt: skip
    torch.manual_seed(0)
    model = build_model(spec)
    frame = torch.from_numpy(10 * molecule.positions).float().expand(20, 1, -1, -1)
    noise = 0.05 * torch.randn(frame.shape, generator=torch.Generator().manual_seed(1))
    model.fit(WindowBlocks.of(frame + noise, frame[:, 0]))
    path = tmp_path_factory.mktemp("model") / "exact.safetensors"
    save_model(model, path)
    return path


@pytest.fixture
def packaged(model, monkeypatch):
    about = SAMPLING_MOLECULES["alanine-dipeptide"]
    changed = dataclasses.replace(about, packaged=str(model))
    monkeypatch.setitem(SAMPLING_MOLECULES, "alanine-dipeptide", changed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sampling")


@pytest.mark.filterwarnings("ignore")  # of series as short as these
def test_runs_and_resumes(folder, packaged, monkeypatch):
    for module in (_sampling, _sampling_data):
        monkeypatch.setattr(module, "_EQUILIBRATION", 0.2)
    output, reports = folder / "records.json", []
    records = run_sampling(
        folder / "data", SMALL, output=output, made=lambda *report: reports.append(report)
    )
    plain, exact = records
    assert (plain.model, exact.model) == ("plain MD", "exact jumps")
    assert plain.mse is None and plain.details["n_frames"] > 10
    assert "attempted" not in plain.details
    jumps = exact.details["attempted"] / SMALL.tries
    assert jumps == int(jumps) and jumps > 3
    # a frame of dynamics, a jump, and so on
    assert exact.details["n_frames"] == pytest.approx(2 * jumps, abs=3)
    assert exact.details["wall_seconds"] >= 1.0
    assert exact.settings["platform"] == "Reference" and exact.settings["hardware"]
    assert reports[0][0] == "alanine-dipeptide: reference"
    monkeypatch.setattr(_sampling, "sample", None)
    again = run_sampling(folder / "data", SMALL, output=output)
    assert [r.details for r in again] == [r.details for r in records]
    assert len(json.loads(output.read_text())) == 2
    with pytest.raises(RecordsError, match="seconds 1.0, now 2.0"):
        run_sampling(
            folder / "data", SamplingSettings(**vars(SMALL) | {"seconds": 2.0}), output=output
        )
    (table,) = sampling_tables(records)
    assert [row[0] for row in table.rows] == [
        "plain MD", "exact jumps", "exact jumps against plain MD",
    ]  # fmt: skip
    assert all(len(row) == len(table.head) for row in table.rows)


def test_rates_are_of_a_machine(monkeypatch):
    run = _sampling._Run("alanine-dipeptide", "plain MD", "", "0" * 64, 0, SMALL, None, None)
    auto = dataclasses.replace(run, settings=dataclasses.replace(SMALL, platform="auto"))
    found = choose_platform("auto", sampled_system("alanine-dipeptide").system).getName()
    assert run.identity["platform"] == "Reference" and auto.identity["platform"] == found
    before = run.identity
    monkeypatch.setattr(_sampling_machine, "hardware", lambda _: "another processor")
    _sampling_machine.machine.cache_clear()
    assert run.identity == before | {"hardware": "another processor"}
    _sampling_machine.machine.cache_clear()


def record_of(name, rate):
    details = {key: 1.0 for _, key, *_ in _COLUMNS} | {"wall_seconds": 10.0}
    details |= {key: rate for key in details if key.endswith("per_second")}
    settings = {
        "seconds": 10, "platform": "CPU", "md_frames": 1, "jumps": 1, "tries": 4, "reference_ns": 1,
    }  # fmt: skip
    return Record(
        "sampling", "none", "peptide", name, 0, "all", 0, None, None, 0.0, settings, details
    )


@pytest.mark.parametrize(("rate", "cell"), [(4.9, "(4.9×)"), (5.0, "**5.0×**")])
def test_too_few_samples_to_tell_are_marked(rate, cell):
    """A run of 10 s has 49 or 50 of them."""
    (table,) = sampling_tables([record_of("plain MD", 1.0), record_of("exact jumps", rate)])
    assert table.rows[-1].count(cell) == 4
    assert ("no evidence" in table.title) == (rate < 5)


def test_backbone_torsions():
    """φ and ψ are measured from C to C and from N to N, whatever the rotatable bonds take."""
    molecule = build_system()
    spec = ModelSpec(
        architecture="persistence", history=1, frame_interval=1.0,
        **describe_molecule(molecule.topology, molecule.system),
    )  # fmt: skip
    frame = 10 * molecule.positions[None]
    reader = TorsionReader(build_model(spec))
    assert reader.residues == ("ALA",) and reader.chi == []
    phi, psi = (np.degrees(each).item() for each in reader.backbone(reader(frame)))
    names = [(atom.residue.name, atom.name) for atom in molecule.topology.atoms()]
    chain = [("ACE", "C"), ("ALA", "N"), ("ALA", "CA"), ("ALA", "C"), ("NME", "N")]
    points = [frame[0, names.index(name)] for name in chain]
    assert phi == pytest.approx(_dihedral(*points[:4]), abs=1e-4)
    assert psi == pytest.approx(_dihedral(*points[1:]), abs=1e-4)


def _dihedral(a, b, c, d):
    first, axis, last = b - a, c - b, d - c
    left, right = np.cross(first, axis), np.cross(axis, last)
    sine = np.dot(np.cross(left, right), axis / np.linalg.norm(axis))
    return math.degrees(math.atan2(sine, np.dot(left, right)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"molecules": ("water",)}, "molecules: water not known; there are: alanine-dipeptide"),
        ({"seconds": 0.0}, "seconds must be positive, got 0"),
        ({"tries": 0}, "tries must be positive, got 0"),
        ({"reference_ns": 0.1, "replicas": 10}, "0.1 in 10 replicas: 10 ps each, and the slowest"),
    ],
)
def test_settings_that_make_no_sense(changes, message):
    with pytest.raises(ValueError, match=message):
        SamplingSettings(**changes)
