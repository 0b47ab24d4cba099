"""Jump models: the interface, the registry, model files, and one module a network."""

from . import baselines, proposal, state_models, stegmn, stegmn_paper
from ._context import MoleculeContext
from ._files import FORMAT_VERSION, ModelFileError, load_model, packaged_models, save_model
from ._interface import Proposal, TrajectoryModel, check_frame
from ._lags import log_lag
from ._near_pairs import NearPairs
from ._registry import MODELS, build_model, register
from ._rotor_symmetry import rotor_folds
from ._spec import ModelSpec
from .networks import STATE_NETWORKS, StateNetwork
from .proposal import TorsionProposal
from .state_models import StateModel

__all__ = [
    "FORMAT_VERSION", "MODELS", "STATE_NETWORKS", "ModelFileError", "ModelSpec",
    "MoleculeContext", "NearPairs", "Proposal", "StateModel", "StateNetwork", "TorsionProposal",
    "TrajectoryModel", "baselines", "build_model", "check_frame", "load_model", "log_lag",
    "packaged_models", "proposal", "register", "rotor_folds", "save_model", "state_models",
    "stegmn", "stegmn_paper",
]  # fmt: skip
