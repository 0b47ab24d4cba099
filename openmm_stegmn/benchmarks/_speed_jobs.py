"""Jobs of the benchmark ``speed``: each measures one piece of work and makes its record."""

import functools
import os
import platform
import re
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from torch.autograd import DeviceType

from ._speed_cases import SpeedCase
from ._speed_floors import Work
from ._speed_machine import measure_machine
from ._speed_modes import NextFrame, inference, time_training, training_step
from ._speed_record import SpeedRecord, title_of
from ._speed_settings import SpeedSettings
from ._speed_timing import GPUMemory, timed

#: How a training step is run: by the package's own loop, or with nothing around it.
TRAINING_MODES = ("train()", "step alone")
_PROFILED, _SHOWN = 5, 10
_NOTHING = SpeedCase("", 0, 0, 0)


@dataclass(frozen=True)
class SpeedJob(ABC):
    """One record to be made; what goes wrong in a measurement is its record."""

    settings: SpeedSettings
    case: SpeedCase = _NOTHING
    model: str = ""
    mode: str = ""
    threads: int = 1
    part: str = ""

    @property
    def key(self):
        case = self.case
        return (
            self.part, hardware(self.settings.device), case.name, self.model, self.mode,
            case.n_atoms, case.history, case.batch, self.threads,
        )  # fmt: skip

    @property
    def identity(self) -> dict:
        """What decides the numbers beside the key."""
        return self.settings.identity

    @property
    def title(self):
        return title_of(self.key)

    def run(self) -> SpeedRecord:
        measured, failure = {}, None
        details = {"versions": {"torch": torch.__version__, "python": platform.python_version()}}
        try:
            with threads_of(self.threads):
                measured, more = self.measure()
            details |= more
        except (RuntimeError, MemoryError) as error:
            failure = _reason(error)
        return SpeedRecord(*self.key, measured, self.identity, details, failure)

    @abstractmethod
    def measure(self) -> tuple[dict, dict]:
        """What was measured, and what else is known.

        Raises
        ------
        RuntimeError
            If it cannot be done here, as for lack of memory.
        """

    def prepared(self):
        """An untrained model and its windows, on the device."""
        model, device = self.case.build(self.model), self.settings.device
        return model.to(device), self.case.windows().to(device)

    def timed(self, work):
        """Time some work as the settings say."""
        settings = self.settings
        return timed(work, settings.device, settings.repeats, settings.seconds)


@dataclass(frozen=True)
class MachineJob(SpeedJob):
    """Rates of the machine."""

    part: str = "machine"

    def measure(self):
        return measure_machine(self.settings.device), {}


@dataclass(frozen=True)
class InferenceJob(SpeedJob):
    """The next frame of a batch: by itself, or in a series of sizes."""

    part: str = "inference"

    def measure(self):
        counted = self.part == "inference"
        details = {"work": asdict(_inference_work(self.case, self.model))} if counted else {}
        with GPUMemory(self.settings.device) as memory:
            model, windows = self.prepared()
            window, _ = windows.take(torch.arange(self.case.batch, device=windows.starts.device))
            start = time.perf_counter()
            call = inference(model, window, self.mode)
            call()
            details["ready_seconds"] = time.perf_counter() - start
            timing = self.timed(call)
        return timing.as_dict() | {"MB": memory.megabytes}, details


@dataclass(frozen=True)
class TrainingJob(SpeedJob):
    """A step of training."""

    part: str = "training"

    def measure(self):
        settings, case, details = self.settings, self.case, {}
        with GPUMemory(settings.device) as memory:
            model, windows = self.prepared()
            if self.mode == TRAINING_MODES[0]:
                # train() moves windows itself
                timing, details["parts"] = time_training(
                    model, windows.to("cpu"), case.batch, settings.device, settings.repeats,
                    settings.seconds,
                )  # fmt: skip
            else:
                timing = self.timed(training_step(model, windows, case.batch))
        details["work"] = asdict(_training_work(case, self.model))
        measured = timing.as_dict() | {"MB": memory.megabytes}
        return measured | {"windows_per_second": 1000 * case.batch / timing.median}, details


@dataclass(frozen=True)
class ProfileJob(SpeedJob):
    """Where the time goes, operation by operation; ``mode`` is the work."""

    part: str = "profile"

    def measure(self):
        model, windows = self.prepared()
        if self.mode == "inference":
            window, _ = windows.take(torch.arange(self.case.batch, device=windows.starts.device))
            call = inference(model, window, "eager")
        else:
            call = training_step(model, windows, self.case.batch)
        call()
        on_gpu = self.settings.device == "cuda"
        kinds = [torch.profiler.ProfilerActivity.CPU]
        kinds += [torch.profiler.ProfilerActivity.CUDA] * on_gpu
        with torch.profiler.profile(activities=kinds, acc_events=True) as profile:
            for _ in range(_PROFILED):
                call()
            if on_gpu:
                torch.cuda.synchronize()
        return {"calls": _PROFILED}, {"operations": _most_expensive(profile, on_gpu)}


def _reason(error):
    """One line on a lack of memory, or what a capture or a compiler says in many."""
    lines = str(error).strip().splitlines() or [""]
    asked = re.search(r"allocate ([\d.]+ (?:bytes|\wiB))", str(error))
    if asked:
        return f"out of memory, asked for {asked[1]}"
    return f"{type(error).__name__}: {lines[0]}"[:300]


def _most_expensive(profile, on_gpu):
    """Of the operations that take most of the device's time: name, calls, ms of all, share."""
    events = profile.key_averages()
    if on_gpu:
        # A stretch with a name, such as a step of the optimiser, is the kernels in it once more.
        events = [
            event
            for event in events
            if event.device_type != DeviceType.CPU and not event.is_user_annotation
        ]
    field = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    events = sorted(events, key=lambda event: getattr(event, field), reverse=True)
    total = sum(getattr(event, field) for event in events)
    if not total:
        raise RuntimeError("the profiler tells no times of the device")
    return [
        {
            "name": event.key, "count": event.count / _PROFILED,
            "ms": getattr(event, field) / 1000 / _PROFILED,
            "share": getattr(event, field) / total,
        }
        for event in events[:_SHOWN]
    ]  # fmt: skip


# Counted once for all modes, threads and devices: work is the same.
@functools.lru_cache
def _inference_work(case, name) -> Work:
    network = NextFrame(case.build(name)).eval().requires_grad_(False)
    window, _ = case.windows().take(torch.arange(case.batch))
    with torch.no_grad():
        return Work.of(lambda: network(window, window[:, -1].double()))


@functools.lru_cache
def _training_work(case, name) -> Work:
    return Work.of(training_step(case.build(name), case.windows(), case.batch))


@contextmanager
def threads_of(count: int):
    """Let torch have so many threads of the CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@functools.cache
def hardware(device: str) -> str:
    """Name of the processor that networks run on."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"
