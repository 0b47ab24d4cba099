"""Free energies of hybrid runs of alanine dipeptide, as they are and corrected from the legs alone.

    python benchmarks/analysis_bias.py                          # on a CPU, some 20 minutes
    python benchmarks/analysis_bias.py --lengths 1000 3000 10000 --md-frames 10 40 --seeds 3 \
        --reference-ns 256 --replicas 64 --processes 30 --output analysis_bias.json

Each kind of run is compared with a long reference of plain dynamics (the files of
``openmm-stegmn benchmark sampling``, made where they are not there): root mean square difference of
the free energy over (φ, ψ), in bins of 15° that hold 0.1 % or more of the reference, of all frames
as they are and of the Markov model of the legs; shares of the basins, times to leave them beside
those of the reference at the same lag, and what the report says first. ``bad`` is a model that was
made bad: the density of the packaged one with the weights of all components in αR raised, so that
jumps push the molecule there. Runs that ``--work`` holds are not made again, and those that were
stopped go on.
"""

import argparse
import json
import logging
import multiprocessing
import signal
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis
import numpy as np
import torch
from _basins import BASINS, finite, leaving_times
from _runs import run_plain

from openmm_stegmn import load_model, save_model
from openmm_stegmn.analysis import (
    analyze_trajectory,
    angle_histogram,
    basins_of,
    free_energy_error,
    summary_sentences,
    write_report,
)
from openmm_stegmn.benchmarks import reference_angles
from openmm_stegmn.mechanics import dihedral
from openmm_stegmn.runs import RunFolder, RunSettings, hybrid_run
from openmm_stegmn.systems import packaged_structure

MOLECULE = "alanine-dipeptide"
KINDS = {
    "deterministic": {},
    "dynamics": {"model": "alanine-dipeptide-exact", "guard": "energy", "jump_time": 5.0},
    "exact": {"model": "alanine-dipeptide-exact", "guard": "metropolis"},
    "bad": {"model": "bad.safetensors", "guard": "energy", "jump_time": 5.0},
}


def main():
    options = parse()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    options.work.mkdir(parents=True, exist_ok=True)
    if "bad" in options.kinds:
        bad_model(options.work / KINDS["bad"]["model"], options.bonus)
    # The longest first: they are what the others wait for.
    wanted = [
        Run(kind, md_frames, length, seed)
        for length in sorted(options.lengths, reverse=True)
        for md_frames in options.md_frames
        for kind in options.kinds
        for seed in range(1, options.seeds + 1)
    ]
    jobs = [(make_run, (run, options)) for run in wanted]
    for name in at_once([(plain_run, (options,)), *jobs], options.processes):
        print(f"{name}: simulated", flush=True)
    if options.runs_only:
        return
    record = json.loads(options.output.read_text()) if options.output.exists() else {}
    replicas = reference_angles(
        options.sampling, MOLECULE, options.reference_ns, options.replicas, options.processes
    )
    record["reference"] = about_reference(replicas, options)
    print(json.dumps(record["reference"]), flush=True)
    histogram = angle_histogram(*np.concatenate(replicas).T)
    jobs = [(measure, (run, histogram, options)) for run in wanted if run.name not in record]
    for name, found in at_once(jobs, options.processes):
        record[name] = found
        options.output.write_text(json.dumps(record, indent=1) + "\n")
        print(f"{name}: {json.dumps(found)}", flush=True)
    lags = {record[run.name]["lag_ps"] for run in wanted} - {None}
    step = 1000 * options.reference_ns / sum(map(len, replicas))
    record["reference"]["leaving"] = {
        f"{lag:g}": leaving_times(replicas, step, lag) for lag in sorted(lags)
    }
    options.output.write_text(json.dumps(record, indent=1) + "\n")
    print("\n" + table(record, options))


