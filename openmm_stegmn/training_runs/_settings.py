"""What is trained, and how."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

from ..models import MODELS
from ..training import TrainingConfig, check_processes, choose_device

#: What a model may be for, and the architecture that is trained where none is named.
TARGETS = {"jump": "stegmn", "proposal": "stegmn-proposal"}
_OF_ARCHITECTURE = ("times", "components", "block")
#: Frames that one evaluation predicts, of architectures that are made for several; else 1.
HORIZONS = {"egno": 5, "egno-rigid": 5, "eghno": 5}
# Of proposals alone
_OF_PROPOSALS = (*_OF_ARCHITECTURE, "fine_tune")


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training run on trajectories. Those that are None have the defaults stated."""

    target: str = "jump"
    """``jump``: the frame that follows a window. ``proposal``: the density of exact moves."""
    model: str | None = None
    """Architecture, by its name in the registry; ``stegmn`` or ``stegmn-proposal`` if None."""
    config: dict = field(default_factory=dict)
    """Options of the architecture, such as ``{"kinematics": "elastic"}``."""
    start: str | None = None
    """Packaged model, or model file, of the same atoms that training starts from, in place of
    initial weights and least squares. Architecture, its options and the history are its own."""
    history: int | None = None
    """Frames in a window; if None, 10 of a jump and 1 of a proposal. Moves from one frame are
    exact; a proposal with more is for stochastic dynamics, whose bias is not corrected."""
    horizon: int | None = None
    """Of a jump: frames that one evaluation predicts, to the last of which a jump goes; if None, 5
    of ``egno``, ``egno-rigid`` and ``eghno``, else 1."""
    frame_interval: float | None = None
    """Time between the frames of a window, ps: a multiple of that of the trajectories, which it is
    if None."""
    times: tuple[float, ...] | None = None
    """Of a proposal: times that moves are learned for, ps, beside the equilibrium, which always is
    if they look at one frame; 1, 2, 5, 10, 20 and 50 frame intervals if None."""
    components: int | None = None
    """Of a proposal: components of the density; the architecture's own if None."""
    block: int | None = None
    """Of a proposal: most bonds that a move turns; all if None."""
    temperature: float = 300.0
    """Of the trajectories, K."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """Steps, batch size, learning rate, seed (of the initial weights too)."""
    fine_tune: int | None = None
    """Of a proposal: steps of training for acceptance, after that on the trajectories."""
    free_jumps: int = 1000
    """Jumps one after the other, after which bonds, angles and size are looked at; 0: none."""
    device: str = "auto"
    """``auto``, ``cpu`` or ``cuda``."""
    devices: int = 1
    """Processes on each machine, one a GPU, which share each batch."""
    nodes: int = 1
    """Machines, each with so many devices: started by SLURM or torchrun."""

    def __post_init__(self):
        if self.target not in TARGETS:
            raise ValueError(f"target {self.target!r}: expected {' or '.join(TARGETS)}")
        if self.start is not None:
            own = {"model", "history", "horizon", *_OF_ARCHITECTURE}
            given = sorted(name for name in own if getattr(self, name) is not None)
            if given or self.config:
                raise ValueError(
                    f"{', '.join(given) or 'config'}: leave it out, training from {self.start} "
                    f"takes it from there"
                )
        elif self.model is None:
            object.__setattr__(self, "model", TARGETS[self.target])
        if self.model is not None:
            self._check_model()
        if self.target == "jump":
            given = [name for name in _OF_PROPOSALS if getattr(self, name) is not None]
            if given:
                raise ValueError(
                    f"{' and '.join(map(_words, given))}: only for target proposal, not for jump"
                )
        elif self.horizon not in (None, 1):
            raise ValueError(
                f"horizon {self.horizon}: only for target jump; times are what a proposal learns"
            )
        elif self.fine_tune is not None and self.history not in (None, 1):
            raise ValueError(
                f"history {self.history} with fine tune {self.fine_tune}: only moves from one "
                f"frame are accepted or not; leave one of the two out"
            )
        if self.history is None and self.start is None:
            object.__setattr__(self, "history", 10 if self.target == "jump" else 1)
        if self.horizon is None and self.start is None:
            object.__setattr__(self, "horizon", HORIZONS.get(self.model, 1))
        if self.times is not None:
            object.__setattr__(self, "times", tuple(float(time) for time in self.times))
        for name in (
            "history", "horizon", "components", "block", "fine_tune", "devices", "nodes"
        ):  # fmt: skip
            _check(name, [getattr(self, name)], lambda x: x >= 1, "at least 1")
        _check("free_jumps", [self.free_jumps], lambda x: x >= 0, "0 or more")
        for name, values in (("times", self.times or ()), ("frame_interval", [self.frame_interval]),
                             ("temperature", [self.temperature])):  # fmt: skip
            _check(name, values, lambda x: x > 0, "positive")
        own = sorted({"components", "block", "lags", "lag"} & set(self.config))
        if own:
            raise ValueError(
                f"options {', '.join(own)} of the architecture have settings of their own: times, "
                f"components and block"
            )
        choose_device(self.device)
        check_processes(self.devices, self.nodes)

    def _check_model(self):
        fitting = sorted(
            name for name, (kind, _) in MODELS.items()
            if kind.has_density == (self.target == "proposal")
        )  # fmt: skip
        if self.model not in fitting:
            why = "is for another target" if self.model in MODELS else "is not registered"
            raise ValueError(
                f"model {self.model!r} {why}; for target {self.target} there are: "
                f"{', '.join(fitting)}"
            )

    def as_dict(self) -> dict:
        """Plain values, ready for JSON."""
        return asdict(self)


def _check(name, values, holds, expected):
    for value in values:
        if value is not None and not (math.isfinite(value) and holds(value)):
            raise ValueError(f"{_words(name)} {value}: expected {expected}")


def _words(name):
    return name.replace("_", " ")
