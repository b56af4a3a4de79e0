"""Counters of energy, on files and a library made for it; an idle machine's share is taken off."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.latency import energy as energy_mode
from harness.latency.energy_counters import FoundCounters, RaplPackage, energy_during, find_counters
from harness.stage import Runtime
from harness.suite.latency import Latency


def package(folder: Path, number: int = 0, energy: int = 1000) -> Path:
    place = folder / f"intel-rapl:{number}"
    place.mkdir(parents=True)
    for name, text in (("name", f"package-{number}"), ("energy_uj", energy), ("max_energy_range_uj", 9_999_999)):
        (place / name).write_text(f"{text}\n")
    return place


def test_a_package_is_read_and_wraps_around(tmp_path: Path) -> None:
    place = package(tmp_path, energy=9_500_000)
    counter = RaplPackage(place)
    _, before = counter.joules()
    (place / "energy_uj").write_text("1500000\n")
    assert counter.joules(before)[0] == pytest.approx(2.0)
    assert counter.name == "RAPL package-0"


def test_packages_are_found_and_their_parts_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    package(tmp_path, 0)
    package(tmp_path, 1)
    (package(tmp_path, 2) / "name").write_text("psys\n")
    (tmp_path / "intel-rapl:0:0").mkdir()
    found = find_counters(tmp_path)
    assert found.status == "RAPL package-0, RAPL package-1"
    assert found.missing == ["nvidia-ml-py, which is needed to query NVML, is not installed"]


def test_nothing_to_read_is_said_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    reasons = "the system exposes no RAPL counter; nvidia-ml-py, which is needed to query NVML, is not installed"
    assert find_counters(tmp_path).status == f"n/a: {reasons}"
    (tmp_path / "intel-rapl:0").mkdir()
    assert find_counters(tmp_path).status.startswith("n/a: RAPL cannot be read: ")


def test_gpus_are_asked_by_nvml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml: Any = ModuleType("pynvml")
    nvml.readings = iter([5000, 5000, 9000])
    nvml.NVMLError = RuntimeError
    nvml.nvmlInit = lambda: None
    nvml.nvmlDeviceGetCount = lambda: 1
    nvml.nvmlDeviceGetHandleByIndex = lambda number: number
    nvml.nvmlDeviceGetTotalEnergyConsumption = lambda _: next(nvml.readings)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    found = find_counters(tmp_path)
    ticks = iter([10.0, 12.0])
    assert energy_during(lambda: None, found.counters, lambda: next(ticks)) == (4.0, 2.0)


class Machine:
    """A clock, and a counter of 10 W at rest and 30 W at work; a lap takes 0.1 s."""

    name = "made"

    def __init__(self) -> None:
        self.seconds = self.spent = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.spent += 10 * seconds

    def lap(self, _: int) -> None:
        self.seconds += 0.1
        self.spent += 3.0

    def joules(self, before: Any = None) -> tuple[float, Any]:
        return (0.0 if before is None else self.spent - before), self.spent


def bench(machine: Machine) -> Any:
    system = SimpleNamespace(
        dataset="toy", system="a", fingerprint="f" * 64, lap=machine.lap, queries=SimpleNamespace(texts=["x", "yy"])
    )
    return SimpleNamespace(systems=(system,), settings=Latency(), dataset="toy", runtime=Runtime())


def test_the_idle_share_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    monkeypatch.setattr(energy_mode, "find_counters", lambda: FoundCounters([machine], []))
    found = energy_mode.measure_energy(bench(machine), machine.sleep, lambda: machine.seconds)
    (row,) = found.rows
    assert (row.quantity, row.unit, row.n) == ("energy_j_per_query", "J", 6)
    assert row.value == pytest.approx(2.0) and row.low == pytest.approx(2.0)
    assert found.facts["idle_watts"] == pytest.approx(10.0) and found.facts["status"] == "made"


def test_without_counters_there_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy_mode, "find_counters", lambda: FoundCounters([], ["no counter"]))
    found = energy_mode.measure_energy(bench(Machine()))
    assert found.rows == [] and found.facts == {"status": "n/a: no counter"}