@dataclass(frozen=True)
class Run:
    """One hybrid run."""

    kind: str
    md_frames: int
    length: float
    seed: int

    @property
    def name(self):
        """In the record, and of its folder."""
        return f"{self.kind}-{self.md_frames}-frames-{self.length:g}-ps-{self.seed}"


def at_once(jobs, processes):
    """What functions give, as they are done."""
    processes = min(processes, len(jobs))
    if processes < 2:
        yield from map(call, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes, quiet) as pool:
        yield from pool.imap_unordered(call, jobs)


def call(job):
    function, arguments = job
    return function(*arguments)


def quiet():
    # Ctrl-C is for the first process, which ends the others. Each has a core.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("MDAnalysis").setLevel(logging.ERROR)


def about_reference(replicas, options):
    """Shares of the basins, and how far halves of the reference are from each other."""
    half = max(len(replicas) // 2, 1)
    parts = replicas if len(replicas) > 1 else np.array_split(replicas[0], 2)
    halves = [angle_histogram(*np.concatenate(p).T) for p in (parts[:half], parts[half:])]
    shares = np.array([share(each) for each in parts])
    return {
        "nanoseconds": options.reference_ns,
        "shares": dict(zip(BASINS, share(np.concatenate(replicas)), strict=True)),
        "share_errors": dict(
            zip(BASINS, shares.std(0, ddof=1) / np.sqrt(len(shares)), strict=True)
        ),
        # the mean of both has half the difference of the halves
        "free_energy_error_kT": free_energy_error(*halves)[0] / 2,
    }


def share(angles):
    """Shares of the basins."""
    return np.bincount(basins_of(angles), minlength=3) / len(angles)


def make_run(run, options):
    """Simulate, or go on with what was stopped; the name of the run."""
    folder, values = RunFolder(options.work / run.name), dict(KINDS[run.kind])
    if run.kind == "bad":
        values["model"] = str(options.work / values["model"])
    settings = RunSettings(
        **values, length=run.length, seed=run.seed, platform=options.platform, energies=True,
        equilibration=50.0, md_frames=run.md_frames,
    )  # fmt: skip
    if not folder.read_summary().get("completed"):
        begun = folder.checkpoint.exists()
        hybrid_run(settings, folder.path, overwrite=not begun, restart=begun)
    return run.name


def measure(run, reference, options):
    """Compare a run with the histogram of the reference; its name, and what was found."""
    folder, plain = RunFolder(options.work / run.name), plain_folder(options)
    atoms, other = (
        MDAnalysis.Universe(str(where / "topology.pdb"), str(where / file)).atoms
        for where, file in ((folder.path, "hybrid.h5md"), (plain, "plain.dcd"))
    )
    started = time.perf_counter()
    molecule, _ = folder.rebuild_molecule()
    analysis = analyze_trajectory(
        atoms, reference=other, system=molecule.system, temperature=300.0, lag=options.lag
    )
    write_report(analysis, folder.path / "analysis.html", title=run.name)
    (found,) = analysis.free_energies
    corrected = found.corrected
    errors = {"raw": free_energy_error(found.raw.population, reference)}
    errors["corrected"] = free_energy_error(corrected.population, reference)
    visited = (reference >= 1e-3 * reference.sum()) & np.isfinite(corrected.energy)
    widths = (corrected.high - corrected.low)[visited]
    # free energies have no zero: the mean difference is none
    truth = -np.log(reference[visited])
    truth += (corrected.energy[visited] - truth).mean()
    held = (corrected.low[visited] <= truth) & (truth <= corrected.high[visited])
    return run.name, {
        "md_frames": run.md_frames,
        "frames": len(analysis.frames),
        "acceptance": analysis.jumps.results.accepted / max(analysis.jumps.results.attempted, 1),
        "rms_kT": {side: value for side, (value, _) in errors.items()},
        "bins_unvisited": {side: value for side, (_, value) in errors.items()},
        "corrected_error_kT": float(np.sqrt(np.mean((widths[np.isfinite(widths)] / 3.92) ** 2))),
        "bins_in_interval": float(held.mean()),
        "unknown_share": None if analysis.markov is None else analysis.markov.results.unknown_share,
        "lag_ps": None if analysis.markov is None else analysis.markov.results.lag,
        "basins": {
            basin: {side: finite(row[side]) for side in ("raw", "corrected", "leaving")}
            for basin, row in zip(BASINS, found.basins, strict=True)
        },
        "first_sentence": summary_sentences(analysis)[0],
        "seconds": time.perf_counter() - started,
    }  # fmt: skip


def plain_folder(options):
    """Of plain dynamics as a trajectory, for the report."""
    return options.work / f"plain-{options.plain:g}"


def plain_run(options):
    """Make it, if it is not there; its name."""
    folder = plain_folder(options)
    if not (folder / "done").exists():
        settings = RunSettings(
            platform=options.platform, length=options.plain, seed=99, equilibration=50.0
        )
        run_plain(settings, folder, every=1.0, label="plain")
        (folder / "done").touch()
    return folder.name


def bad_model(path, bonus):
    """The packaged density with the weights of all components in αR raised by e to the bonus."""
    if path.exists():
        return path
    model = load_model("alanine-dipeptide-exact")
    angles = component_angles(model)
    chosen = torch.from_numpy(basins_of(angles.numpy()) == 1)
    if not 0 < chosen.sum() < len(chosen):
        raise SystemExit(f"{int(chosen.sum())} of {len(chosen)} components are in αR")
    with torch.no_grad():
        model.of_all[-1].bias[chosen] += bonus
    save_model(model, path)
    return path


def component_angles(model):
    """φ and ψ of the centres of the model's components, rad, ``(n_components, 2)``."""
    atoms = MDAnalysis.Universe(str(packaged_structure(MOLECULE))).atoms
    frame = torch.from_numpy(atoms.positions.astype(np.float64))
    body = model.context.body
    own, found = body.torsions(frame), []
    for names in (("C", "N", "CA", "C"), ("N", "CA", "C", "N")):
        residues = (1, 2, 2, 2) if names[0] == "C" else (2, 2, 2, 3)
        four = [
            atoms.select_atoms(f"resid {residue} and name {name}")[0].index
            for residue, name in zip(residues, names, strict=True)
        ]
        axis = set(four[1:3])
        bond = next(
            n for n, other in enumerate(body.torsion_atoms.tolist()) if set(other[1:3]) == axis
        )
        offset = dihedral(*frame[four]) - own[bond]
        centre = torch.atan2(model.centres[bond, :, 1], model.centres[bond, :, 0])
        found.append(torch.remainder(centre + offset + torch.pi, 2 * torch.pi) - torch.pi)
    return torch.stack(found, 1).detach()


def table(record, options):
    """Markdown: means over seeds, and the spread between them."""
    reference = record["reference"]
    shares = ", ".join(
        f"{basin} {100 * value:.1f} ± {100 * reference['share_errors'][basin]:.1f} %"
        for basin, value in reference["shares"].items()
    )
    lines = [
        f"Reference: {reference['nanoseconds']:g} ns, own error "
        f"{reference['free_energy_error_kT']:.2f} kT; {shares}.",
        "",
        "| run | frames in a leg | length (ps) | raw (kT) | corrected (kT) | its own error (kT) | "
        "bins in its 95 % | αR raw (%) | αR corrected (%) | not known (%) |",
        "|" + " --- |" * 10,
    ]
    times = [
        "| run | frames in a leg | length (ps) | lag (ps) | β and PII (ps) | reference | held | "
        "αR (ps) | reference | held |",
        "|" + " --- |" * 10,
    ]
    for kind in options.kinds:
        for md_frames in options.md_frames:
            for length in options.lengths:
                names = [
                    Run(kind, md_frames, length, seed).name for seed in range(1, options.seeds + 1)
                ]
                if own := [record[name] for name in names if name in record]:
                    lines.append(row(kind, md_frames, length, own))
                    times.append(leaving_row(kind, md_frames, length, own, reference["leaving"]))
    sentences = [
        f"- {kind}, legs of {md_frames} frames: {record[name]['first_sentence']}"
        for kind in options.kinds
        for md_frames in options.md_frames
        if (name := Run(kind, md_frames, max(options.lengths), 1).name) in record
    ]
    return "\n".join([*lines, "", "Times to leave the basins:", "", *times, "", *sentences])


def cell(values, form="{:.2f}"):
    """Mean of those that are known, and their standard deviation."""
    values = np.array([value for value in values if value is not None], float)
    if not len(values):
        return "-"
    text = form.format(values.mean())
    return text if len(values) < 2 else f"{text} ± {form.format(values.std(ddof=1))}"


def leaving_row(kind, md_frames, length, own, reference):
    """Times to leave basins beside those seen in the reference, and how many intervals hold them.

    Means are geometric: a time that is badly known may be long without bound.
    """
    lags = {each["lag_ps"] for each in own} - {None}
    cells = [kind, str(md_frames), f"{length:g}", ", ".join(f"{lag:g}" for lag in sorted(lags))]
    for basin in BASINS[:2]:
        found = [
            (each["basins"][basin]["leaving"], reference[f"{each['lag_ps']:g}"][basin]["direct"])
            for each in own
            if each["lag_ps"] is not None and each["basins"][basin]["leaving"] is not None
        ]
        pairs = [(times, truth) for times, truth in found if truth is not None]
        held = sum(times[1] <= truth[0] <= times[2] for times, truth in pairs)
        truths = {f"{truth[0]:.0f} [{truth[1]:.0f}, {truth[2]:.0f}]" for _, truth in pairs}
        mean = f"{np.exp(np.mean([np.log(times[0]) for times, _ in found])):.0f}" if found else "-"
        cells += [mean, ", ".join(sorted(truths)) or "-", f"{held} of {len(pairs)}"]
    return "| " + " | ".join(cells) + " |"


def row(kind, md_frames, length, own):
    """One line of the table."""
    cells = [
        kind, str(md_frames), f"{length:g}",
        cell(each["rms_kT"]["raw"] for each in own),
        cell(each["rms_kT"]["corrected"] for each in own),
        cell(each["corrected_error_kT"] for each in own),
        cell((100 * each["bins_in_interval"] for each in own), "{:.0f}"),
        cell((100 * each["basins"]["alpha_R"]["raw"][0] for each in own), "{:.1f}"),
        cell((100 * (each["basins"]["alpha_R"]["corrected"] or [np.nan])[0] for each in own),
             "{:.1f}"),
        cell((None if each["unknown_share"] is None else 100 * each["unknown_share"]
              for each in own), "{:.1f}"),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def parse():
    """Options; the defaults are small."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--lengths", nargs="+", type=float, default=[500.0, 2000.0], help="ps")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--md-frames", type=int, nargs="+", default=[10], help="physical frames in a leg"
    )
    parser.add_argument("--lag", type=float, help="of the Markov model, ps")
    parser.add_argument("--bonus", type=float, default=2.5, help="of αR in the bad model, kT")
    parser.add_argument("--reference-ns", type=float, default=10.0)
    parser.add_argument("--replicas", type=int, default=2, help="of the reference")
    parser.add_argument("--sampling", type=Path, default=Path("sampling"), help="its folder")
    parser.add_argument("--processes", type=int, default=1, help="runs, replicas at a time")
    parser.add_argument("--runs-only", action="store_true", help="simulate, and measure nothing")
    parser.add_argument("--plain", type=float, default=3000.0, help="ps of MD for the report")
    parser.add_argument("--platform", default="Reference")
    parser.add_argument("--work", type=Path, default=Path("analysis-bias"))
    parser.add_argument("--output", type=Path, default=Path("analysis_bias.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
