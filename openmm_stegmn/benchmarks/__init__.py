"""The benchmarks: what ``openmm-stegmn benchmark`` runs."""

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
from ._protein_next import NEXT_MODELS, NextFrameJob, NextFrameSettings, run_next_frames
from ._records import Record, RecordFile, RecordsError
from ._sampling import run_sampling
from ._sampling_data import read_frames, reference_angles, training_replicas
from ._sampling_models import ProposalJob
from ._sampling_molecules import SAMPLING_MOLECULES
from ._sampling_settings import SamplingSettings
from ._sampling_table import proposal_table, sampling_tables
from ._seeded_training import train_with_seed
from ._speed import run_speed
from ._speed_cases import SpeedCase
from ._speed_figure import draw_scaling
from ._speed_record import SpeedRecord
from ._speed_settings import SPEED_CASES, SPEED_MODES, SPEED_PARTS, SpeedSettings
from ._speed_table import PUBLISHED_SPEED, SPEED_TARGETS, speed_tables
from ._state_benchmarks import run_states
from ._state_job import StateErrors, StateJob, measure_states
from ._state_models import PROTOCOLS, STATE_MODELS, BenchmarkNetwork, StateProtocol, network_options
from ._state_molecules import MoleculeSource, ProteinSource, superposed_molecule
from ._state_settings import StateSettings
from ._state_sources import MotionSource, NBodySource, StateSource
from ._state_table import next_frame_tables, state_tables
from ._surroundings import (
    ChargedSurroundings,
    JointSurroundings,
    MoleculeSurroundings,
    ProteinSurroundings,
    most_neighbours,
)
from ._table import BenchmarkTable, benchmark_tables

__all__ = [
    "CLOSEST_TURNS", "FLOOR", "MD17_MODELS", "NEXT_MODELS", "NOISE_FLOOR", "PEPTIDES",
    "PEPTIDE_MODELS", "PROTOCOLS", "PUBLISHED_SPEED", "SAMPLING_MOLECULES", "SPEED_CASES",
    "SPEED_MODES", "SPEED_PARTS", "SPEED_TARGETS", "STATE_MODELS", "TRUE_TORSIONS",
    "BenchmarkNetwork", "BenchmarkTable", "ChargedSurroundings", "EnergyMeter", "EnergyRise",
    "JointSurroundings", "MD17Job", "MD17Settings", "MissingDataError", "MoleculeSource",
    "MoleculeSurroundings", "MotionSource", "NBodySource", "NextFrameJob", "NextFrameSettings",
    "NoiseFloor", "PeptideDynamics", "PeptideSettings", "PeptideTrajectories", "PositionErrors",
    "ProposalJob", "ProteinSource", "ProteinSurroundings", "Record", "RecordFile", "RecordsError",
    "SamplingSettings", "SpeedCase", "SpeedRecord", "SpeedSettings", "StateErrors", "StateJob",
    "StateProtocol", "StateSettings", "StateSource", "benchmark_tables", "circular_mean",
    "circular_variance", "draw_scaling", "make_records", "md17_trajectories", "measure_states",
    "most_neighbours", "network_options", "next_frame_tables", "peptide_system", "peptide_tables",
    "peptide_trajectories", "predict", "proposal_table", "read_frames", "reference_angles",
    "rigid_stick_frames", "run_md17", "run_next_frames", "run_peptides", "run_sampling",
    "run_speed", "run_states", "sampling_tables", "speed_tables", "state_tables",
    "superposed_molecule", "train_with_seed", "training_replicas",
]  # fmt: skip
