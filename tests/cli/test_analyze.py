"""``openmm-stegmn analyze``: a folder that ``run`` wrote, files, and bad input."""

import MDAnalysis
import openmm
import pytest
from refusals import assert_refused
from typer.testing import CliRunner

from openmm_stegmn.cli import app
from openmm_stegmn.runs import RunFolder, RunSettings, hybrid_run
from openmm_stegmn.simulation import system_xml
from openmm_stegmn.systems import build_system, packaged_structure

PDB = packaged_structure("alanine-dipeptide")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_model):
    settings = RunSettings(
        model=str(small_model), length=2.0, equilibration=0.2, md_frames=4, seed=5, guard="none",
        platform="Reference", backend="python",
    )  # fmt: skip
    return hybrid_run(settings, tmp_path_factory.mktemp("analyze") / "run").folder.path


def invoke(*arguments):
    command = ["analyze", *map(str, arguments)]
    return CliRunner().invoke(app, command, env={"COLUMNS": "200"})


def test_a_folder(folder):
    result = invoke(folder)
    assert result.exit_code == 0, result.output
    report = RunFolder(folder).report
    assert f"Report: {report} (" in result.stdout
    text = report.read_text()
    for title in ("Frames compared", "Basins of ALA 2", "Kinetic temperature by element", "Jumps"):
        assert title in result.stdout and title in text
    assert "Frames made by jumps" in result.stdout
    assert "Jumps are deterministic" in text
    assert list(RunFolder(folder).figures.glob("ramachandran-*.svg"))
    # the system of the run is made again, so constraints are looked at
    assert "constraint error in the file, jumped frames" in result.stdout
    assert "Reader" not in result.stderr


def test_files_with_a_reference_a_system_and_origins(folder, tmp_path):
    universe = MDAnalysis.Universe(str(PDB), str(folder / "hybrid.h5md"))
    xtc = tmp_path / "copy.xtc"
    universe.atoms.write(str(xtc), frames="all")
    system = tmp_path / "system.xml"
    system.write_text(system_xml(build_system().system))
    result = invoke(
        xtc, "--topology", PDB, "--system", system, "--origins", folder / "hybrid.h5md",
        "--reference", folder / "hybrid.h5md", "--temperature", 300, "-o", tmp_path / "r.html",
        "--workers", 2,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "all frames, reference MD" in result.stdout
    assert (tmp_path / "r.html").is_file()
    # without origins it is plain dynamics
    plain = invoke(xtc, "--topology", PDB, "--reference", folder / "hybrid.h5md")
    assert plain.exit_code == 0, plain.output
    assert "physical frames, reference MD" in plain.stdout
    assert (tmp_path / "copy-analysis.html").is_file()


def test_replicas(folder):
    result = invoke(folder, folder / "hybrid.h5md", "--select", "not name H*", "--lag", 0.04)
    assert result.exit_code == 0, result.output
    rows = [line for line in result.stdout.splitlines() if "│ replicas" in line]
    assert "│ 2 " in rows[0]
    assert any("│ 0.04 ps" in line for line in result.stdout.splitlines())


def test_a_run_whose_files_have_changed_says_so(folder, tmp_path):
    import json
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    record = json.loads((copy / "run.json").read_text())
    record["settings"]["constraints"] = "AllBonds"
    (copy / "run.json").write_text(json.dumps(record))
    result = invoke(copy)
    assert result.exit_code == 0, result.output
    assert "note: " in result.stderr and "another system than the run had" in result.stderr
    assert "No system was given" in result.stdout


def test_refused(folder, tmp_path):
    trajectory = folder / "hybrid.h5md"
    assert_refused(invoke(tmp_path), "no such file: no run has written there")
    assert_refused(invoke(tmp_path / "none.h5md"), "none.h5md: no such file")
    lost = tmp_path / "lost.h5md"
    lost.write_bytes(trajectory.read_bytes())
    assert_refused(invoke(lost), "says nothing of its atoms", "give --topology")
    assert_refused(invoke(lost, "--topology", tmp_path / "a.pdb"), "topology", "no such file")
    assert_refused(invoke(folder, "--select", "name XX"), "select 'name XX': no atom of")
    assert_refused(invoke(folder, "--select", "name and"), "select 'name and'")
    assert_refused(invoke(folder, "--features", "shapes"), "features 'shapes': expected dihedrals")
    assert_refused(invoke(folder, "--lag", 7), "The longest leg has", "md_frames")
    chignolin = packaged_structure("chignolin")
    assert_refused(invoke(lost, "--topology", chignolin), "MDAnalysis cannot read it")
    broken = tmp_path / "broken.xml"
    broken.write_text(openmm.XmlSerializer.serialize(openmm.System()))
    assert_refused(invoke(folder, "--system", broken), "0 particles")
    assert_refused(invoke(folder, "--log", broken), "expected a log of StateDataReporter")
    assert_refused(invoke(folder, "--reference", chignolin), "MDAnalysis cannot read it")
    assert not list(tmp_path.glob("*.html"))
