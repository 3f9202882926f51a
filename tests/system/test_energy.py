"""What the hardware tells of its energy: a made-up tree of counters, a made-up GPU, and where both are silent."""

import logging
import math
import sys
import time
import types
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import torch

from alrun.loop import evaluator
from alrun.runs import portable
from alrun.runs.state import RunState
from alrun.strategies.random import Random
from alrun.system import energy, energy_sources
from alrun.system.energy import Cost, Meter
from alrun.system.energy_sources import NotMeasured, Nvml, Rapl
from alrun.training.trainer import RoundTraining
from tests.conftest import without_checkpoints

CPU = torch.device("cpu")


def domain(root: Path, number: str, name: str, value: int, full: int = 1_000_000) -> Path:
    folder = root / f"intel-rapl:{number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{full}\n")
    (folder / "energy_uj").write_text(f"{value}\n")
    return folder / "energy_uj"


@pytest.fixture
def powercap(tmp_path, monkeypatch) -> Iterator[Path]:
    """A machine with one processor; meters are made anew."""
    root = tmp_path / "powercap"
    domain(root, "0", "package-0", 100)
    monkeypatch.setattr(Rapl.__init__, "__defaults__", (root,))
    energy._meter.cache_clear()
    yield root
    energy._meter.cache_clear()


def test_packages_and_memory_count_and_what_is_in_them_or_holds_them_does_not(tmp_path):
    parts = {"0": "package-0", "0:0": "core", "0:1": "uncore", "0:2": "dram", "1": "package-1", "2": "psys"}
    counters = {name: domain(tmp_path, number, name, 500) for number, name in parts.items()}
    (tmp_path / "intel-rapl").mkdir()  # the folder of the kind of counters
    rapl = Rapl(tmp_path)
    assert rapl.joules() == 0
    for place, counter in enumerate(counters.values()):
        counter.write_text(str(500 + 10**place))
    assert rapl.joules() == pytest.approx((1 + 1000 + 10000) / 1e6)


def test_a_counter_that_starts_again_is_added_up(tmp_path):
    counter = domain(tmp_path, "0", "package-0", 900_000)
    rapl, told = Rapl(tmp_path), []
    for value in (950_000, 20_000, 20_000, 999_999, 5):  # twice past its end of 1,000,000
        counter.write_text(str(value))
        told.append(rapl.joules())
    assert told == pytest.approx([0.05, 0.12, 0.12, 1.099999, 1.100005])


@pytest.mark.parametrize("broken", ["absent", "forbidden", "garbled"])
def test_a_counter_that_cannot_be_read_has_a_reason(tmp_path, monkeypatch, broken):
    words = "has no counter of a processor"
    if broken != "absent":
        counter = domain(tmp_path, "0", "package-0", 1)
        counter.write_text("much")
        words = "energy_uj cannot be read .invalid literal"
    if broken == "forbidden":
        read = Path.read_text

        def refuse(path: Path) -> str:
            if path.name == "energy_uj":
                raise PermissionError(13, "Permission denied")
            return read(path)

        monkeypatch.setattr(Path, "read_text", refuse)
        words = "this user may not read .*energy_uj; an administrator can allow it: chmod a.r"
    with pytest.raises(NotMeasured, match=words):
        Rapl(tmp_path)


class FakeNvml(types.ModuleType):
    """NVIDIA's bindings and one GPU: ``counter`` in mJ (None: it has none), ``power`` in mW."""

    class NVMLError(Exception):
        pass

    class NVMLError_NotSupported(NVMLError):
        pass

    def __init__(self, counter: int | None, power: int = 0) -> None:
        super().__init__("pynvml")
        self.counter, self.power, self.lost = counter, power, False

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid != "GPU-1":
            raise self.NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        if self.lost:
            raise self.NVMLError("GPU is lost")
        if self.counter is None:
            raise self.NVMLError_NotSupported("Not Supported")
        return self.counter

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        return self.power


