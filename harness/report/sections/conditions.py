"""The conditions under which latency was measured, and whether the measurement can be trusted, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import numbers
from harness.report.document import Paragraph, say, strong
from harness.results import Results
from harness.results.facts import MachineFacts
from harness.results.timings import Timing

UNSTEADY = (
    ": the reference, {reference}, was measured twice, interleaved with itself, and the two measurements differ by a "
    "factor of {again}. The machine was too unsteady to compare systems, so no ratios are shown."
)
TOO_LITTLE = ": too little was timed to know how far the reference differs from itself, so no ratios are shown."
WARM = {"steady": "until latencies were steady", "cap": "which ended before latencies were steady"}
STOPPED = {"interval": "when every ratio was known precisely enough", "budget": "when the time limit was reached"}


def conditions(results: Results, timing: Timing) -> Iterator[Paragraph]:
    """Yield how latency was measured, as far as it is known; first of all, whether it cannot be trusted."""
    if timing.inconclusive:
        yield say(strong("Inconclusive"), _no_verdict(timing))
    if timing.rows:
        yield say(f"Measured on {_machine(results, timing)}. ", *_method(timing))


def percent(share: float) -> str:
    """Format a share.

    >>> percent(0.00812)
    '0.81 %'
    """
    return f"{share * 100:.2g} %"


def _no_verdict(timing: Timing) -> str:
    again = _again(timing)
    return UNSTEADY.format(reference=timing.reference, again=again) if "[" in again else TOO_LITTLE


def _again(timing: Timing) -> str:
    """Return the ratio of the reference to itself, with its interval."""
    again = timing.facts.again
    if again is None or again.ratio is None:
        return ""
    return " ".join(numbers.spread(again.ratio, again.low, again.high)).strip()


def _machine(results: Results, timing: Timing) -> str:
    own = results.facts.machine
    machine, facts = own if own.id == timing.machine else MachineFacts(), timing.facts
    details = [
        machine.cpu,
        f"{machine.physical_cores} cores" if machine.physical_cores else None,
        *machine.gpus,
        f"device {facts.device}" if facts.device else None,
        f"{facts.threads} thread{'' if facts.threads == 1 else 's'}" if facts.threads else None,
    ]
    known = ", ".join(detail for detail in details if detail)
    return f"{timing.machine} ({known})" if known else timing.machine


def _method(timing: Timing) -> Iterator[str]:
    facts = timing.facts
    if facts.queries is not None:
        seed = "" if facts.seed is None else f" (seed {facts.seed})"
        yield f"{numbers.count(facts.queries)} queries, one at a time, each through all systems in turn, in a random "
        yield f"order for each query{seed}: {numbers.count(facts.laps)} laps of every system, in "
        yield f"{numbers.count(facts.blocks)} blocks. "
    if facts.warm_up is not None:
        took = numbers.quantity(facts.warm_up.seconds, "s")
        ended = WARM.get(facts.warm_up.stopped or "", "which do not count")
        yield f"Warm-up: {numbers.count(facts.warm_up.laps)} laps in {took}, {ended}. "
    if facts.stopped:
        yield f"Measuring stopped {STOPPED.get(facts.stopped, facts.stopped)}. "
    if (again := _again(timing)) and timing.reference:
        yield f"Ratio of the reference, {timing.reference}, to itself: {again}{_floor(timing)}."


def _floor(timing: Timing) -> str:
    if timing.inconclusive or timing.noise_floor is None:
        return ""
    return f", so the noise floor is ±{percent(timing.noise_floor)}"
