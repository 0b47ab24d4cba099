"""What the parts of STEGMN are worth: each left out in turn, the rest as in ``benchmark md17``.

    python benchmarks/ablations.py --data md17-gfn2-xtb --output ablations.json

The folder is that of ``openmm-stegmn benchmark md17 --generate``. By default heavy atoms of two
molecules: ethanol, flexible, and benzene, rigid. Cells are mean square errors of heavy atoms
relative to the whole model's on the same windows: mean and standard deviation over the seeds. One
to three minutes a training on a CPU core, 72 of them.
"""

import argparse
import logging
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from openmm_stegmn.benchmarks import (
    MD17Job,
    MD17Settings,
    Record,
    RecordFile,
    make_records,
    md17_trajectories,
)
from openmm_stegmn.models.layers import ElasticRegression

WHOLE = "stegmn"


@dataclass(frozen=True)
class Ablation:
    """What is changed."""

    config: dict = field(default_factory=dict)
    """Of the architecture."""
    training: dict = field(default_factory=dict)
    change: Callable | None = None
    """Called with the model before it is trained."""


def linear_only(model):
    """Least squares, and no network."""
    model.closed_form = True


def without_arms(model):
    """Least squares in positions only: full autoregression, with a ridge for each atom."""
    regression = model.mechanism.regression
    model.mechanism.regression = ElasticRegression(
        regression.neighbours[:, :0], len(regression.position_weights)
    )


def without_least_squares(model):
    """The network starts from the last frame."""
    model.mechanism.regression.fit = _nothing


def without_pair_history(model):
    """Pairs are told apart by their last length and their kind only; vectors remain."""
    model.network.invariants.register_forward_hook(_forget_history)


def without_neighbours_displacements(model):
    """Forces are along pairs and along an atom's own past displacements."""
    model.network.invariants.register_forward_hook(_forget_others)


def without_pair_kinds(model):
    """The first layer treats all kinds of pairs alike, but for a constant."""
    model.network.pair_gain.weight.requires_grad_(False)


def _nothing(*_):
    pass


def _forget_history(_, __, history):
    features = history.features.clone()
    features[..., : 3 * history.own.shape[1]] = 0
    return replace(history, features=features)


def _forget_others(_, __, history):
    return replace(history, other=torch.zeros_like(history.other))


ABLATIONS = {
    "linear-ar-full": None,
    "least squares in positions and arms, no network": Ablation(change=linear_only),
    WHOLE: Ablation(),
    "no least squares to start from": Ablation(change=without_least_squares),
    "least squares in positions only": Ablation(change=without_arms),
    "windows not reversed in time": Ablation(training={"time_reversal": False}),
    "no history of pairs": Ablation(change=without_pair_history),
    "no displacements of neighbours": Ablation(change=without_neighbours_displacements),
    "first layer alike for all kinds of pairs": Ablation(change=without_pair_kinds),
    "1 layer (2)": Ablation(config={"layers": 1}),
    "3 layers": Ablation(config={"layers": 3}),
    "hidden 32 (64)": Ablation(config={"hidden": 32}),
    "hidden 128": Ablation(config={"hidden": 128}),
    "weight decay 0.001 (0.3)": Ablation(training={"weight_decay": 1e-3}),
}


@dataclass(frozen=True)
class AblationJob(MD17Job):
    """A record of ``md17`` with something changed; named after what it is."""

    name: str = WHOLE

    @property
    def key(self):
        _, data, molecule, _, *rest = super().key
        return ("ablations", data, molecule, self.name, *rest)

    @property
    def title(self):
        return f"{super().title} ({self.name})"

    @property
    def config(self):
        return super().config | self._ablation.config

    @property
    def training(self):
        return replace(super().training, **self._ablation.training)

    def build(self):
        model = super().build()
        if self._ablation.change is not None:
            self._ablation.change(model)
        return model

    @property
    def _ablation(self):
        return ABLATIONS[self.name] or Ablation()


def main():
    """Run the command line."""
    options = parse()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    jobs = []
    for case in options.cases.split(","):
        molecule, atoms = case.split(":")
        settings = MD17Settings(
            molecules=(molecule,), seeds=options.seeds, atoms=atoms, device=options.device
        )
        (trajectory,) = md17_trajectories(options.data, settings)
        jobs += [
            AblationJob(
                trajectory, "linear-ar-full" if change is None else WHOLE, seed, settings, name
            )
            for name, change in ABLATIONS.items()
            for seed in range(options.seeds)
        ]
    records = make_records(
        jobs, RecordFile(options.output), processes=options.processes,
        progress=lambda title, done, total: print(f"{done}/{total} {title}", flush=True),
    )  # fmt: skip
    print(table(records))


def table(records: list[Record]) -> str:
    """Markdown: a change a row, a molecule a column."""
    errors = {(r.molecule, r.atoms, r.model, r.seed): r.mse for r in records}
    cases = dict.fromkeys((r.molecule, r.atoms) for r in records)
    seeds = sorted({r.seed for r in records})
    head = ["", *(f"{molecule}, {atoms}" for molecule, atoms in cases)]
    lines = [head, ["---"] * len(head)]
    for name in ABLATIONS:
        cells = [name]
        for case in cases:
            values = [errors[*case, name, seed] for seed in seeds]
            if name == WHOLE:
                mean = statistics.fmean(values)
                cells.append(f"**{1e3 * mean:.4f} ×10⁻³ Å²**")
                continue
            ratios = [
                value / errors[*case, WHOLE, seed]
                for value, seed in zip(values, seeds, strict=True)
            ]
            spread = f" ± {statistics.stdev(ratios):.2f}" if len(seeds) > 1 else ""
            cells.append(f"{statistics.fmean(ratios):.2f}{spread}")
        lines.append(cells)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def parse():
    """Options; the defaults are those of the table in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("md17-gfn2-xtb"))
    parser.add_argument("--output", type=Path, default=Path("ablations.json"))
    parser.add_argument(
        "--cases", default="ethanol:heavy,benzene:heavy",
        help="molecule:atoms, separated by commas; atoms are heavy or all",
    )  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1, help="trainings at a time")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser.parse_args()


if __name__ == "__main__":
    main()
