"""Proteins from the files of MDAnalysis: atoms, charges, bonds, frames; and one clear error."""

import gc
import os
import sys

import numpy as np
import pytest
import torch
from protein_files import chain, write_protein
from scipy.spatial.transform import Rotation

from openmm_stegmn.data import _protein, read_protein

BACKBONE = np.arange(30).reshape(6, 5)[:, :4].ravel()


def test_backbone(tmp_path):
    frames = write_protein(tmp_path)
    found = read_protein(tmp_path / "p.pqr", [tmp_path / "p.dcd"])
    assert found.n_atoms == 24 and found.interval == pytest.approx(10.0)
    assert torch.equal(found.frames, torch.from_numpy(frames[:, BACKBONE]))
    assert found.names[:5] == ("N", "CA", "C", "O", "N")
    assert found.residue_ids[3:6] == (0, 1, 1)
    assert found.charges[:4].tolist() == pytest.approx([-0.4, 0.1, 0.6, -0.5])
    # N-CA, CA-C, C-O in each residue, C-N between them
    assert set(found.bonds) == {
        pair for r in range(6)
        for pair in ((4 * r, 4 * r + 1), (4 * r + 1, 4 * r + 2), (4 * r + 2, 4 * r + 3),
                     (4 * r + 2, 4 * r + 4))
        if max(pair) < 24
    }  # fmt: skip


def test_several_files_and_a_folder_of_them(tmp_path):
    (tmp_path / "frames").mkdir()
    first = write_protein(tmp_path)
    (tmp_path / "p.dcd").rename(tmp_path / "frames" / "b.dcd")
    second = write_protein(tmp_path, frames=first[:7] + 1)
    (tmp_path / "p.dcd").rename(tmp_path / "frames" / "a.dcd")
    found = read_protein(tmp_path / "p.pqr", [tmp_path / "frames"])
    expected = np.concatenate([second, first])[:, BACKBONE]
    assert torch.equal(found.frames, torch.from_numpy(expected))


def test_superposed(tmp_path):
    turns = Rotation.random(8, random_state=3).as_matrix()
    frames = (chain(6) @ turns + np.arange(8)[:, None, None]).astype(np.float32)
    write_protein(tmp_path, frames=frames)
    arguments = tmp_path / "p.pqr", [tmp_path / "p.dcd"]
    found = read_protein(*arguments, superpose_on="resid 1:3")
    assert (found.frames - found.frames[:1]).abs().max() < 1e-4
    assert torch.equal(read_protein(*arguments).frames, torch.from_numpy(frames[:, BACKBONE]))
    with pytest.raises(ValueError, match="'name CB' selects 0 of the atoms of 'backbone'"):
        read_protein(*arguments, superpose_on="name CB")


def test_the_hash_is_of_the_frames_as_the_file_has_them(tmp_path):
    write_protein(tmp_path)
    arguments = tmp_path / "p.pqr", [tmp_path / "p.dcd"]
    backbone, alpha = read_protein(*arguments), read_protein(*arguments, "name CA")
    assert backbone.sha256 == read_protein(*arguments).sha256 != alpha.sha256
    superposed = read_protein(*arguments, superpose_on="resid 1:3")
    assert not torch.equal(superposed.frames, backbone.frames)
    assert superposed.sha256 == backbone.sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" -0.4", " -0.3"),
        ("ALA", "GLY"),
        (" CB ", " CG "),
        ("CB   ALA      1", "CB   ALA      2"),
    ],
)
def test_the_hash_is_of_the_atoms_too(tmp_path, old, new):
    write_protein(tmp_path)
    topology, trajectory = tmp_path / "p.pqr", tmp_path / "p.dcd"
    before, text = read_protein(topology, [trajectory], "all"), topology.read_text()
    assert old in text
    topology.write_text(text.replace(old, new))
    after = read_protein(topology, [trajectory], "all")
    assert torch.equal(before.frames, after.frames) and before.sha256 != after.sha256


