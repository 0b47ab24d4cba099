"""T4 lysozyme in implicit solvent: an own OpenMM run, and models trained on it.

L99A with p-xylene from openmmtools (2,621 atoms, ff96 and GAFF, OBC2), hydrogen mass repartitioning
with steps of 4 fs, a frame every ps. The run is written in pieces, each whole before its
checkpoint; started again, it goes on after the last. Models are trained by ``openmm-stegmn train``
for frame intervals of 1 and 10 ps; told are its table, seconds and memory. With a GPU:

    python benchmarks/t4_lysozyme.py --platform CUDA --nanoseconds 5 --device cuda --steps 4000 \\
        --batch-size 64 --hidden 64 --history 10

Where there is no openmmtools, the system is read from the folder; elsewhere ``--prepare`` writes it
there. Without a GPU, whether it works at all:

    python benchmarks/t4_lysozyme.py --nanoseconds 0.0015 --piece 0.5 --recorded 0.052 \\
        --minimisation 10 --intervals 0.052 --steps 4 --history 2 --batch-size 2 --hidden 8 \\
        --free-jumps 2 --results t4.json
"""

import argparse
import json
import sys
import time
from pathlib import Path

import openmm
from openmm import app, unit
from training_memory import peak

from openmm_stegmn import load_model

RESULTS = Path(__file__).parent / "results" / "t4_lysozyme.json"
STEP, TEMPERATURE = 0.004, 300.0  # ps, K


def main():
    """Run the command line."""
    options = parse()
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    if options.prepare:
        write_system(folder)
        return
    files, speed = simulate(folder, options)
    records = [
        train(folder, files, float(interval), options) | {"nanoseconds_per_day": speed}
        for interval in options.intervals.split(",")
    ]
    Path(options.results).write_text(json.dumps(records, indent=1) + "\n")


def parse():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="t4-lysozyme", help="folder")
    parser.add_argument("--prepare", action="store_true", help="topology and System, and no more")
    parser.add_argument("--results", default=str(RESULTS))
    parser.add_argument("--nanoseconds", type=float, default=5.0)
    parser.add_argument("--piece", type=float, default=500.0, help="ps in a file")
    parser.add_argument("--recorded", type=float, default=1.0, help="ps between frames")
    parser.add_argument("--equilibration", type=float, help="ps; by default a tenth of the run")
    parser.add_argument("--minimisation", type=int, default=0, help="iterations; 0: all there are")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--intervals", default="1,10", help="ps")
    parser.add_argument("--history", default="5")
    parser.add_argument("--steps", default="100")
    parser.add_argument("--batch-size", default="16")
    parser.add_argument("--hidden", default="32")
    parser.add_argument("--free-jumps", default="100")
    parser.add_argument("--threads", default="2")
    return parser.parse_args()


def simulate(folder, options):
    """Files of the run, as many as there should be, and ns a day (None if nothing was left)."""
    pieces = round(1000 * options.nanoseconds / options.piece)
    files = [folder / f"run{number:03d}.xtc" for number in range(1, pieces + 1)]
    done = sum(file.is_file() and checkpoint(file).is_file() for file in files)
    if done == pieces:
        return files, None
    simulation = prepare(folder, options.platform)
    if done:
        simulation.loadCheckpoint(str(checkpoint(files[done - 1])))
    else:
        simulation.minimizeEnergy(maxIterations=options.minimisation)
        simulation.context.setVelocitiesToTemperature(TEMPERATURE * unit.kelvin, 1)
        first = options.equilibration or 100 * options.nanoseconds
        simulation.step(round(first / STEP))
    start = time.perf_counter()
    for file in files[done:]:
        file.unlink(missing_ok=True)
        reporter = app.XTCReporter(str(file), round(options.recorded / STEP))
        simulation.reporters = [reporter]
        simulation.step(round(options.piece / STEP))
        simulation.reporters = []
        # In one go: a checkpoint that is there is whole.
        part = checkpoint(file).with_suffix(".part")
        simulation.saveCheckpoint(str(part))
        part.rename(checkpoint(file))
        print(f"{file.name} of {pieces}", flush=True)
    days = (time.perf_counter() - start) / 86_400
    return files, (pieces - done) * options.piece / 1000 / days


def checkpoint(file):
    """What goes with a piece of the run."""
    return file.with_suffix(".chk")


def prepare(folder, platform):
    """The simulation, of the topology and System in the folder, which are written if need be."""
    if not (folder / "top.pdb").is_file():
        write_system(folder)
    topology, system, positions = read_system(folder)
    integrator = openmm.LangevinMiddleIntegrator(TEMPERATURE, 1.0, STEP)
    simulation = app.Simulation(
        topology, system, integrator, openmm.Platform.getPlatformByName(platform)
    )
    simulation.context.setPositions(positions)
    return simulation


def read_system(folder):
    """Topology, System and positions, nm, that `write_system` wrote."""
    made = app.PDBFile(str(folder / "top.pdb"))
    system = openmm.XmlSerializer.deserialize((folder / "system.xml").read_text())
    return made.topology, system, made.getPositions(asNumpy=True)._value


def write_system(folder):
    """Write System and topology, the latter when all else is there."""
    from openmmtools.testsystems import LysozymeImplicit  # slow to import

    made = LysozymeImplicit(
        constraints=app.HBonds, hydrogenMass=4 * unit.dalton, implicitSolvent=app.OBC2
    )
    (folder / "system.xml").write_text(openmm.XmlSerializer.serialize(made.system))
    with open(folder / "top.pdb", "w") as file:
        app.PDBFile.writeFile(made.topology, made.positions, file)


def train(folder, files, interval, options):
    """Train a model for a frame interval, ps; what came of it."""
    model = f"every{interval:g}ps.safetensors"
    command = [
        sys.executable, "-m", "openmm_stegmn", "train", "--topology", "top.pdb",
        "--system", "system.xml", *(w for file in files for w in ("--trajectory", file.name)),
        "--frame-interval", str(interval), "--history", options.history, "--steps", options.steps,
        "--batch-size", options.batch_size, "--option", f"hidden={options.hidden}",
        "--free-jumps", options.free_jumps, "--device", options.device,
        "--threads", options.threads, "--temperature", str(TEMPERATURE), "--output", model,
        "--overwrite",
    ]  # fmt: skip
    own, whole, seconds = peak(command, folder)
    provenance = load_model(folder / model).spec.provenance
    return {
        "interval_ps": interval, "seconds": seconds, "own_gigabytes": own, "all_gigabytes": whole,
        "settings": provenance["settings"], "accuracy": provenance["accuracy"],
        "stability": provenance.get("stability"), "frames": provenance["trajectories"],
    }  # fmt: skip


if __name__ == "__main__":
    main()
