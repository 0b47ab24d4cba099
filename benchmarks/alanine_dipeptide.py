"""A thousand jumps of the packaged model on alanine dipeptide, beside plain molecular dynamics.

    python benchmarks/alanine_dipeptide.py --figure docs/images/ramachandran.png

Runs the hybrid simulation with the default schedule on Reference, two plain simulations of the same
length from other seeds, and a shorter hybrid one on CPU with one thread. Tells not-a-numbers,
acceptance, constraint errors, the temperature of the physical legs, and the Jensen–Shannon
divergence between the (φ, ψ) histograms, beside the divergence that the two plain runs have from
each other. About 20 minutes on one core. Parts that ``--work`` holds already are not run again.
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
    divergence,
    divergence_error,
    noise_floor,
    populations,
    read_torsions,
)
from _runs import run_hybrid, run_plain

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
