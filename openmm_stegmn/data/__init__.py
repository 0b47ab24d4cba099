"""Trajectories in: descriptions of molecules, readers, and windows of frames."""

from ._archives import read_archive, write_archive
from ._charged_particles import (
    ChargedParticles,
    ChargedParticleSettings,
    charged_particles,
    simulate_charged_particles,
)
from ._held_out import hold_out
from ._md17 import MoleculeTrajectory, frames_needed, guess_bonds, split_windows
from ._md17_files import TrajectoryFileError, find_md17, read_md17
from ._md17_molecules import MD17_MOLECULES, md17_elements, md17_name, md17_structure
from ._molecule import describe_molecule
from ._motion_capture import MotionTrials, read_motion
from ._noise_seed import seed_noise
from ._protein import ADK_CORE, ProteinTrajectory, read_protein
from ._record import record_training_data, record_trajectory
from ._replicas import langevin_context, simulate_replica, simulate_replicas, steps_between
from ._skeleton import Bone, MotionFileError, Skeleton, read_amc, read_asf
from ._stored_frames import StoredFrames
from ._trajectories import MEMORY, Trajectory, check_same_interval, frames_of, read_trajectories
from ._window_blocks import WindowBlocks
from ._windows import WindowSet, superpose_windows
from ._xtb import METHOD as XTB_METHOD
from ._xtb import XtbSettings, generate_trajectories

__all__ = [
    "ADK_CORE", "MD17_MOLECULES", "MEMORY", "XTB_METHOD", "Bone", "ChargedParticleSettings",
    "ChargedParticles", "MoleculeTrajectory", "MotionFileError", "MotionTrials",
    "ProteinTrajectory", "Skeleton", "StoredFrames", "Trajectory", "TrajectoryFileError",
    "WindowBlocks", "WindowSet", "XtbSettings", "charged_particles", "check_same_interval",
    "describe_molecule", "find_md17", "frames_needed", "frames_of", "generate_trajectories",
    "guess_bonds", "hold_out", "langevin_context", "md17_elements", "md17_name", "md17_structure",
    "read_amc", "read_archive", "read_asf", "read_md17", "read_motion", "read_protein",
    "read_trajectories", "record_training_data", "record_trajectory", "seed_noise",
    "simulate_charged_particles", "simulate_replica", "simulate_replicas", "split_windows",
    "steps_between", "superpose_windows", "write_archive",
]  # fmt: skip
