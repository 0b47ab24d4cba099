"""Networks of the benchmarks of states, and the published settings: the one place for them."""

from dataclasses import dataclass, field

from ..models.networks import STATE_NETWORKS, StateNetwork
from ..training import StateTrainingConfig


@dataclass(frozen=True)
class BenchmarkNetwork:
    """A network by its name in a benchmark."""

    network: str
    """In :data:`~openmm_stegmn.models.networks.STATE_NETWORKS`."""
    options: dict = field(default_factory=dict)
    """Keyword arguments beside the sizes."""
    discretisation: str = "uniform"
    """Which frames it is trained on and judged by: those of the whole way, or the last ones."""
    trajectory: bool = False
    """Whether it reads as many states as it predicts frames."""
    training: dict = field(default_factory=dict)
    """What is not as published, of :class:`~openmm_stegmn.training.StateTrainingConfig`."""
    every_start: bool = False
    """Whether it is trained on windows from every frame of the training trajectories."""

    @property
    def cls(self):
        """The network's class."""
        return STATE_NETWORKS[self.network]

    def build(self, surroundings, n_particles: int, options: dict) -> StateNetwork:
        """The untrained network of so many particles, with what :func:`network_options` gives."""
        if self.cls.counts_nodes:
            options = options | {"n_nodes": n_particles}
        return self.cls(surroundings.node_features, surroundings.edge_features, **options)


_STILL = {"vector_scale": 0.0}
_ONE_CYCLE = {
    "one_cycle": True, "average_decay": 0.998, "learning_rate": 1e-3, "epochs": 3000,
    "patience": None,
}  # fmt: skip
_ALL_WINDOWS = {"training": _ONE_CYCLE | {"epochs": 120}, "every_start": True}
# A tenth of the spread of positions at the start
_SOFTENED = {"softening": 0.1}

#: Names are those of the papers; EGNO's ablations say which of features, positions and velocities
#: are still convolved in time.
STATE_MODELS: dict[str, BenchmarkNetwork] = {
    "linear-dynamics": BenchmarkNetwork("linear-dynamics"),
    "linear-trajectory": BenchmarkNetwork("linear-trajectory", trajectory=True),
    "mean-structure": BenchmarkNetwork("mean-structure"),
    "radial-field": BenchmarkNetwork("radial-field"),
    "mpnn": BenchmarkNetwork("mpnn"),
    # with e3nn, named where they are wanted; so wide in each degree
    "tfn": BenchmarkNetwork("tfn", {"hidden": 32}),
    "se3-transformer": BenchmarkNetwork("se3-transformer", {"hidden": 32}),
    "egnn": BenchmarkNetwork("egnn"),
    # rolled out on square distances as they are, it is in infinity before training
    "egnn-r": BenchmarkNetwork("egnn-r", {"relative_distances": True}),
    "egnn-s": BenchmarkNetwork("egnn-s"),
    "egnn-tb": BenchmarkNetwork("egnn-tb"),
    "gmn": BenchmarkNetwork("gmn"),
    "eghn": BenchmarkNetwork("eghn"),
    "st-egnn": BenchmarkNetwork("st-egnn", trajectory=True),
    "egno": BenchmarkNetwork("egno"),
    "egno-l": BenchmarkNetwork("egno", {"discretisation": "last"}, "last"),
    "egno-t2t": BenchmarkNetwork("egno", trajectory=True),
    "egno-none": BenchmarkNetwork("egno", {"convolved": ()}),
    "egno-h": BenchmarkNetwork("egno", {"convolved": ("h",)}),
    "egno-xv": BenchmarkNetwork("egno", {"convolved": ("x", "v")}),
    "egno-hx": BenchmarkNetwork("egno", {"convolved": ("h", "x")}),
    "eghno": BenchmarkNetwork("eghno"),
    # ours: as published, but never stopped early; no vectors mixed in time before training; then
    # trained in another way too; then on all that the same training trajectories hold; then told of
    # inverse distances and relative velocities too
    "egno-patient": BenchmarkNetwork("egno", training={"patience": None, "epochs": 4000}),
    "egno-still": BenchmarkNetwork("egno", _STILL),
    "egno-one-cycle": BenchmarkNetwork("egno", _STILL, training=_ONE_CYCLE),
    "egno-all-windows": BenchmarkNetwork("egno", _STILL, **_ALL_WINDOWS),
    "egnn-inverse": BenchmarkNetwork("egnn", _SOFTENED, **_ALL_WINDOWS),
    "egno-inverse": BenchmarkNetwork("egno", _STILL | _SOFTENED, **_ALL_WINDOWS),
    "egno-t2t-inverse": BenchmarkNetwork(
        "egno", _STILL | _SOFTENED, trajectory=True, **_ALL_WINDOWS
    ),
    # ours, of molecules: drawn to their mean structure; the same without features of each atom
    "egno-mean-reversion": BenchmarkNetwork("mean-reversion", _STILL | {"network": "egno"}),
    "egno-mean-reversion-alike": BenchmarkNetwork(
        "mean-reversion", _STILL | {"network": "egno", "identity": 0}
    ),
}

