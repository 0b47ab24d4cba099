"""Records of the benchmark ``speed`` as tables."""

from collections.abc import Iterable

from ._speed_figure import memory_of
from ._speed_floors import floor_ms, one_by_one_ms
from ._speed_record import SpeedRecord
from ._table import ABSENT, BenchmarkTable

#: What the published STEGMN architecture takes (its own code, hidden 16, two layers, T = 10), ms:
#: by part, molecule, batch and kind of device; measured by this project on two CPU cores and on an
#: H200. Atoms: aspirin 13, protein 852.
PUBLISHED_SPEED = {
    ("inference", "aspirin", 1): {"cpu": 40.0, "cuda": 169.0},
    ("inference", "aspirin", 100): {"cpu": 94.0, "cuda": 132.0},
    ("inference", "protein", 1): {"cpu": 174.0, "cuda": 186.0},
    ("training", "aspirin", 100): {"cpu": 433.0, "cuda": 545.0},
    ("training", "protein", 10): {"cpu": 1483.0, "cuda": 1060.0},
}
#: What this project aims at, ms: as above.
SPEED_TARGETS = {
    ("inference", "aspirin", 1): {"cpu": 2.0, "cuda": 1.0},
    ("inference", "protein", 1): {"cuda": 2.0},
    ("training", "aspirin", 100): {"cpu": 20.0, "cuda": 5.0},
    ("training", "protein", 10): {"cuda": 15.0},
}
_PROTEIN_ATOMS = 852
_SERIES = {"atoms": "n_atoms", "history": "history", "batch": "batch"}


def speed_tables(records: Iterable[SpeedRecord], device: str) -> list[BenchmarkTable]:
    """Tables of all parts that there are records of.

    Parameters
    ----------
    records : iterable of SpeedRecord
        Of one device.
    device : str
        ``"cpu"`` or ``"cuda"``: which published figures they are beside.
    """
    parts: dict[str, list[SpeedRecord]] = {}
    for record in records:
        parts.setdefault(record.part, []).append(record)
    tables = []
    rates = {
        record.threads: record.measured
        for record in parts.get("machine", ())
        if record.failure is None
    }
    if "machine" in parts:
        tables.append(_machine(parts["machine"]))
    works = [record for name in ("inference", "training") for record in parts.get(name, ())]
    if works:
        tables.append(_work(works, rates, device))
    if "precision" in parts:
        tables.append(_precision(parts["precision"]))
    tables += [_series(parts[name], axis) for name, axis in _SERIES.items() if name in parts]
    tables += [_profile(record) for record in parts.get("profile", ()) if record.failure is None]
    tables += [_start(record) for record in parts.get("start", ())]
    return tables


def _machine(records):
    rows = []
    for record in records:
        rates = record.measured
        if record.failure is not None:
            rows.append([str(record.threads), record.failure, ABSENT])
            continue
        found = {
            "memory (GB/s)": rates["bandwidths"][-1][1] / 1e9,
            "best cache (GB/s)": max(rate for _, rate in rates["bandwidths"]) / 1e9,
            **{
                f"products, {name.removeprefix('matmul_')} (TFLOP/s)": value / 1e12
                for name, value in rates.items()
                if name.startswith("matmul_")
            },
            "launch (µs)": rates["launch_us"],
            "graph of one launch, waited for (µs)": rates.get("graph_us"),
            "launch in a graph (µs)": rates.get("graph_node_us"),
        }
        rows += [[str(record.threads), name, _number(value)] for name, value in found.items()]
    title = f"Rates of {records[0].hardware}"
    return BenchmarkTable(title, ["threads", "rate", "measured"], rows)


