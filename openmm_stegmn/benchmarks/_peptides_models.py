"""What each model is given in the benchmark ``peptides``: the one place for its settings."""

from ..training import TrainingConfig

#: Architecture and its options by name in the benchmark.
PEPTIDE_MODELS = {
    **{
        name: (name, {})
        for name in (
            "persistence", "linear", "linear-ar", "linear-ar-full", "torsion-linear",
            "torsion-linear-ar", "torsion-linear-ar-full",
        )
    },
    "stegmn": ("stegmn", {"kinematics": "articulated"}),
    "stegmn-elastic": ("stegmn", {"kinematics": "elastic"}),
    "stegmn-cartesian": ("stegmn", {"kinematics": "cartesian"}),
}  # fmt: skip

# A batch of windows of chignolin takes six times the memory that one of alanine dipeptide takes.
_TRAINING = {
    "alanine-dipeptide": {"steps": 4000, "batch_size": 256, "validate_every": 100},
    "chignolin": {"steps": 3000, "batch_size": 64, "validate_every": 100},
}


def peptide_training(
    molecule: str, seed: int, steps: int | None = None, batch_size: int | None = None
) -> TrainingConfig:
    """How models of a molecule are trained, unless steps or batch size are given."""
    given = {"steps": steps, "batch_size": batch_size}
    given = {name: value for name, value in given.items() if value is not None}
    return TrainingConfig(**_TRAINING[molecule] | given, seed=seed)