def test_the_hash_is_of_the_interval_and_of_bonds_too(tmp_path, monkeypatch):
    arguments = tmp_path / "p.pqr", [tmp_path / "p.dcd"]
    write_protein(tmp_path, dt=20.0)
    slow = read_protein(*arguments)
    write_protein(tmp_path)
    found = read_protein(*arguments)
    assert torch.equal(slow.frames, found.frames)
    monkeypatch.setattr(_protein, "guess_bonds", lambda *_: found.bonds[1:])
    assert len({each.sha256 for each in (slow, found, read_protein(*arguments))}) == 3


def test_bonds_are_guessed_from_the_frames_as_the_file_has_them(tmp_path, monkeypatch):
    frames, guessed = write_protein(tmp_path), []
    monkeypatch.setattr(_protein, "guess_bonds", lambda _, frames: guessed.append(frames) or ())
    read_protein(tmp_path / "p.pqr", [tmp_path / "p.dcd"], superpose_on="resid 1:3")
    assert torch.equal(guessed[0], torch.from_numpy(frames[:, BACKBONE]))


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for open files")
@pytest.mark.parametrize("selection", ["backbone", "name ZN"])
def test_files_are_closed(tmp_path, selection):
    write_protein(tmp_path)
    gc.disable()  # it would close them, some time
    try:
        read_protein(tmp_path / "p.pqr", [tmp_path / "p.dcd"], selection)
    except ValueError:
        pass
    finally:
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        found = [os.readlink(link) for link in links if os.path.lexists(link)]
        gc.enable()
    assert not [path for path in found if path.startswith(str(tmp_path))]


def test_adk_of_mdanalysis():
    files = pytest.importorskip("MDAnalysisTests.datafiles")
    found = read_protein(files.PSF, [files.DCD])
    assert found.frames.shape == (98, 855, 3)
    assert len(found.bonds) == 854 and len(set(found.residue_ids)) == 214


def test_bad_input(tmp_path):
    write_protein(tmp_path)
    topology, trajectory = tmp_path / "p.pqr", tmp_path / "p.dcd"
    with pytest.raises(ValueError, match="none.dcd: no such file"):
        read_protein(topology, [tmp_path / "none.dcd"])
    with pytest.raises(ValueError, match="no trajectory given"):
        read_protein(topology, [])
    with pytest.raises(ValueError, match="selects none"):
        read_protein(topology, [trajectory], "name ZN")
    with pytest.raises(ValueError, match="selection 'nam CA'"):
        read_protein(topology, [trajectory], "nam CA")
    trajectory.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="p.pqr, p.dcd"):
        read_protein(topology, [trajectory])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty has no trajectory"):
        read_protein(topology, [tmp_path / "empty"])


def test_not_finite(tmp_path):
    frames = write_protein(tmp_path)
    frames[5, 2, 1] = np.nan
    write_protein(tmp_path, frames=frames)
    with pytest.raises(ValueError, match="frame 5 has a coordinate that is not finite"):
        read_protein(tmp_path / "p.pqr", [tmp_path / "p.dcd"])


def test_bonds_that_cannot_be_guessed(tmp_path):
    write_protein(tmp_path)
    topology = tmp_path / "p.pqr"
    topology.write_text(topology.read_text().replace(" CB ", " ZN "))
    with pytest.raises(ValueError, match="p.pqr has no bonds, and they cannot be guessed .*PSF"):
        read_protein(topology, [tmp_path / "p.dcd"], "all")


def test_no_charges(tmp_path):
    frames = write_protein(tmp_path)
    lines = [
        f"ATOM  {i + 1:5d}  {name:<3} ALA A{i // 5 + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}"
        for i, (name, (x, y, z)) in enumerate(
            zip(["N", "CA", "C", "O", "CB"] * 6, frames[0], strict=True)
        )
    ]
    (tmp_path / "p.pdb").write_text("\n".join([*lines, "END\n"]))
    with pytest.raises(ValueError, match="p.pdb has no charges.*PQR"):
        read_protein(tmp_path / "p.pdb", [tmp_path / "p.dcd"])
