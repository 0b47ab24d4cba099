"""How fast everything is on a GPU, all by one command.

    PYTHONPATH=. python benchmarks/speed_gpu.py --folder systems --output speed_gpu

Runs, one after the other so that nothing is timed beside anything else: ``openmm-stegmn benchmark
speed`` (first what has targets; then larger sizes, precision and profiles; last what a compiler
makes of inference), `jump_cost.py` (jumps inside OpenMM) and `break_even.py` (schedules beside
plain dynamics). Records and what is printed go to a folder; records that are there are not made
again, nor is a part that was done. After ``--minutes`` what runs is ended, with its records kept,
and what is left is not begun: the same command goes on from there. On a machine without
openmmtools the systems are read from a folder, which is written elsewhere by
``propagator_systems.py --prepare --folder systems``.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from break_even import SYSTEMS

HERE = Path(__file__).parent


def main():
    """Run all; the exit status says whether all of it was done."""
    options = parse()
    options.output.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * options.minutes
    outcomes = [
        run(name, command, options.output, end - time.monotonic())
        for name, command in jobs(options)
        if name in options.only and not (options.output / f"{name}.done").exists()
    ]
    sys.exit(not all(outcomes))


JOBS = ("targets", "jumps", "break_even", "rest", "atoms", "compile")


def jobs(options):
    """Name and command of each: what matters most comes first."""
    speed = [
        sys.executable, "-m", "openmm_stegmn", "benchmark", "speed", "--device", options.device,
        "--repeats", options.repeats, "--seconds", 1, "--residues", options.residues,
        "--threads", 1, "--output", options.output / "speed.json",
    ]  # fmt: skip
    plain = ["--modes", "eager,script,graph" if options.device == "cuda" else "eager,script"]
    # precision is a property of platforms on GPUs alone
    mixed = "" if options.platform in ("CPU", "Reference") else ", mixed"
    where = ["--systems", *options.systems]
    where += [] if options.folder is None else ["--folder", options.folder]
    yield "targets", [*speed, *plain, "--parts", "machine,inference,training,start"]
    yield "jumps", [
        sys.executable, HERE / "jump_cost.py", "--platform", options.platform, "--threads", 1,
        "--jumps", options.jumps, *where, "--output", options.output / "jump_cost.json",
    ]  # fmt: skip
    yield "break_even", [
        sys.executable, HERE / "break_even.py", "--platform", options.platform + mixed,
        "--cycles", options.cycles, "--steps", options.steps, *where,
        "--output", options.output / "break_even.json",
    ]  # fmt: skip
    yield "rest", [
        *speed, *plain, "--models", "stegmn", "--parts", "machine,precision,history,batch,profile",
    ]  # fmt: skip
    yield "atoms", [
        *speed, "--models", "stegmn", "--parts", "machine,atoms", "--atoms", options.atoms,
        "--limit", 170, "--figure", options.output / "scaling.svg",
    ]  # fmt: skip
    yield "compile", [
        *speed, "--modes", "compile", "--models", "stegmn", "--parts", "machine,inference",
    ]  # fmt: skip


def run(name, command, output, left):
    """Run a command for no longer than what is left; whether it was done."""
    if left <= 0:
        print(f"{name}: not begun, no time left", flush=True)
        return False
    started = time.monotonic()
    said, log = output / f"{name}.txt", output / f"{name}.log"
    with open(said, "w") as out, open(log, "w") as err:
        # A session of its own, so that processes which it has started end with it.
        process = subprocess.Popen(
            list(map(str, command)), stdout=out, stderr=err, start_new_session=True
        )
        try:
            outcome = "FAILED" if process.wait(left) else "done"
        except subprocess.TimeoutExpired:
            outcome = "ended, no time left"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    print(f"{name}: {outcome}, {time.monotonic() - started:.0f} s", flush=True)
    print(said.read_text(), flush=True)
    if outcome == "done":
        (output / f"{name}.done").touch()
    else:
        print(f"the end of {log}:", *log.read_text().splitlines()[-15:], sep="\n", flush=True)
    return outcome == "done"


def parse():
    """Options; the defaults give the figures in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"), help="of networks")
    parser.add_argument("--platform", default="CUDA", help="of OpenMM")
    parser.add_argument("--folder", type=Path, help="of systems, see propagator_systems.py")
    parser.add_argument("--systems", nargs="+", default=SYSTEMS, choices=SYSTEMS)
    parser.add_argument("--only", nargs="+", default=JOBS, choices=JOBS)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=200, help="of a measurement of networks")
    parser.add_argument("--residues", type=int, default=213, help="of the protein")
    parser.add_argument("--atoms", default="1000,3000,10000,30000,100000")
    parser.add_argument("--jumps", type=int, default=50, help="timed, of jump_cost.py")
    parser.add_argument("--cycles", type=int, default=10, help="timed, of break_even.py")
    parser.add_argument("--steps", type=int, default=500, help="in a frame of break_even.py")
    parser.add_argument("--output", type=Path, default=Path("speed_gpu"))
    options = parser.parse_args()
    if options.folder is not None and not options.folder.is_dir():
        parser.error(f"--folder {options.folder}: no such folder")
    return options


if __name__ == "__main__":
    main()
