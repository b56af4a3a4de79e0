"""Everything that is timed of a suite: data set by data set, mode by mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from harness.execute.outcome import Outcome
from harness.execute.progress import Progress
from harness.execute.threads import thread_pools
from harness.latency.bench import Bench
from harness.latency.cold_start import measure_cold
from harness.latency.energy import measure_energy
from harness.latency.memory import measure_memory
from harness.latency.offline import measure_offline
from harness.latency.opened_system import LapFailed, open_systems
from harness.latency.server import measure_server
from harness.latency.single_stream import measure_single
from harness.plan import Plan, Target
from harness.results.left_out import LeftOut
from harness.results.measured import Measured
from harness.stage import Runtime
from harness.store import Store
from harness.suite.latency import Latency

MODES: Mapping[str, Callable[[Bench], Measured]] = {
    "single": measure_single,
    "offline": measure_offline,
    "server": measure_server,
    "cold": measure_cold,
    "memory": measure_memory,
    "energy": measure_energy,
}
"""What each mode of a suite does. In run.json stands what `single` says, and that of the others under their names."""


def timed_targets(plan: Plan, words: Latency) -> list[Target]:
    """Return what the plan owes of the systems that the suite wants timed."""
    return [target for target in plan.targets if words.timed(target.system)]


def measure(
    plan: Plan, outcome: Outcome, words: Latency, store: Store, runtime: Runtime, progress: Progress
) -> Measured:
    """Time what the suite asks for; what cannot be timed is in what is said, with the reason."""
    targets = [target for target in timed_targets(plan, words) if target.run.fingerprint not in outcome.failed]
    parts = {}
    for dataset in dict.fromkeys(target.dataset for target in targets):
        here = [target for target in targets if target.dataset == dataset]
        progress.noted(f"timing {len(here)} systems on {dataset}: {', '.join(words.modes)}")
        parts[dataset] = _of_dataset(plan, dataset, here, words, store, runtime)
    laps = [part.laps for part in parts.values()]
    return Measured(
        [row for part in parts.values() for row in part.rows],
        pa.concat_tables(laps) if laps else Measured().laps,
        {dataset: part.said for dataset, part in parts.items()},
    )


def _of_dataset(
    plan: Plan, dataset: str, targets: list[Target], words: Latency, store: Store, runtime: Runtime
) -> Measured:
    with thread_pools(runtime.threads):
        lanes, left = open_systems(plan, targets, store, runtime, services=words.services)
    left_out = LeftOut(systems={system: reason for (_, system), reason in left.items()})
    opened = {lane.system for lane in lanes}
    there = tuple(target for target in targets if target.system in opened)
    bench = Bench(plan, store, runtime, words, dataset, there, tuple(lanes))
    said: dict[str, Any] = {"threads": runtime.threads, "device": runtime.device}
    found = Measured()
    for mode in words.modes:
        bench, measured = _carefully(mode, bench, left_out)
        said |= measured.said if mode == "single" else {mode: measured.said}
        found = Measured([*found.rows, *measured.rows], pa.concat_tables([found.laps, measured.laps]))
    return replace(found, said=said | {"left_out": left_out.words()})


def _carefully(mode: str, bench: Bench, left_out: LeftOut) -> tuple[Bench, Measured]:
    """Measure; where a system stops answering, leave it out and measure the others from the beginning.

    A mode that fails otherwise is left out itself, with the reason: what was found before is not lost for it.
    """
    while bench.lanes:
        try:
            return bench, MODES[mode](bench)
        except LapFailed as error:
            left_out.systems[error.system] = str(error)
            lanes = tuple(lane for lane in bench.lanes if lane.system != error.system)
            targets = tuple(target for target in bench.targets if target.system != error.system)
            bench = replace(bench, lanes=lanes, targets=targets)
        except Exception as error:  # whatever a stage of any system raises
            left_out.modes[mode] = " ".join(f"{type(error).__name__}: {error}".split())
            break
    return bench, Measured()
