"""Times the systems of a suite, data set by data set and mode by mode."""

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
from harness.latency.opened_system import LapFailed
from harness.latency.opener import open_systems
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
"""The function of each mode. run.json holds the facts of `single` at the top level, those of other modes by name."""


def timed_targets(plan: Plan, settings: Latency) -> list[Target]:
    """Return the targets whose systems the suite wants timed."""
    return [target for target in plan.targets if settings.timed(target.system)]


def measure(
    plan: Plan, outcome: Outcome, settings: Latency, store: Store, runtime: Runtime, progress: Progress
) -> Measured:
    """Time the systems that the suite wants timed; `left_out` names those that cannot be, with the reason."""
    targets = [target for target in timed_targets(plan, settings) if target.run.fingerprint not in outcome.failed]
    parts = {}
    for dataset in dict.fromkeys(target.dataset for target in targets):
        of_dataset = [target for target in targets if target.dataset == dataset]
        progress.noted(f"timing {len(of_dataset)} systems on {dataset}: {', '.join(settings.modes)}")
        parts[dataset] = _measure_dataset(plan, dataset, of_dataset, settings, store, runtime)
    laps = [part.laps for part in parts.values()]
    return Measured(
        [row for part in parts.values() for row in part.rows],
        pa.concat_tables(laps) if laps else Measured().laps,
        {dataset: part.facts for dataset, part in parts.items()},
    )


def _measure_dataset(
    plan: Plan, dataset: str, targets: list[Target], settings: Latency, store: Store, runtime: Runtime
) -> Measured:
    with thread_pools(runtime.threads):
        systems, reasons = open_systems(plan, targets, store, runtime, services=settings.services)
    left_out = LeftOut(systems={system: reason for (_, system), reason in reasons.items()})
    names = {opened.system for opened in systems}
    timed = tuple(target for target in targets if target.system in names)
    bench = Bench(plan, store, runtime, settings, dataset, timed, tuple(systems))
    facts: dict[str, Any] = {"threads": runtime.threads, "device": runtime.device}
    total = Measured()
    for mode in settings.modes:
        bench, measured = _measure_mode(mode, bench, left_out)
        facts |= measured.facts if mode == "single" else {mode: measured.facts}
        total = Measured([*total.rows, *measured.rows], pa.concat_tables([total.laps, measured.laps]))
    return replace(total, facts=facts | {"left_out": left_out.as_dict()})


def _measure_mode(mode: str, bench: Bench, left_out: LeftOut) -> tuple[Bench, Measured]:
    """Measure one mode; if a system stops answering, leave it out and measure the others again from the beginning.

    A mode that fails for any other reason is left out with that reason, and loses nothing of the modes before it.
    """
    while bench.systems:
        try:
            return bench, MODES[mode](bench)
        except LapFailed as error:
            left_out.systems[error.system] = str(error)
            systems = tuple(opened for opened in bench.systems if opened.system != error.system)
            targets = tuple(target for target in bench.targets if target.system != error.system)
            bench = replace(bench, systems=systems, targets=targets)
        except Exception as error:  # whatever a stage of any system raises
            left_out.modes[mode] = " ".join(f"{type(error).__name__}: {error}".split())
            break
    return bench, Measured()