_TO_STATE = ("linear-dynamics", "radial-field", "mpnn", "egnn", "egnn-r", "egnn-s")
_ALL = (*_TO_STATE, "egnn-tb", "gmn", "eghn", "egno", "eghno")
_OF_MOLECULES = (*_ALL, "mean-structure")


@dataclass(frozen=True)
class StateProtocol:
    """Published settings of a benchmark, from the releases of EGNO and EGHN."""

    layers: int
    hidden: int
    frames: int
    """P."""
    models: tuple
    """Those of its table."""
    training: dict
    """Of :class:`~openmm_stegmn.training.StateTrainingConfig`."""
    clusters: int = 5
    """Of EGHN and EGHNO."""
    relative_distances: bool = True
    """See :class:`~openmm_stegmn.models.networks.StateNetwork`; of edges' features too."""


PROTOCOLS = {
    "nbody": StateProtocol(
        4, 64, 5,
        (
            *_TO_STATE, "egnn-tb", "eghn", "egno", "egno-l", "linear-trajectory", "egno-t2t",
            "egno-none", "egno-h", "egno-xv", "egno-hx", "eghno",
        ),
        # own choice: without, windows of far particles explode
        {"gradient_clip": 1.0}, relative_distances=False,
    ),
    "mocap": StateProtocol(
        6, 128, 5, _ALL,
        {"epochs": 2000, "batch_size": 12, "learning_rate": 5e-4, "weight_decay": 1e-10},
    ),
    "md17-s2s": StateProtocol(
        5, 64, 8, _OF_MOLECULES,
        {"weight_decay": 1e-15, "halve_every": 2500, "patience": None},
    ),
    "md17-s2t": StateProtocol(
        5, 64, 8,
        (
            "linear-dynamics", "mean-structure", "egnn-r", "egnn-s", "egnn-tb", "egno",
            "linear-trajectory", "egno-t2t", "eghno",
        ),
        {"weight_decay": 1e-15, "halve_every": 2500, "patience": None},
    ),
    "adk": StateProtocol(
        4, 128, 4, (*_OF_MOLECULES, "linear-trajectory", "egno-t2t", "st-egnn"),
        {
            "epochs": 15_000, "batch_size": 8, "learning_rate": 5e-5, "weight_decay": 1e-4,
            "auxiliary": 2.0,
        },
        clusters=20,
    ),
}  # fmt: skip


def network_options(source, name: str, frames: int) -> dict:
    """Keyword arguments of a network, beside the features it is told of.

    Parameters
    ----------
    source : StateSource
    name : str
        Of :data:`STATE_MODELS`.
    frames : int
        P.
    """
    model, protocol = STATE_MODELS[name], PROTOCOLS[source.benchmark]
    options = {"layers": protocol.layers, "hidden": protocol.hidden, **model.options}
    if protocol.relative_distances:
        options["relative_distances"] = True
    if model.cls.gives_trajectory:
        options["horizon"] = frames
    if model.trajectory:
        options["history"] = frames
    if model.network in ("eghn", "eghno"):
        options["clusters"] = protocol.clusters
    if model.network == "gmn":
        options["constraints"] = source.constraints
    return options


def state_training(benchmark: str, name: str, seed: int, **changes) -> StateTrainingConfig:
    """How a network is trained in a benchmark: as published, but for its own and these changes."""
    own = STATE_MODELS[name].training
    return StateTrainingConfig(**PROTOCOLS[benchmark].training | own | changes, seed=seed)
