"""What each model is given in the benchmark ``md17``: the one place for its settings."""

from ..training import TrainingConfig

MD17_MODELS = ("persistence", "linear", "linear-ar", "linear-ar-full", "stegmn-paper", "stegmn")

# Positions are judged as they are, as published: nothing is superposed.
_CONFIGS = {
    **{name: {"superposed": False} for name in ("linear", "linear-ar", "linear-ar-full")},
    "stegmn": {"kinematics": "elastic", "superposed": False},
}

# Few windows are soon learned by heart: the decay is strong, and the weights that do best on the
# validation windows are kept.
_TRAINING: dict[str, dict] = {
    "stegmn": {"steps": 2000, "batch_size": 128, "weight_decay": 0.3},
    "stegmn-paper": {
        "steps": 2500, "batch_size": 100, "learning_rate": 5e-3, "weight_decay": 0.0,
    },
}  # fmt: skip


def model_config(model: str) -> dict:
    """Keyword arguments of the architecture, as in :class:`~openmm_stegmn.models.ModelSpec`."""
    return dict(_CONFIGS.get(model, {}))


def training_config(model: str, seed: int) -> TrainingConfig:
    """How a model is trained."""
    return TrainingConfig(**_TRAINING.get(model, {}), seed=seed)
