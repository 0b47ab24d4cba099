"""Trajectories that ship with MDAnalysis's tests, in the formats of other programs."""

import warnings

import MDAnalysis as mda
import numpy as np
import pytest
import torch

from openmm_stegmn.data import frames_of

datafiles = pytest.importorskip("MDAnalysisTests.datafiles")

# Periodic, whole adenylate kinase or cobrotoxin in water, of which the protein is taken
CASES = {
    "XTC": (datafiles.TPR, datafiles.XTC, 3341, 10, 100.0),
    "TRR": (datafiles.TPR, datafiles.TRR, 3341, 10, 100.0),
    "H5MD": (datafiles.TPR_xvf, datafiles.H5MD_xvf, 918, 3, 50.0),
    "DCD": (datafiles.PSF, datafiles.DCD, 3341, 98, 1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_proteins_are_whole_and_do_not_jump(name):
    topology, file, n_atoms, n_frames, interval = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        protein = mda.Universe(topology, file).select_atoms("protein")
        found = frames_of(protein)
    assert found.frames.shape == (n_frames, n_atoms, 3) and found.interval == interval
    number = np.full(len(protein.universe.atoms), -1)
    number[protein.indices] = np.arange(n_atoms)
    first, second = torch.from_numpy(number[protein.bonds.indices]).T
    lengths = (found.frames[:, first] - found.frames[:, second]).norm(dim=-1)
    assert 0.8 < lengths.min() and lengths.max() < 2.5
    assert found.frames.mean(1).diff(dim=0).norm(dim=-1).max() < 5
