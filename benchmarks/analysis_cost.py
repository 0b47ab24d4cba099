"""Frames a second, and memory, of the analyses of a hybrid trajectory.

    python benchmarks/analysis_cost.py                          # 300 and 1,200 frames, minutes
    python benchmarks/analysis_cost.py --frames 25000 100000

Copies of chignolin side by side make a system of the size asked for (19: 2,622 atoms), shaken about
their places, with a jump after every ten physical frames, as an H5MD file. Each analysis runs in a
process of its own over some frames and over more: if memory is flat both need the same, and their
difference tells the frames a second without what any number of frames costs. Several of these
commands at once can share the trajectories of ``--work``, once they are written (``--write``).
``plain reading`` is MDAnalysis going through the file without looking at it.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import MDAnalysis
import numpy as np

ANALYSES = (
    "plain reading", "ConstraintAudit", "OriginComparison", "JumpAudit", "LegMarkovModel", "all",
)  # fmt: skip


def main():
    options = parse()
    warnings.simplefilter("ignore")
    if options.one:
        print(json.dumps(measure(options)))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    topology = write_topology(options)
    records = []
    sizes = sorted(set(options.frames))
    for n_frames in sizes:
        write_trajectory(topology, n_frames, options)
    for name in () if options.write else options.analyses:
        for workers in sorted(set(options.workers)):
            for n_frames in sizes:
                command = [sys.executable, __file__, "--one", name, "--frames", str(n_frames)]
                command += ["--workers", str(workers), "--work", str(options.work)]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    raise SystemExit(f"{name}: {done.stderr[-2000:]}")
                records.append(json.loads(done.stdout.splitlines()[-1]))
                print(json.dumps(records[-1]), flush=True)
                options.output.write_text(json.dumps(records, indent=1) + "\n")
    if records:
        print("\n" + table(records))


def measure(options):
    """One analysis, in this process."""
    from openmm_stegmn.analysis import (
        ConstraintAudit,
        HybridFrames,
        JumpAudit,
        LegMarkovModel,
        OriginComparison,
        analyze_trajectory,
    )

    topology = str(options.work / "topology.pdb")
    universe = MDAnalysis.Universe(topology, str(trajectory_path(options, *options.frames)))
    (workers,) = options.workers
    run = {} if workers == 1 else {"backend": "multiprocessing", "n_workers": workers}
    system = constrained_system(universe)
    frames = HybridFrames.of(universe.trajectory)
    started = time.perf_counter()
    if options.one == "plain reading":
        for _ in universe.trajectory:
            pass
    elif options.one == "ConstraintAudit":
        ConstraintAudit(universe.atoms, system, frames=frames).run(**run)
    elif options.one == "OriginComparison":
        OriginComparison(universe.atoms, frames=frames).run(**run)
    elif options.one == "JumpAudit":
        JumpAudit(universe.atoms, system, frames=frames).run(**run)
    elif options.one == "LegMarkovModel":
        LegMarkovModel(universe.atoms, frames=frames).run(**run)
    else:
        analyze_trajectory(universe.atoms, frames=frames, system=system, n_workers=workers)
    seconds = time.perf_counter() - started
    own, children = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "analysis": options.one, "atoms": len(universe.atoms), "frames": len(frames),
        "workers": workers, "seconds": seconds, "frames_per_second": len(frames) / seconds,
        "peak_mb": own, "peak_mb_of_a_worker": children if workers > 1 else None,
    }  # fmt: skip


def write_topology(options):
    """Copies of chignolin in a row, each a chain with residue numbers of its own."""
    from openmm_stegmn.systems import packaged_structure

    path = options.work / "topology.pdb"
    if path.exists():
        return path
    one = MDAnalysis.Universe(str(packaged_structure("chignolin")))
    size = np.ptp(one.atoms.positions, axis=0).max() + 8
    universe = MDAnalysis.Merge(*[one.atoms] * options.copies)
    side = int(np.ceil(options.copies ** (1 / 3)))
    n_atoms, n_residues = len(one.atoms), len(one.residues)
    for copy in range(options.copies):
        place = np.array(np.unravel_index(copy, (side,) * 3))
        atoms = universe.atoms[copy * n_atoms : (copy + 1) * n_atoms]
        atoms.positions = one.atoms.positions + size * place
        # a gap, so that chains do not go on into each other
        atoms.residues.resids = one.residues.resids + copy * (n_residues + 1)
    part = path.with_name("part.pdb")
    universe.atoms.write(str(part))
    part.rename(path)
    return path


def constrained_system(universe):
    """Masses, and a constraint on each bond to a hydrogen; without forces."""
    import openmm

    from openmm_stegmn.analysis._topology import bonds_of, elements_of

    system, elements = openmm.System(), elements_of(universe.atoms)
    for symbol in elements:
        system.addParticle(openmm.app.Element.getBySymbol(symbol).mass)
    for first, second in bonds_of(universe.atoms).tolist():
        if "H" in (elements[first], elements[second]):
            length = np.linalg.norm(universe.atoms.positions[first] -
                                    universe.atoms.positions[second]) / 10  # fmt: skip
            system.addConstraint(first, second, length)
    return system


def trajectory_path(options, n_frames):
    return options.work / f"hybrid-{n_frames}.h5md"


def write_trajectory(topology, n_frames, options):
    """Shaken positions and velocities, in the format of `HybridReporter`, 1 ps a frame."""
    import h5py

    path = trajectory_path(options, n_frames)
    if path.exists():
        return
    universe, rng = MDAnalysis.Universe(str(topology)), np.random.default_rng(0)
    n_atoms, step = len(universe.atoms), 256
    part = path.with_suffix(".part")
    with h5py.File(part, "w") as file:
        header = file.create_group("h5md")
        header.attrs["version"] = np.array([1, 1])
        for name in ("author", "creator"):
            header.create_group(name).attrs["name"] = "analysis_cost"
        settings = {"jump_kind": "deterministic", "frame_interval": 1.0}
        file.create_group("parameters/openmm_stegmn").attrs.update(settings)
        box = file.create_group("particles/trajectory/box")
        box.attrs["dimension"], box.attrs["boundary"] = 3, np.array(["none"] * 3, dtype="S8")
        series = {}
        for name, unit in (("position", "Angstrom"), ("velocity", "Angstrom ps-1")):
            series[name] = file.create_dataset(
                f"particles/trajectory/{name}/value", (n_frames, n_atoms, 3), "f4",
                chunks=(1, n_atoms, 3),
            )  # fmt: skip
            series[name].attrs["unit"] = unit
        group = file["particles/trajectory/position"]
        group["step"] = np.arange(n_frames)
        group["time"] = np.arange(n_frames, dtype=float)
        group["time"].attrs["unit"] = "ps"
        jumped = np.arange(n_frames) % 11 == 10
        observables = {
            "origin": jumped.astype("i4"), "accepted": np.where(jumped, 1, -1).astype("i4"),
            "energy_change": np.where(jumped, 1.0, np.nan),
            "constraint_error": np.full(n_frames, 1e-6),
            "potential_energy": rng.normal(size=n_frames),
        }  # fmt: skip
        for name, values in observables.items():
            file[f"observables/{name}/value"] = values
            for clock in ("step", "time"):
                file[f"observables/{name}/{clock}"] = group[clock]
        file["particles/trajectory/velocity/step"] = group["step"]
        file["particles/trajectory/velocity/time"] = group["time"]
        for start in range(0, n_frames, step):
            shape = (min(step, n_frames - start), n_atoms, 3)
            noise = rng.normal(size=shape).astype("f4")
            series["position"][start : start + step] = universe.atoms.positions + 0.05 * noise
            series["velocity"][start : start + step] = 5 * noise
    part.rename(path)


def table(records):
    """Markdown."""
    head = "analysis | workers | frames | seconds | further frames a second | peak memory (MB)"
    lines = [f"| {head} |", "|" + " --- |" * 6]
    for each, before in zip(records, [None, *records], strict=False):
        more = ""
        if before and (before["analysis"], before["workers"]) == (
            each["analysis"],
            each["workers"],
        ):
            # without what does not depend on the number of frames, such as draws of noise
            gained = each["frames"] - before["frames"]
            more = f"{gained / max(each['seconds'] - before['seconds'], 1e-9):.0f}"
        worker = each["peak_mb_of_a_worker"]
        memory = f"{each['peak_mb']:.0f}" + (f" + {worker:.0f} a worker" if worker else "")
        lines.append(
            f"| {each['analysis']} | {each['workers']} | {each['frames']:,} | "
            f"{each['seconds']:.1f} | {more} | {memory} |"
        )
    return f"{records[0]['atoms']:,} atoms\n\n" + "\n".join(lines)


def parse():
    """Options; the defaults are small."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=[300, 1200])
    parser.add_argument("--copies", type=int, default=19, help="of chignolin, 138 atoms each")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--analyses", nargs="+", choices=ANALYSES, default=list(ANALYSES))
    parser.add_argument("--write", action="store_true", help="the trajectories, and no more")
    parser.add_argument("--one", choices=ANALYSES, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, default=Path("analysis-cost"))
    parser.add_argument("--output", type=Path, default=Path("analysis_cost.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
