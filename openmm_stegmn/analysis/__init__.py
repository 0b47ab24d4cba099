"""Analysis of hybrid trajectories with MDAnalysis: what jumps did, and what can be trusted."""

from ._analyze import TrajectoryAnalysis, analyze_trajectory
from ._angle_free_energies import AngleFreeEnergies
from ._autocorrelation import leg_autocorrelation
from ._basins import basins_of
from ._blocks import block_of_frames
from ._constraint_audit import ConstraintAudit
from ._distances import divergence, entropy
from ._energies import read_state_log
from ._equipartition import DegreesOfFreedom
from ._frames import HybridFrames
from ._free_energy import (
    FreeEnergy,
    angle_edges,
    angle_histogram,
    free_energy_error,
    free_energy_of,
)
from ._jump_audit import JumpAudit
from ._legs import Leg, PhysicalLegs
from ._markov_estimate import MarkovEstimate
from ._markov_model import LegMarkovModel
from ._noise import OUTSIDE, UNKNOWN, WITHIN, Comparison
from ._observables import torsions
from ._origin_comparison import OBSERVABLES, OriginComparison
from ._report import write_report
from ._slow_modes import effective_samples, fit_slow_modes
from ._tables import ReportTable, report_tables
from ._topology import backbone_of, solute_of
from ._verdict import summary_sentences
from ._view import view_trajectory

__all__ = [
    "OBSERVABLES",
    "OUTSIDE",
    "UNKNOWN",
    "WITHIN",
    "AngleFreeEnergies",
    "Comparison",
    "ConstraintAudit",
    "DegreesOfFreedom",
    "FreeEnergy",
    "HybridFrames",
    "JumpAudit",
    "Leg",
    "LegMarkovModel",
    "MarkovEstimate",
    "OriginComparison",
    "PhysicalLegs",
    "ReportTable",
    "TrajectoryAnalysis",
    "analyze_trajectory",
    "angle_edges",
    "angle_histogram",
    "backbone_of",
    "basins_of",
    "block_of_frames",
    "divergence",
    "effective_samples",
    "entropy",
    "fit_slow_modes",
    "free_energy_error",
    "free_energy_of",
    "leg_autocorrelation",
    "read_state_log",
    "report_tables",
    "solute_of",
    "summary_sentences",
    "torsions",
    "view_trajectory",
    "write_report",
]
