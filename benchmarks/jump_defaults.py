"""Which guard, velocity rule and schedule: what each does to energy, temperature and ensemble.

    python benchmarks/jump_defaults.py

Varies one setting of the propagator at a time about its defaults in hybrid simulations of alanine
dipeptide with the packaged model on Reference, and measures each against the plain simulations of
``alanine_dipeptide.py``, which are run if ``--reference`` does not hold them. About 11 minutes on
one core, 8 more with the plain simulations.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from _ensemble import (
    block_histograms,
    divergence_error,
    plus_minus,
    populations,
    read_torsions,
)
from _runs import run_hybrid, run_plain

from openmm_stegmn.analysis import divergence
from openmm_stegmn.runs import RunSettings

DEFAULTS = {
    "md_frames": 10,
    "jumps": 1,
    "guard": "energy",
    "energy_threshold": 40.0,
    "velocities": "maxwell",
}
TEN_KT = 24.9  # kJ/mol at 300 K
VARIATIONS = (
    {},
    {"velocities": "keep"},
    {"velocities": "rotate"},
    {"guard": "none"},
    {"energy_threshold": TEN_KT},
    {"energy_threshold": 5.0},
    {"guard": "metropolis"},
    {"md_frames": 20},
    {"md_frames": 5},
    {"md_frames": 2},
    {"jumps": 2},
    {"jumps": 5},
)
BLOCKS, BINS = 20, 24
PLAIN_LENGTH, PLAIN_SEEDS = 11040, (2027, 2028)  # as in alanine_dipeptide.py


def main():
    options = parse()
    torch.set_num_threads(1)
    plain = [reference(options.reference, number) for number in (1, 2)]
    records = []
    for number, changes in enumerate(VARIATIONS):
        name = " ".join(f"{key}={value}" for key, value in changes.items()) or "defaults"
        settings = RunSettings(
            platform="Reference",
            length=options.length,
            seed=options.seed + number,
            **DEFAULTS | changes,
        )
        folder = options.work / name.replace(" ", "-")
        result = run_hybrid(settings, folder, label=name)
        result |= measure(folder, plain)
        records.append({"changes": changes, "settings": DEFAULTS | changes, **result})
        lines = ",\n".join(map(json.dumps, records))  # a line for each, to be read in a diff
        options.output.write_text(f"[\n{lines}\n]\n")
        print(row(records[-1]), flush=True)
    print("\n" + table(records) + "\n\n" + profile_table(records))


def reference(folder, number):
    """Torsions of a plain simulation, run if it is not there."""
    folder = folder / f"plain-{number}"
    if not folder.is_dir():
        settings = RunSettings(
            platform="Reference", length=PLAIN_LENGTH, seed=PLAIN_SEEDS[number - 1]
        )
        run_plain(settings, folder, label=folder.name)
    return read_torsions(folder / "topology.pdb", folder / "plain.dcd")[0]


def measure(folder, plain):
    """Energy changes and divergences of one hybrid run.

    The floor is what stretches of plain dynamics as long as the run, with the same frames taken,
    diverge from the rest of plain dynamics: mean and standard deviation over the stretches.
    """
    angles, data, nonfinite = read_torsions(folder / "topology.pdb", folder / "hybrid.h5md")
    tried = data["energy_change"][data["accepted"] >= 0]
    jumped = data["origin"] == 1
    everything = sum(block_histograms(run, blocks=BLOCKS, bins=BINS).sum(0) for run in plain)
    kinds = {"all": np.ones(len(angles), bool), "physical": ~jumped, "jumped": jumped}
    divergences = {}
    for kind, keep in kinds.items():
        blocks = block_histograms(angles, keep, blocks=BLOCKS, bins=BINS)
        floor = floors(plain, keep, everything)
        divergences[kind] = {
            "frames": int(keep.sum()),
            "divergence": divergence(blocks.sum(0), everything),
            "error": divergence_error(blocks, everything[None]),
            "floor_mean": float(np.mean(floor)),
            "floor_deviation": float(np.std(floor, ddof=1)),
            "populations": populations(angles[keep]),
        }
    return {
        "nonfinite_numbers": nonfinite,
        "energy_change": {
            "mean": float(tried.mean()),
            "error": float(tried.std(ddof=1) / np.sqrt(len(tried))),
            "quantiles_5_50_95": np.quantile(tried, [0.05, 0.5, 0.95]).tolist(),
            "largest": float(tried.max()),
        },
        "divergences": divergences,
    }


def floors(plain, keep, everything):
    """Divergences of stretches of plain dynamics from what is left without them."""
    out = []
    for run in plain:
        for start in range(0, len(run) - len(keep) + 1, len(keep)):
            stretch = run[start : start + len(keep)]
            whole = block_histograms(stretch, blocks=1, bins=BINS)[0]
            part = block_histograms(stretch, keep, blocks=1, bins=BINS)[0]
            out.append(divergence(part, everything - whole))
    return out


COLUMNS = (
    "run", "md_frames, jumps", "guard", "velocities", "jumps", "accepted", "ΔU (kJ/mol)",
    "largest", "T legs (K)", "T first ps (K)", "JSD all ×10³", "floor", "JSD jumped ×10³", "floor",
    "αR (%)", "αR jumped (%)", "constraints", "ms a jump", "ns/day",
)  # fmt: skip


def table(records):
    """The records as a Markdown table."""
    head = "| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS)
    return "\n".join([head, *map(row, records)])


def row(record):
    """One record as a row of the table."""
    settings, statistics = record["settings"], record["statistics"]
    rise, kinds = record["energy_change"], record["divergences"]
    guard = settings["guard"]
    guard = f"energy {settings['energy_threshold']:g}" if guard == "energy" else guard
    cells = [
        name_of(record),
        f"{settings['md_frames']}, {settings['jumps']}",
        guard,
        settings["velocities"],
        str(statistics["attempted"]),
        f"{record['acceptance']:.1%}",
        f"{rise['mean']:.1f} ± {rise['error']:.1f}",
        f"{rise['largest']:.1f}",
        plus_minus(record["temperature"]["legs"]),
        plus_minus(record["temperature"]["soon_after_jump"]),
    ]
    for kind in ("all", "jumped"):
        k = {key: 1000 * value for key, value in kinds[kind].items() if key != "populations"}
        cells.append(f"{k['divergence']:.1f} ± {k['error']:.1f}")
        cells.append(f"{k['floor_mean']:.1f} ± {k['floor_deviation']:.1f}")
    for kind in ("all", "jumped"):
        share = kinds[kind]["populations"]["alpha_R"]
        cells.append(f"{100 * share['mean']:.0f} ± {100 * share['error']:.0f}")
    cells.append(f"{statistics['worst_constraint_error']:.1e}")
    cells += [f"{record['ms_per_jump']:.1f}", f"{record['ns_per_day']:.0f}"]
    return "| " + " | ".join(cells) + " |"


def profile_table(records):
    """Markdown: temperatures (K) by the time since the last jump, one run a row."""
    parts = max((record["temperature"]["profile"] for record in records), key=len)
    spans = [f"{part['from_ps']:g}–{part['to_ps']:g} ps" for part in parts]
    lines = [["run", "at the jump", *spans], ["---"] * (2 + len(spans))]
    for record in records:
        temperature = record["temperature"]
        cells = [plus_minus(part) for part in (temperature["at_jump"], *temperature["profile"])]
        lines.append([name_of(record), *cells, *["–"] * (1 + len(spans) - len(cells))])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def name_of(record):
    """What was changed."""
    return ", ".join(f"{k}={v}" for k, v in record["changes"].items()) or "defaults"


def parse():
    """Options; the defaults give the figures in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=float, default=2000, help="of each hybrid run, ps")
    parser.add_argument("--seed", type=int, default=3000, help="of the first; the next have more")
    default = Path("alanine-dipeptide-hybrid")
    parser.add_argument("--reference", type=Path, default=default, help="folder of plain runs")
    parser.add_argument("--work", type=Path, default=Path("jump-defaults-hybrid"))
    parser.add_argument("--output", type=Path, default=Path("jump_defaults.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
