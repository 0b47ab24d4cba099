"""Acceptance of exact moves against how much plain dynamics the model has seen.

    python benchmarks/exact_training.py --data sampling --processes 8 --output exact_training.json

Alanine dipeptide, 1, 10 and 100 ns in replicas of 1 ns, all else the same: trained by likelihood,
then for acceptance. Single trials from 300 frames of another replica, four each.
"""

import argparse
from pathlib import Path

from openmm_stegmn.benchmarks import (
    ProposalJob,
    RecordFile,
    make_records,
    proposal_table,
    training_replicas,
)

MOLECULE = "alanine-dipeptide"


def main():
    """Run the command line."""
    options = parse()
    *training, test, validation = training_replicas(
        options.data, MOLECULE, max(options.nanoseconds), options.processes
    )
    jobs = [
        ProposalJob(MOLECULE, None, (*training[:count], test, validation), options.steps, seed=seed)
        for count in options.nanoseconds
        for seed in range(options.seeds)
    ]
    records = make_records(jobs, RecordFile(options.output), processes=options.processes)
    print(proposal_table(MOLECULE, records).markdown())


def parse():
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("sampling"), help="gets what it lacks")
    parser.add_argument("--nanoseconds", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("exact_training.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
