"""What was measured of the propagator on a processor, on a GPU, all by one command.

    python benchmarks/propagator_gpu.py --output propagator_gpu

Runs, beside each other, `propagator_systems.py` (every system, and those without water in each
precision), `kill_runs.py`, `soak.py` and `jump_cost.py` on a platform, with both back-ends, and
keeps their records and what they print in a folder. What is there is not made again. That jumps on
a GPU are right at all is what the tests show: ``OPENMM_DEFAULT_PLATFORM=CUDA python -m pytest
tests/simulation``.
"""

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from _matrix_systems import SYSTEMS
from jump_cost import SYSTEMS as JUMPING

HERE = Path(__file__).parent


def main():
    """Run all scripts; the exit status says whether all of them did."""
    options = parse()
    options.output.mkdir(parents=True, exist_ok=True)
    wanted = {
        name: (script, arguments)
        for name, script, arguments in jobs(options)
        if not (options.output / f"{name}.done").exists()
    }
    with ThreadPoolExecutor(len(wanted) or 1) as pool:
        codes = list(pool.map(lambda name: run(name, *wanted[name], options.output), wanted))
    sys.exit(any(codes))


def jobs(options):
    """Name, script and arguments of each."""
    folder = [] if options.folder is None else ["--folder", options.folder]
    platform = options.platform
    for precision in ("mixed", "single", "double"):
        systems = SYSTEMS if precision == "mixed" else [n for n in SYSTEMS if "water" not in n]
        yield (
            f"systems_{precision}", "propagator_systems.py",
            ["--platform", f"{platform}, {precision}", "--processes", options.processes,
             "--jumps", options.jumps, "--systems", *systems, *folder],
        )  # fmt: skip
    for backend in ("torch", "python"):
        where = ["--platform", platform, "--backend", backend]
        yield f"kill_{backend}", "kill_runs.py", [*where, "--kills", options.kills]
        yield f"soak_{backend}", "soak.py", [*where, "--jumps", options.soak, *folder]
    yield (
        "jump_cost", "jump_cost.py",
        ["--platform", platform, "--threads", "1", "--systems", *JUMPING, *folder],
    )  # fmt: skip


def run(name, script, arguments, output):
    """Run a script; what it prints goes beside its records."""
    started = time.perf_counter()
    command = [sys.executable, HERE / script, *arguments, "--output", output / f"{name}.json"]
    with open(output / f"{name}.txt", "w") as log:
        code = subprocess.run(map(str, command), stdout=log, stderr=subprocess.STDOUT).returncode
    if code == 0:
        (output / f"{name}.done").touch()
    outcome = "done" if code == 0 else f"FAILED, see {name}.txt"
    print(f"{name}: {outcome}, {time.perf_counter() - started:.0f} s", flush=True)
    return code


def parse():
    """Options; the defaults give the figures in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--platform", default="CUDA")
    parser.add_argument("--jumps", type=int, default=800, help="of a small system")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--soak", type=int, default=100_000, help="jumps")
    parser.add_argument("--processes", type=int, default=3, help="systems at a time")
    parser.add_argument("--folder", type=Path, help="of systems, see propagator_systems.py")
    parser.add_argument("--output", type=Path, default=Path("propagator_gpu"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