def _work(records, rates, device):
    head = [
        "work", "model", "mode", "threads", "ms", "quartiles", "floor (ms)", "time / floor",
        "floor op by op (ms)", "launches", "peak (MB)", "published architecture (ms)",
        "target (ms)",
    ]  # fmt: skip
    # what is the same work stands together, in the order in which it came first
    seen = list(dict.fromkeys(map(_same_work, records)))
    rows = []
    for record in sorted(records, key=lambda record: seen.index(_same_work(record))):
        row = [
            f"{record.part}, {record.case} ({record.n_atoms} atoms), batch {record.batch}",
            record.model, record.mode, str(record.threads),
        ]  # fmt: skip
        if record.failure is not None:
            rows.append([*row, record.failure, *[ABSENT] * (len(head) - len(row) - 1)])
            continue
        measured, work = record.measured, record.details["work"]
        floor = one_by_one = None
        if record.threads in rates:
            floor = floor_ms(work, rates[record.threads])
            one_by_one = one_by_one_ms(work, rates[record.threads])
        rows.append([
            *row, _number(measured["ms"]), _quartiles(measured), _number(floor),
            _number(measured["ms"] / floor if floor else None), _number(one_by_one),
            str(work["launches"]), _number(measured["MB"]),
            _number(_beside(PUBLISHED_SPEED, record, device)),
            _number(_beside(SPEED_TARGETS, record, device)),
        ])  # fmt: skip
    title = (
        f"{records[0].hardware}, T = {records[0].history}: medians. Floor: one launch, and the "
        f"matrix products or their bytes at the measured rates, float32. Published architecture: "
        f"its own code, on {'an H200' if device == 'cuda' else 'two CPU cores'}"
    )
    return BenchmarkTable(title, head, rows)


def _same_work(record):
    return record.part, record.case, record.batch, record.model


def _beside(known, record, device):
    if record.case == "protein" and record.n_atoms != _PROTEIN_ATOMS:
        return None
    return known.get((record.part, record.case, record.batch), {}).get(device)


def _precision(records):
    head = [
        "model", "mode", "precision", "threads", "error / displacement", "worst error (Å)", "ms",
    ]  # fmt: skip
    rows = []
    for record in records:
        row = [record.model, *record.mode.split(", "), str(record.threads)]
        if record.failure is not None:
            rows.append([*row, record.failure, ABSENT, ABSENT])
            continue
        measured = record.measured
        rows.append([
            *row, f"{measured['relative_error']:.1e}", f"{measured['worst_error']:.1e}",
            _number(measured["ms"]),
        ])  # fmt: skip
    first = records[0]
    title = (
        f"{first.hardware}: {first.case}, batch {first.batch}, the same weights against float64 "
        f"on the CPU; error: RMS over that of the predicted displacement"
    )
    return BenchmarkTable(title, head, rows)


def _series(records, axis):
    size = {"n_atoms": "atoms", "history": "T", "batch": "batch"}[axis]
    head = ["model", "mode", "threads", size, "ms", "quartiles", "peak (MB)", "ms / each"]
    rows = []
    for record in records:
        value = getattr(record, axis)
        row = [record.model, record.mode, str(record.threads), f"{value:,}"]
        if record.failure is not None:
            rows.append([*row, record.failure, ABSENT, ABSENT, ABSENT])
            continue
        measured = record.measured
        rows.append([
            *row, _number(measured["ms"]), _quartiles(measured), _number(memory_of(record)),
            _number(measured["ms"] / value),
        ])  # fmt: skip
    first = records[0]
    fixed = {"atoms": first.n_atoms, "T": first.history, "batch": first.batch}
    shown = ", ".join(f"{name} {value:,}" for name, value in fixed.items() if name != size)
    title = f"Inference against {size}, {first.hardware}: {first.case}, {shown}"
    return BenchmarkTable(title, head, rows)


def _profile(record):
    rows = [
        [each["name"], _number(each["count"]), _number(each["ms"]), f"{100 * each['share']:.0f}"]
        for each in record.details["operations"]
    ]
    title = f"Profile: {record.title.removeprefix('profile, ')}"
    return BenchmarkTable(title, ["operation", "calls", "ms", "share (%)"], rows)


def _start(record):
    if record.failure is not None:
        rows = [[record.failure, ABSENT]]
    else:
        names = {
            "ready_ms": "until it is equilibrated and about to step",
            "first_frame_ms": "until its first frame is written",
            "whole_ms": f"until all of a run of {record.details['length_ps']:g} ps is done",
        }
        rows = [[text, _number(record.measured[name] / 1000)] for name, text in names.items()]
    title = "openmm-stegmn run, from the start of its process (aim: first step within 5 s)"
    return BenchmarkTable(title, ["", "s"], rows)


def _quartiles(measured):
    return f"{_number(measured['lower_ms'])}–{_number(measured['upper_ms'])}"


def _number(value):
    """Three significant digits, or a dash."""
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