def test_a_gpus_counter_needs_no_thread(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", gpu := FakeNvml(5_000_000))
    before = energy.threading.active_count()
    meter = Meter([Nvml("GPU-1")])
    gpu.counter = 5_250_000
    assert meter.joules() == 250
    assert energy.threading.active_count() == before
    assert meter.source == "nvml"


def test_power_is_integrated_where_a_gpu_has_no_counter(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", gpu := FakeNvml(None, 100_000))
    moments = iter([10.0, 11.0, 13.0])
    monkeypatch.setattr(energy_sources, "perf_counter", lambda: next(moments))
    nvml = Nvml("GPU-1")
    assert nvml.interval == 0.1
    gpu.power = 200_000
    assert nvml.joules() == 150  # a second between 100 and 200 W
    assert nvml.joules() == 550  # two seconds at 200 W


def test_power_is_watched_between_readings(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", gpu := FakeNvml(None, 0))
    nvml = Nvml("GPU-1")
    nvml.interval = 0.01
    meter = Meter([nvml])
    gpu.power = 100_000
    deadline = time.monotonic() + 10
    while meter.sources and nvml.total == 0 and time.monotonic() < deadline:  # nobody asks but the watch
        time.sleep(0.01)
    assert nvml.total > 0
    meter.sources.clear()  # and the watch ends


@pytest.mark.parametrize("lacking", ["bindings", "gpu"])
def test_a_gpu_that_does_not_tell_has_a_reason(monkeypatch, lacking):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(0) if lacking == "gpu" else None)
    words = "the GPU does not report its energy .Not Found" if lacking == "gpu" else r"pip install 'alrun\[energy\]'"
    with pytest.raises(NotMeasured, match=words):
        Nvml("GPU-2")


def test_sources_are_summed_and_one_that_is_lost_ends_the_measurement_not_the_run(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pynvml", gpu := FakeNvml(0))
    counter = domain(tmp_path, "0", "package-0", 0)
    meter = Meter([Nvml("GPU-1"), Rapl(tmp_path)])
    gpu.counter = 2000
    counter.write_text("500000")
    start = meter.now()
    assert (meter.source, start.joules) == ("nvml+rapl", 2.5)
    gpu.lost = True
    with caplog.at_level(logging.WARNING):
        assert math.isnan((meter.now() - start).joules)
        assert math.isnan(meter.joules())
    assert meter.described == "none; the GPU no longer reports its energy (GPU is lost)"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_run_writes_what_each_phase_used(complete, powercap, monkeypatch):
    """The counter goes up by a step of its own in training, evaluation and selection."""
    used = [1]

    def using(joules: int, what: Callable) -> Callable:
        def wrapped(*arguments):
            used.append(joules)
            domain(powercap, "0", "package-0", 1_000_000 * sum(used), 10**12)
            return what(*arguments)

        return wrapped

    using(0, lambda: None)()
    monkeypatch.setattr(RoundTraining, "epoch", using(100, RoundTraining.epoch))
    monkeypatch.setattr(evaluator, "evaluate", using(20, evaluator.evaluate))
    monkeypatch.setattr(Random, "select", using(3, Random.select))
    folder = complete("strategy=random")
    timing, accuracy = pd.read_csv(folder / "timing.csv"), pd.read_csv(folder / "accuracy.csv")
    assert timing["train_joules"].tolist() == pytest.approx((100 * accuracy["epochs"]).tolist())
    assert timing["evaluate_joules"].tolist() == pytest.approx([20, 20, 20])
    assert timing["select_joules"].tolist() == pytest.approx([3, 3, 0])
    assert timing["energy_source"].tolist() == ["rapl"] * 3
    assert '"energy": "rapl"' in (folder / "run.json").read_text()


def test_a_silent_machine_is_named_once_and_the_columns_say_none(complete, powercap, caplog):
    for counter in powercap.glob("*/name"):
        counter.write_text("core\n")
    with caplog.at_level(logging.INFO):
        folder = complete("strategy=random")
        complete("strategy=entropy")
    timing = pd.read_csv(folder / "timing.csv", keep_default_na=False)
    assert set(timing["train_joules"]) | set(timing["select_joules"]) == {"nan"}
    assert set(timing["energy_source"]) == {"none"}
    told = [record.getMessage() for record in caplog.records if "has no counter of a processor" in record.getMessage()]
    assert len(told) == 1


def test_folders_of_versions_that_did_not_measure_go_on(complete, tmp_path):
    folder = complete("strategy=random")
    timing = pd.read_csv(folder / "timing.csv").drop(columns=energy_columns())
    timing.to_csv(folder / "timing.csv", index=False)
    without_checkpoints(folder)
    assert portable.rebuild_checkpoint(folder) == 2
    state = RunState.load(folder, portable.json.loads((folder / "run.json").read_text())["data"])
    assert all(math.isnan(record.train_joules) for record in state.rounds)
    assert [record.train_seconds for record in state.rounds] == timing["train_seconds"].tolist()[:2]


def energy_columns() -> list[str]:
    return ["train_joules", "evaluate_joules", "select_joules", "energy_source"]


def test_costs_add_up():
    spent = [Cost(1.0, 10.0), Cost(3.0, 40.0), Cost(7.0, 45.0)]
    steps = [after - before for before, after in pairwise(spent)]
    assert sum(steps, Cost()) == Cost(6.0, 35.0)
