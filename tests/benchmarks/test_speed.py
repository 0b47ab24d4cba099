"""The benchmark ``speed``: what is counted, floors, made-up molecules, and ways to run networks."""

import dataclasses
import pickle
from types import SimpleNamespace

import pytest
import torch
from torch.autograd import DeviceType

from openmm_stegmn.benchmarks import SpeedRecord, SpeedSettings, draw_scaling, speed_tables
from openmm_stegmn.benchmarks._speed_cases import SpeedCase
from openmm_stegmn.benchmarks._speed_floors import Work, bandwidth_at, floor_ms, one_by_one_ms
from openmm_stegmn.benchmarks._speed_jobs import InferenceJob, SpeedJob, _most_expensive
from openmm_stegmn.benchmarks._speed_modes import inference, time_training, training_step
from openmm_stegmn.benchmarks._speed_precision import PrecisionJob
from openmm_stegmn.benchmarks._speed_process import FreshJob
from openmm_stegmn.benchmarks._speed_timing import Timing, timed

QUICK = SpeedSettings(repeats=3, seconds=0.5, device="cpu", threads=(1,))
RATES = {
    "bandwidths": [[100, 50.0], [1000, 100.0], [10_000, 10.0]], "matmul_float32": 1000.0,
    "launch_us": 2e6, "graph_us": 1e6,
}  # fmt: skip


def test_work_of_products_and_of_what_lies_between():
    a, b = torch.randn(2, 3), torch.randn(3, 4)
    work = Work.of(lambda: (a @ b).view(8).relu())
    assert work.operations == 2 * 2 * 3 * 4
    assert work.product_bytes == work.largest_product_bytes == 4 * (6 + 12 + 8)
    assert work.traffic_bytes == work.product_bytes + 4 * (8 + 8)
    assert work.launches == 2


def test_work_reads_repeated_numbers_once():
    row = torch.randn(1, 5).expand(100, 5)
    assert Work.of(lambda: row.sum()).traffic_bytes == 4 * (5 + 1)


def test_gradients_are_counted():
    a, b = torch.randn(2, 3), torch.randn(3, 4, requires_grad=True)
    forward = Work.of(lambda: a @ b)
    both = Work.of(lambda: (a @ b).sum().backward())
    assert both.operations == 2 * forward.operations


def test_floors_by_hand():
    work = dataclasses.asdict(Work(2000, 500, 400, 3000, 7))
    # 1 s for a launch; products take 2 s, their 500 bytes 5 s at 100 a second
    assert floor_ms(work, RATES) == pytest.approx(6000)
    assert floor_ms(work | {"operations": 9000}, RATES) == pytest.approx(10_000)
    # 7 launches of 2 s; 3,000 bytes take 30 s
    assert one_by_one_ms(work, RATES) == pytest.approx(30_000)
    assert one_by_one_ms(work | {"traffic_bytes": 10}, RATES) == pytest.approx(14_000)


@pytest.mark.parametrize(("size", "rate"), [(10, 100), (1000, 100), (1001, 10), (10**6, 10)])
def test_a_cache_counts_for_what_fits_in_it(size, rate):
    assert bandwidth_at(size, RATES) == rate


def test_quartiles():
    timing = Timing.of([0.004, 0.001, 0.002, 0.003, 0.005])
    assert (timing.lower, timing.median, timing.upper) == (2.0, 3.0, 4.0)
    assert Timing.of([0.001]).as_dict() == {
        "ms": 1.0, "lower_ms": 1.0, "upper_ms": 1.0, "repeats": 1,
    }  # fmt: skip


def test_repeats_end_after_some_time():
    calls = []
    timing = timed(lambda: calls.append(torch.randn(300, 300) @ torch.randn(300, 300)), "cpu", 7, 9)
    assert timing.repeats == 7 and len(calls) >= 10
    assert timed(lambda: sum(range(10**5)), "cpu", 10**6, 0.02).repeats < 10**4


def test_aspirin_without_hydrogens():
    case = SpeedCase.aspirin(5)
    spec = case.build("stegmn").spec
    assert spec.n_atoms == case.n_atoms == 13 and len(spec.bonds) == 13
    window, target = case.windows().take(torch.arange(5))
    assert window.shape == (5, 10, 13, 3) and target.shape == (5, 13, 3)
    # it moves, and not as a whole
    assert 0.02 < float((target - window[:, -1]).std()) < 0.2


def test_protein_is_made_of_chains_and_about_as_dense_as_one():
    case = SpeedCase.protein(2 * 213, 1)
    made = case._trajectory(1)
    assert case.n_atoms == 1704 and len(made.bonds) == 2 * 851
    places = made.frames[0]
    lengths = torch.stack([(places[a] - places[b]).norm() for a, b in made.bonds])
    assert 1.2 < float(lengths.median()) < 1.8
    distances = torch.cdist(places, places).fill_diagonal_(torch.inf)
    assert float(distances.min()) > 0.3
    volume = float((places.amax(0) - places.amin(0)).prod())
    assert 20 < volume / case.n_atoms < 50  # 34 Å³ in a protein


@pytest.mark.parametrize("name", ["stegmn", "stegmn-paper"])
def test_ways_to_run_agree_with_the_model(name):
    case = SpeedCase.aspirin(2)
    model, (window, _) = case.build(name), case.windows().take(torch.arange(2))
    expected = model.jump(window, window[:, -1].double())[0].detach()
    for mode in ("eager", "script"):
        torch.testing.assert_close(inference(model, window, mode)(), expected, rtol=0, atol=1e-6)
    rounded = inference(model, window, "eager", "bfloat16")()
    assert torch.isfinite(rounded).all()


