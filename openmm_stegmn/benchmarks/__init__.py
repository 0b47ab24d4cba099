"""The accuracy benchmarks: what ``openmm-stegmn benchmark`` runs."""

from ._accuracy import PositionErrors, predict, rigid_stick_frames
from ._jobs import make_records
from ._md17 import MissingDataError, md17_trajectories, run_md17
from ._md17_job import FLOOR, MD17Job
from ._md17_models import MD17_MODELS
from ._md17_settings import MD17Settings
from ._peptides import run_peptides
from ._peptides_data import (
    PEPTIDES,
    PeptideDynamics,
    PeptideTrajectories,
    peptide_system,
    peptide_trajectories,
)
from ._peptides_energy import EnergyMeter, EnergyRise
from ._peptides_floor import NoiseFloor, circular_mean, circular_variance
from ._peptides_models import PEPTIDE_MODELS
from ._peptides_references import CLOSEST_TURNS, NOISE_FLOOR, TRUE_TORSIONS
from ._peptides_settings import PeptideSettings
from ._peptides_table import peptide_tables
from ._records import Record, RecordFile, RecordsError
from ._sampling import run_sampling
from ._sampling_data import reference_angles, training_replicas
from ._sampling_models import ProposalJob
from ._sampling_molecules import SAMPLING_MOLECULES
from ._sampling_settings import SamplingSettings
from ._sampling_table import proposal_table, sampling_tables
from ._table import BenchmarkTable, benchmark_tables

__all__ = [
    "CLOSEST_TURNS", "FLOOR", "MD17_MODELS", "NOISE_FLOOR", "PEPTIDES", "PEPTIDE_MODELS",
    "SAMPLING_MOLECULES", "TRUE_TORSIONS", "BenchmarkTable", "EnergyMeter", "EnergyRise",
    "MD17Job", "MD17Settings", "MissingDataError", "NoiseFloor", "PeptideDynamics",
    "PeptideSettings", "PeptideTrajectories", "PositionErrors", "ProposalJob", "Record",
    "RecordFile", "RecordsError", "SamplingSettings", "benchmark_tables", "circular_mean",
    "circular_variance", "make_records", "md17_trajectories", "peptide_system", "peptide_tables",
    "peptide_trajectories", "predict", "proposal_table", "reference_angles", "rigid_stick_frames",
    "run_md17", "run_peptides", "run_sampling", "sampling_tables", "training_replicas",
]  # fmt: skip
