"""Time and memory of every state network: inference and a training step, on the same batch.

    python benchmarks/zoo_cost.py --output zoo_cost.json                # a GPU if there is one
    python benchmarks/zoo_cost.py --device cpu --threads 1 --output zoo_cost_cpu.json

Networks have the published sizes. Batches are made up: charged particles (100 systems of 5), a
small molecule (100 of 13 atoms) and a protein's backbone (2 of 856 atoms, neighbours within 10 Å).
Times are medians over repeats after a warm-up, each between synchronisations. A training step is
forward, backward and Adam; closed forms have none. Memory is the peak of CUDA beyond what was there
before; none of CPUs. Networks that do not fit on the GPU are left out, and said to be. Of names
that stand for one network, trained or begun in other ways, the first is measured; ablations
only if named.
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import torch

from openmm_stegmn.atomic_files import write_atomically
from openmm_stegmn.benchmarks import (
    PROTOCOLS,
    STATE_MODELS,
    BenchmarkTable,
    ChargedSurroundings,
    MoleculeSurroundings,
    ProteinSurroundings,
    SpeedCase,
    StateSource,
    most_neighbours,
    network_options,
)
from openmm_stegmn.training import States, choose_device

WARM_UP = 3
#: Options that change no shape: how a network begins, and which frames it is asked for.
FREE = ("vector_scale", "discretisation")
#: Options that only ablations set.
ABLATED = ("convolved", "identity")


class MadeUp(StateSource):
    """What networks need to know of a batch that is made up."""

    identity = {}

    def __init__(self, benchmark, n_particles):
        self.benchmark, self.n_particles = benchmark, n_particles

    @property
    def constraints(self):
        """Disjoint pairs of neighbours in a chain."""
        if self.benchmark == "nbody":
            return ()
        return tuple((node, node + 1) for node in range(0, self.n_particles - 1, 2))

    def windows(self, seed, past, ahead):
        """There are none: of a batch that is made up nothing asks for them."""
        raise NotImplementedError


def chain(n, generator, bond=1.5):
    """A random walk in a ball, ``(n, 3)``."""
    steps = torch.randn(n, 3, generator=generator)
    places, place = [], torch.zeros(3)
    for step in steps:
        # back to the middle, so that it stays in a ball
        step = step - 0.12 * place
        place = place + bond * step / step.norm()
        places.append(place)
    return torch.stack(places)


def batch_of(name, generator):
    """Source, surroundings and positions ``(B, N, 3)`` of a case."""
    if name == "nbody":
        charges = 2.0 * torch.randint(2, (100, 5), generator=generator) - 1
        x = torch.randn(100, 5, 3, generator=generator)
        return MadeUp("nbody", 5), ChargedSurroundings(charges), x
    if name == "molecule":
        numbers = torch.tensor([6.0] * 9 + [8.0] * 4)
        bonds = [(node, node + 1) for node in range(12)]
        x = torch.stack([chain(13, generator) for _ in range(100)])
        return MadeUp("md17-s2s", 13), MoleculeSurroundings(numbers, bonds), x
    x = SpeedCase.protein(214, batch=2).windows().frames[:2]
    charges = torch.randn(x.shape[1], generator=generator)
    surroundings = ProteinSurroundings(charges, 10.0, most_neighbours(x, 10.0))
    return MadeUp("adk", x.shape[1]), surroundings, x


def measure(case, name, device, repeats, train_too=True):
    """A record: median times in ms, and memory in MB."""
    generator = torch.Generator().manual_seed(0)
    source, surroundings, x = batch_of(case, generator)
    model, frames = STATE_MODELS[name], PROTOCOLS[source.benchmark].frames
    options = network_options(source, name, frames)
    torch.manual_seed(0)
    network = model.build(surroundings, x.shape[1], options).to(device)
    surroundings, x = surroundings.to(device), x.to(device)
    v = torch.randn(x.shape, generator=generator).to(device) * 0.1
    target = x[:, None].clone()
    history = options.get("history", 1)
    positions, velocities = (t[:, None].expand(-1, history, -1, -1) for t in (x, v))
    windows = torch.arange(len(x), device=device)
    states = States(positions, velocities, *surroundings(x, v, windows))
    trained = train_too and not model.cls.closed_form
    if trained:
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-6, fused=device == "cuda")

    @torch.no_grad()
    def infer():
        network(*states)

    def train():
        predicted, _ = network(*states)
        loss = (predicted - target).square().mean()
        auxiliary = network.take_auxiliary_loss()
        loss = loss if auxiliary is None else loss + auxiliary
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    network.eval()
    inference, inference_memory = timed(infer, device, repeats)
    network.train()
    training, training_memory = timed(train, device, repeats) if trained else (None, None)
    return {
        "case": case, "model": name, "device": device, "batch": len(x), "particles": x.shape[1],
        "neighbours": states.graph.table.shape[-1], "frames": options.get("horizon", 1),
        "parameters": sum(p.numel() for p in network.parameters()),
        "inference_ms": inference, "training_ms": training,
        "inference_MB": inference_memory, "training_MB": training_memory,
    }  # fmt: skip


def timed(work, device, repeats):
    """Median time of some work in ms, and its peak of memory in MB."""
    on_gpu = device == "cuda"
    if on_gpu:
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(WARM_UP + repeats):
        if on_gpu:
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if on_gpu:
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
    memory = (torch.cuda.max_memory_allocated() - before) / 1e6 if on_gpu else None
    return statistics.median(times[WARM_UP:]), memory


def distinct():
    """Names of networks that differ in what they compute, without ablations."""
    found = {}
    for name, model in STATE_MODELS.items():
        if any(option in model.options for option in ABLATED):
            continue
        shape = [(option, value) for option, value in model.options.items() if option not in FREE]
        found.setdefault((model.network, *shape, model.trajectory), name)
    return list(found.values())


def table(records):
    """A table of all cases: networks are rows."""
    cases = list(dict.fromkeys(record["case"] for record in records))
    names = list(dict.fromkeys(record["model"] for record in records))
    found = {(record["case"], record["model"]): record for record in records}
    head = ["network", *(f"{case}: inference, training step" for case in cases)]
    rows = []
    for name in names:
        cells = []
        for case in cases:
            record = found.get((case, name))
            if record is None:
                cells.append("–")
                continue
            cells.append(cell(record))
        rows.append([name, *cells])
    return BenchmarkTable(f"{records[0]['hardware']}", head, rows)


def cell(record):
    """Times, and memory where it was measured; of inference and of a training step if there is."""
    kinds = [k for k in ("inference", "training") if record[f"{k}_ms"] is not None]
    text = ", ".join(f"{record[f'{kind}_ms']:.1f}" for kind in kinds) + " ms"
    if record["inference_MB"] is None:
        return text
    return text + "; " + ", ".join(f"{record[f'{kind}_MB']:,.0f}" for kind in kinds) + " MB"


def main():
    """Measure each network in each case, and print a table."""
    options = parse()
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    hardware = torch.cuda.get_device_name() if device == "cuda" else (
        f"{platform.machine()} CPU, {options.threads} threads"
    )  # fmt: skip
    records = []
    for case in options.cases:
        for name in options.models:
            try:
                record = measure(
                    case, name, device, options.repeats, not options.inference_only
                ) | {"hardware": hardware}  # fmt: skip
            except torch.OutOfMemoryError as error:
                print(f"{case}, {name}: {error}", flush=True)
                torch.cuda.empty_cache()
                continue
            records.append(record)
            print(f"{case}, {name}: {cell(record)}", flush=True)
            write_atomically(options.output, (json.dumps(records, indent=1) + "\n").encode())
    print(table(records).markdown())


def parse():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases = ["nbody", "molecule", "protein"]
    parser.add_argument("--cases", nargs="+", choices=cases, default=cases)
    parser.add_argument("--models", nargs="+", choices=list(STATE_MODELS), default=distinct())
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument(
        "--inference-only", action="store_true", help="no training steps, which hold much memory"
    )
    parser.add_argument("--output", type=Path, default=Path("zoo_cost.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