def test_a_step_alone_trains():
    case = SpeedCase.aspirin(4)
    model, windows = case.build("stegmn"), case.windows()
    before = [p.detach().clone() for p in model.parameters()]
    training_step(model, windows, 4)()
    changed = [not torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True)]
    assert any(changed)


def test_training_is_timed_as_it_is():
    case = SpeedCase.aspirin(4)
    timing, parts = time_training(case.build("stegmn"), case.windows(), 4, "cpu", 5, 60.0)
    assert (timing.repeats, parts) == (5, 1) and timing.median > 0


def test_precision_is_measured_on_a_network_that_does_something():
    case = SpeedCase.aspirin(8)
    errors = {}
    for mode in ("eager, float32", "eager, bfloat16"):
        record = PrecisionJob(QUICK, case, "stegmn", mode).run()
        assert record.failure is None
        errors[mode] = record.measured["relative_error"]
    assert errors["eager, float32"] < 1e-5
    assert errors["eager, bfloat16"] > 10 * errors["eager, float32"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RuntimeError("[enforce fail]\nyou tried to allocate 7200000000 bytes. Error 12"),
            "out of memory, asked for 7200000000 bytes",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 37.25 GiB. GPU 0"),
            "out of memory, asked for 37.25 GiB",
        ),
        (RuntimeError("no compiler\nmany lines"), "RuntimeError: no compiler"),
        (MemoryError(), "MemoryError: "),
    ],
)
def test_what_fails_says_why(error, told, monkeypatch):
    def fail(self):
        raise error

    monkeypatch.setattr(InferenceJob, "measure", fail)
    record = InferenceJob(QUICK, SpeedCase.aspirin(1), "stegmn", "eager").run()
    assert record.failure == told and record.measured == {}
    (table,) = speed_tables([record], "cpu")
    assert told in table.rows[0] and len(table.rows[0]) == len(table.head)


def test_jobs_travel():
    job = InferenceJob(QUICK, SpeedCase.protein(2, 1), "stegmn", "eager")
    assert pickle.loads(pickle.dumps(job)) == job
    assert isinstance(job, SpeedJob) and job.key[0] == "inference"


def test_a_size_that_takes_too_long_is_given_up():
    settings = dataclasses.replace(QUICK, limit=0.01)
    case = SpeedCase.protein(2, 1)
    record = FreshJob(InferenceJob(settings, case, "stegmn", "eager", part="atoms")).run()
    assert record.failure == "not done after 0.01 s"


def record_of(part, case, batch, n_atoms, **measured):
    values = {"ms": 3.0, "lower_ms": 2.0, "upper_ms": 4.0, "MB": None} | measured
    work = dataclasses.asdict(Work(2000, 500, 400, 3000, 7))
    return SpeedRecord(
        part, "a chip", case, "stegmn", "eager", n_atoms, 10, batch, 1, values, {}, {"work": work}
    )


def test_published_figures_are_beside_the_same_work_alone():
    machine = SpeedRecord("machine", "a chip", "", "", "", 0, 0, 0, 1, RATES)
    records = [
        record_of("inference", "aspirin", 1, 13), record_of("inference", "protein", 1, 852),
        record_of("training", "protein", 10, 852), record_of("training", "protein", 10, 40),
    ]  # fmt: skip
    for device, published, aims in (
        ("cpu", ["40", "174", "1,483", "–"], ["2", "–", "–", "–"]),
        ("cuda", ["169", "186", "1,060", "–"], ["1", "2", "15", "–"]),
    ):
        _, table = speed_tables([machine, *records], device)
        assert [row[-2] for row in table.rows] == published
        assert [row[-1] for row in table.rows] == aims
        assert {row[6] for row in table.rows} == {"6,000"}


def test_floors_need_the_rates():
    (table,) = speed_tables([record_of("inference", "aspirin", 1, 13)], "cpu")
    assert table.rows[0][6] == "–"


def test_figure_of_what_was_measured(tmp_path):
    path = tmp_path / "scaling.svg"
    assert not draw_scaling([record_of("inference", "protein", 1, 8)], path)
    assert not path.exists()
    records = [
        record_of("atoms", "protein", 1, n, ms=float(n), host_MB=2.0 * n) for n in (100, 10, 1000)
    ]
    assert draw_scaling(records, path)
    first = path.read_bytes()
    assert first.startswith(b"<?xml") and b"</svg>" in first
    draw_scaling(records[::-1], path)
    assert path.read_bytes() == first


def test_figure_tells_machines_apart(tmp_path):
    records = [record_of("atoms", "protein", 1, n, ms=float(n), host_MB=1.0) for n in (10, 100)]
    other = [dataclasses.replace(record, hardware="another chip") for record in records]
    draw_scaling(records, tmp_path / "one.svg")
    draw_scaling([*records, *other], tmp_path / "two.svg")
    one, two = ((tmp_path / name).read_text() for name in ("one.svg", "two.svg"))
    assert "<!-- stegmn -->" in one and "a chip" not in one
    assert "<!-- stegmn, a chip -->" in two and "<!-- stegmn, another chip -->" in two


def test_profile_of_a_gpu_counts_kernels_once():
    def event(key, device, ms, named=False):
        return SimpleNamespace(
            key=key, count=5, device_type=device, is_user_annotation=named,
            self_device_time_total=5000 * ms,
        )  # fmt: skip

    events = [
        event("product", DeviceType.CUDA, 3), event("sum", DeviceType.CUDA, 1),
        event("step", DeviceType.CUDA, 4, named=True), event("launch", DeviceType.CPU, 8),
    ]  # fmt: skip
    found = _most_expensive(SimpleNamespace(key_averages=lambda: events), on_gpu=True)
    assert [each["name"] for each in found] == ["product", "sum"]
    assert [each["ms"] for each in found] == [3, 1]
    assert [each["share"] for each in found] == [0.75, 0.25]
