"""The state of the machine, from files that say what is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.latency import noise
from harness.latency.noise import Counters, involuntary_switches, noise_between, read_counters


def test_shares_are_of_the_time_between_two_readings() -> None:
    found = noise_between(Counters(1000, 40, 5), Counters(1200, 50, 7))
    assert (found.steal, found.throttled) == (0.05, 2)
    assert noise_between(Counters(1000, 40, 5), Counters(1000, 40, 5)).steal == 0.0


def test_what_the_system_does_not_tell_is_not_known() -> None:
    found = noise_between(Counters(None, None, None), Counters(None, None, None))
    assert found.steal is None and found.throttled is None


def test_the_files_of_linux_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stat").write_text("cpu  10 1 20 300 5 2 3 7 0 0\ncpu0 5 0 10 150 2 1 1 3 0 0\n")
    groups = [tmp_path / "inner", tmp_path / "outer"]
    for group, count in zip(groups, (3, 4), strict=True):
        group.mkdir()
        (group / "cpu.stat").write_text(f"usage_usec 5\nnr_periods 9\nnr_throttled {count}\n")
    monkeypatch.setattr(noise, "STAT", tmp_path / "stat")
    monkeypatch.setattr(noise, "cgroups", lambda: [*groups, tmp_path / "none"])
    assert read_counters() == Counters(348, 7, 7)
    monkeypatch.setattr(noise, "STAT", tmp_path / "missing")
    monkeypatch.setattr(noise, "cgroups", list)
    assert read_counters() == Counters(None, None, None)


def test_switches_only_rise() -> None:
    before = involuntary_switches()
    if before is None:
        pytest.skip("this system does not count context switches")
    assert (involuntary_switches() or 0) >= before
