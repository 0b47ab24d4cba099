"""What each molecule is given in the benchmark ``sampling``: the one place for its settings."""

from dataclasses import dataclass

from ..data import describe_molecule
from ..models import ModelSpec, build_model
from ..systems import DEFAULT_FORCEFIELDS, MolecularSystem, build_system, packaged_structure
from ._sampling_runs import ALL_BONDS

#: Of the force field, in records.
LABEL = "ff14SB, OBC2"
#: Between frames, ps.
FRAME_INTERVAL = 0.5
#: K.
TEMPERATURE = 300.0


@dataclass(frozen=True)
class SampledMolecule:
    """A packaged structure and its models of exact moves."""

    platform: str
    """The quickest on one core."""
    packaged: str | None = None
    """Packaged model that turns all bonds; None: trained by the benchmark."""
    blocks: tuple = ()
    """Most bonds that a move turns, of further models that the benchmark trains."""
    turned: float = 0.2
    """Share of the training replicas that begin with a φ turned to +60°."""
    replica_ns: float = 1.0
    """Length of a training replica."""
    batch_size: int = 256
    fine_tuning: int = 600
    """Steps for acceptance; their cost is in energies."""

    @property
    def kinds(self) -> tuple:
        """Names of the kinds of exact moves."""
        return (ALL_BONDS, *(block_name(block) for block in self.blocks))


#: By name of the packaged structure.
SAMPLING_MOLECULES = {
    "alanine-dipeptide": SampledMolecule("Reference", packaged="alanine-dipeptide-exact"),
    "tetraalanine": SampledMolecule("Reference", blocks=(6,)),
    # A folded chain has no room for a turned backbone.
    "chignolin": SampledMolecule(
        "CPU", blocks=(8, 3), turned=0.0, replica_ns=0.2, batch_size=128, fine_tuning=100
    ),
}


def block_name(block: int | None) -> str:
    """Kind of the moves that turn so many bonds at most."""
    return ALL_BONDS if block is None else f"{ALL_BONDS}, blocks of {block}"


def sampled_system(molecule: str) -> MolecularSystem:
    """One of :data:`SAMPLING_MOLECULES` in its force field."""
    return build_system(packaged_structure(molecule), DEFAULT_FORCEFIELDS)


def untrained_model(system: MolecularSystem, block: int | None):
    """A model of exact moves at equilibrium."""
    spec = ModelSpec(
        architecture="stegmn-proposal", history=1, frame_interval=FRAME_INTERVAL,
        temperature=TEMPERATURE, config={"lags": [None], "block": block},
        **describe_molecule(system.topology, system.system),
    )  # fmt: skip
    return build_model(spec)
