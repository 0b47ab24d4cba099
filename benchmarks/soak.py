"""Many jumps in one process: does memory grow?

    python benchmarks/soak.py --jumps 100000 --output soak.json

Alanine dipeptide in vacuum, `torsion-linear` frames of one step apart, a jump after each physical
frame. Resident memory is read every hundredth of the run; growth is that from a tenth of the run,
after which everything has been allocated once, to its end.
"""

import argparse
import json
import os
import time
from pathlib import Path

import openmm
import torch
from _matrix_systems import build
from openmm import app

from openmm_stegmn.models import build_model
from openmm_stegmn.simulation import STEGMNPropagator


def soak(backend, jumps, readings=100, platform="Reference", folder=None):
    """Run so many jumps; return what there was to see.

    Parameters
    ----------
    backend : str
    jumps : int
        A multiple of `readings`.
    folder : Path, optional
        That the system is read from.
    """
    case = build("vacuum, HBonds", folder)
    system = openmm.XmlSerializer.clone(case.system)
    spec = case.spec(architecture="torsion-linear", history=2, frame_interval=case.step)
    integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, case.step)
    propagator = STEGMNPropagator(
        system, case.topology, build_model(spec), integrator, md_frames=1, backend=backend, seed=1
    )
    made = app.Simulation(
        case.topology, system, propagator, openmm.Platform.getPlatformByName(platform)
    )
    made.context.setPositions(case.positions)
    made.context.setVelocitiesToTemperature(300, 1)
    memory, started = [], time.perf_counter()
    for _ in range(readings):
        made.step(2 * jumps // readings)
        memory.append(resident())
    statistics = propagator.statistics
    warm = memory[readings // 10]
    return {
        "platform": platform,
        "backend": backend,
        "jumps": statistics.attempted,
        "accepted": statistics.accepted,
        "worst_constraint_error": statistics.worst_constraint_error,
        "megabytes_warm": warm / 2**20,
        "megabytes_end": memory[-1] / 2**20,
        "growth_percent": 100 * (memory[-1] / warm - 1),
        "wall_seconds": time.perf_counter() - started,
    }


def resident():
    """Resident memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main():
    """Soak each back-end, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jumps", type=int, default=100_000)
    parser.add_argument("--platform", default="Reference")
    parser.add_argument("--folder", type=Path, help="of systems, see propagator_systems.py")
    parser.add_argument("--backend", nargs="+", default=["torch", "python"])
    parser.add_argument("--output", default="soak.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    records = []
    for backend in options.backend:
        records.append(
            soak(backend, options.jumps, platform=options.platform, folder=options.folder)
        )
        Path(options.output).write_text(json.dumps(records, indent=1))
        print(records[-1], flush=True)


if __name__ == "__main__":
    main()
