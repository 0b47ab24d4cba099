"""A thousand jumps of the packaged model on alanine dipeptide, beside plain molecular dynamics.

    python benchmarks/alanine_dipeptide.py --figure docs/images/ramachandran.png

Runs the hybrid simulation with the default schedule on Reference, two plain simulations of the same
length from other seeds, and a shorter hybrid one on CPU with one thread. Tells not-a-numbers,
acceptance, constraint errors, the temperature of the physical legs, and the Jensen–Shannon
divergence between the (φ, ψ) histograms, beside the divergence that the two plain runs have from
each other; prints the tables of RESULTS.md. About 20 minutes on one core. Parts that ``--work``
holds already are not run again.
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np
import openmm
import torch
from _ensemble import (
    block_histograms,
    divergence_error,
    noise_floor,
    plus_minus,
    populations,
    read_torsions,
)
from _runs import run_hybrid, run_plain

from openmm_stegmn.analysis import divergence
from openmm_stegmn.runs import RunSettings

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def main():
    options = parse()
    torch.set_num_threads(1)
    openmm.Platform.getPlatformByName("CPU").setPropertyDefaultValue("Threads", "1")
    record = json.loads(options.output.read_text()) if options.output.exists() else {}

    def done(name, result):
        record[name] = result
        options.output.write_text(json.dumps(record, indent=1) + "\n")
        print(f"{name}: {json.dumps(result)}", flush=True)

    for name in options.parts:
        if name in record and (options.work / name).is_dir():
            continue
        runner, platform, length, seed = {
            "hybrid": (run_hybrid, "Reference", options.length, options.seed),
            "plain-1": (run_plain, "Reference", options.length, options.seed + 1),
            "plain-2": (run_plain, "Reference", options.length, options.seed + 2),
            "hybrid-cpu": (run_hybrid, "CPU", options.length_cpu, options.seed + 3),
        }[name]
        settings = RunSettings(platform=platform, length=length, seed=seed)
        done(name, runner(settings, options.work / name, label=name))
    plain = [torsions(options.work / f"plain-{i}", "plain.dcd")[0] for i in (1, 2)]
    for name in ("hybrid", "hybrid-cpu"):
        if not (options.work / name).is_dir():
            continue
        angles, data, nonfinite = torsions(options.work / name, "hybrid.h5md")
        comparison = compare(angles, data, plain, options) if name == "hybrid" else {}
        done(f"{name}-analysis", jump_frames(data, nonfinite, angles) | comparison)
        if options.figure and name == "hybrid":
            draw(plain[0], angles, options)
    done("plain-analysis", {"populations": [populations(angles) for angles in plain]})
    print("\n" + runs_table(record) + "\n\n" + divergence_table(record))


def torsions(folder, trajectory):
    return read_torsions(folder / "topology.pdb", folder / trajectory)


def jump_frames(data, nonfinite, angles):
    """What the trajectory itself tells about its frames."""
    tried = data["energy_change"][data["accepted"] >= 0]
    jumped = data["origin"] == 1
    return {
        "frames": len(angles),
        "jumped_frames": int(jumped.sum()),
        "nonfinite_numbers": nonfinite,
        "energy_change": {
            "mean": float(tried.mean()),
            "quantiles_5_50_95": np.quantile(tried, [0.05, 0.5, 0.95]).tolist(),
            "largest": float(tried.max()),
        },
        "worst_constraint_error_jumped": float(data["constraint_error"][jumped].max()),
        "worst_constraint_error_physical": float(data["constraint_error"][~jumped].max()),
        "populations": populations(angles),
        "populations_jumped": populations(angles[jumped]),
    }


def compare(angles, data, plain, options):
    """Divergences from plain dynamics of all, physical and jumped frames.

    The floor is what plain dynamics of another seed gives with the same frames taken; `floor_mean`
    and `floor_95` are of random halves of the blocks of both plain runs.
    """
    frames = min(len(angles), *map(len, plain))
    jumped = data["origin"][:frames] == 1
    size = {"blocks": options.blocks, "bins": options.bins}
    full = [block_histograms(run[:frames], **size) for run in plain]
    kinds = {"all": np.ones(frames, bool), "physical": ~jumped, "jumped": jumped}
    out = {"frames_compared": frames, **size}
    for kind, keep in kinds.items():
        hybrid = block_histograms(angles[:frames], keep, **size)
        masked = [block_histograms(run[:frames], keep, **size) for run in plain]
        floor = noise_floor(np.concatenate(masked), np.concatenate(full))
        against = [divergence(hybrid.sum(0), run.sum(0)) for run in full]
        out[kind] = {
            "frames": int(keep.sum()),
            "divergence": against,
            "error": [divergence_error(hybrid, run) for run in full],
            "floor": [
                divergence(masked[1].sum(0), full[0].sum(0)),
                divergence(masked[0].sum(0), full[1].sum(0)),
            ],
            "floor_error": divergence_error(masked[1], full[0]),
            "floor_mean": float(floor.mean()),
            "floor_95": float(np.quantile(floor, 0.95)),
            "share_of_floor_above": float((floor >= np.mean(against)).mean()),
        }
    within = [
        divergence(
            *(block_histograms(run[:frames], keep, **size).sum(0) for keep in (jumped, ~jumped))
        )
        for run in (angles, *plain)
    ]
    out["jumped_against_physical"] = {"divergence": within[0], "floor": within[1:]}
    return out


def runs_table(record):
    """Markdown: jumps, temperatures, populations and times of the hybrid runs, then plain ones."""
    names = [name for name in ("hybrid", "hybrid-cpu") if f"{name}-analysis" in record]
    rows = [["", *(f"{record[name]['platform']}, 1 thread" for name in names)], ["---"]]
    rows[1] *= 1 + len(names)
    columns = [hybrid_column(record[name], record[f"{name}-analysis"]) for name in names]
    rows += [[head, *(column[head] for column in columns)] for head in columns[0]]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    shares = record["plain-analysis"]["populations"]
    for part, share in zip(("plain-1", "plain-2"), shares, strict=True):
        run = record[part]
        legs = plus_minus(run["temperature"]["legs"])
        lines.append(
            f"\nPlain MD, Reference, seed {run['seed']}: {legs} K, αR / β+PII / φ>0 "
            f"{regions(share)} %"
        )
    return "\n".join(lines)


def hybrid_column(run, analysis):
    """Cells of one hybrid run, by what they are."""
    statistics, temperature = run["statistics"], run["temperature"]
    rejected = (statistics[f"rejected_{why}"] for why in ("energy", "nonfinite", "constraints"))
    errors = statistics["worst_constraint_error"], analysis["worst_constraint_error_physical"]
    rise = analysis["energy_change"]
    low, _, high = rise["quantiles_5_50_95"]
    column = {
        "length (ns): physical + jumped": f"{statistics['physical_time'] / 1000:.2f} + "
        f"{statistics['jumped_time'] / 1000:.3f}",
        "jumps tried": f"{statistics['attempted']:,}",
        "accepted": f"{statistics['accepted']:,} ({run['acceptance']:.1%})",
        "rejected by energy / not finite / constraints": " / ".join(map(str, rejected)),
        "not-a-numbers in all positions and velocities": str(analysis["nonfinite_numbers"]),
        "worst relative constraint error of the jumps": f"{errors[0]:.1e}",
        "the same of physical frames (integrator tolerance 1e-5)": f"{errors[1]:.1e}",
        "energy change of a jump, mean [5 %, 95 %], largest (kJ/mol)": f"{rise['mean']:.1f} "
        f"[{low:.1f}, {high:.1f}], {rise['largest']:.1f}",
        "mean temperature of the physical legs (K)": plus_minus(temperature["legs"]),
        "at the jump (velocities just drawn)": plus_minus(temperature["at_jump"]),
    }
    for part in temperature["profile"]:
        head = f"{part['from_ps']:.2f}–{part['to_ps']:.2f} ps after the jump"
        column[head] = plus_minus(part)
    share = analysis["populations_jumped"]["alpha_R"]
    return column | {
        "αR / β+PII / φ>0, all frames (%)": regions(analysis["populations"]),
        "αR, jumped frames (%)": plus_minus(share, 100),
        "ms a jump": f"{run['ms_per_jump']:.1f}",
        "wall time legs + jumps (s)": f"{run['wall_seconds_legs']:.0f} + "
        f"{run['wall_seconds_jumps']:.0f}",
        "ns/day": f"{run['ns_per_day']:.0f}",
    }


def divergence_table(record):
    """Markdown: divergences (bits × 10³) of the frames of the hybrid run, beside their floors."""
    found = record["hybrid-analysis"]
    lines = [
        "| frames of the hybrid run | n | JSD to MD 1 | JSD to MD 2 | floor: MD 2 to MD 1, MD 1 to "
        "MD 2, same frames taken | floor, random halves of MD blocks: mean, 95 % | share of halves "
        "at or above |",
        "|" + " --- |" * 7,
    ]
    for kind in ("all", "physical", "jumped"):
        values = found[kind]
        against = [
            f"{1000 * value:.2f} ± {1000 * error:.2f}"
            for value, error in zip(values["divergence"], values["error"], strict=True)
        ]
        first, second = (1000 * value for value in values["floor"])
        cells = [
            kind, f"{values['frames']:,}", *against,
            f"{first:.2f} (± {1000 * values['floor_error']:.2f}), {second:.2f}",
            f"{1000 * values['floor_mean']:.2f}, {1000 * values['floor_95']:.2f}",
            f"{values['share_of_floor_above']:.1%}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    within = found["jumped_against_physical"]
    floor = ", ".join(f"{1000 * value:.1f}" for value in within["floor"])
    return "\n".join(lines) + (
        f"\n\nJumped against physical frames of the same run: {1000 * within['divergence']:.1f}; "
        f"plain MD with the same frames taken: {floor}"
    )


def regions(shares):
    """Populations in per cent."""
    names = ("alpha_R", "beta", "phi_positive")
    return " / ".join(plus_minus(shares[name], 100) for name in names)


def draw(plain, hybrid, options):
    """Free energy over (φ, ψ) of plain and hybrid dynamics side by side."""
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.6), sharey=True, layout="constrained")
    nanoseconds = options.length / 1000
    titles = (f"plain MD, {nanoseconds:.0f} ns", f"hybrid MD, {nanoseconds:.0f} ns")
    for axis, angles, title in zip(axes, (plain, hybrid), titles, strict=True):
        counts, *edges = np.histogram2d(*angles.T, bins=60, range=[[-180, 180]] * 2)
        with np.errstate(divide="ignore"):
            energy = -np.log(counts / counts.max())
        energy[counts == 0] = np.nan
        mesh = axis.pcolormesh(*edges, energy.T, cmap="viridis", vmin=0, vmax=6, rasterized=True)
        axis.set(title=title, xlabel="φ (°)", xlim=(-180, 180), ylim=(-180, 180))
        axis.set(xticks=range(-180, 181, 90), yticks=range(-180, 181, 90), aspect="equal")
    axes[0].set_ylabel("ψ (°)")
    figure.colorbar(mesh, ax=axes, label="free energy (kT)", shrink=0.9)
    options.figure.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.figure, dpi=130)


def parse():
    """Options; the defaults give the figures in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=float, default=11040, help="ps, hybrid and plain")
    parser.add_argument("--length-cpu", type=float, default=3330, help="ps, hybrid on CPU")
    parts = ["hybrid", "plain-1", "hybrid-cpu", "plain-2"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--blocks", type=int, default=20, help="for errors of histograms")
    parser.add_argument("--bins", type=int, default=24, help="of the histograms, an angle")
    parser.add_argument("--work", type=Path, default=Path("alanine-dipeptide-hybrid"))
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--output", type=Path, default=Path("alanine_dipeptide.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
