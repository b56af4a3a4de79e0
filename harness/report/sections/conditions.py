"""Under which conditions a latency was measured, and whether it can be believed, in words."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import numbers
from harness.report.document import Paragraph, say, strong
from harness.results import Results
from harness.results.timings import Timing, number

UNSTEADY = (
    ": the reference, {reference}, was measured twice, interleaved with itself, and the two differ by a factor of "
    "{again}. The machine was too unsteady to compare systems, so no ratios are given."
)
TOO_LITTLE = ": too little was timed to know how far the reference differs from itself, so no ratios are given."
WARM = {"steady": "until all took as long as before", "cap": "which ended before all were steady"}
STOPPED = {"interval": "when every ratio was known closely enough", "budget": "when its time was spent"}


def conditions(results: Results, timing: Timing) -> Iterator[Paragraph]:
    """Say how it was measured, as far as the results say; first of all if it is not to be believed."""
    if timing.inconclusive:
        yield say(strong("Inconclusive"), _no_verdict(timing))
    if timing.rows:
        yield say(f"Measured on {_machine(results, timing)}. ", *_how(timing))


def percent(share: float) -> str:
    """Write a share.

    >>> percent(0.00812)
    '0.81 %'
    """
    return f"{share * 100:.2g} %"


def _no_verdict(timing: Timing) -> str:
    again = _again(timing)
    return UNSTEADY.format(reference=timing.reference, again=again) if "[" in again else TOO_LITTLE


def _again(timing: Timing) -> str:
    said = timing.said.get("again")
    again = [number(said.get(key)) for key in ("ratio", "low", "high")] if isinstance(said, dict) else [None]
    return "" if again[0] is None else " ".join(numbers.spread(*again)).strip()


def _machine(results: Results, timing: Timing) -> str:
    facts = results.part("machine") if results.part("machine").get("id") == timing.machine else {}
    threads = timing.said.get("threads")
    known = (
        facts.get("cpu"),
        f"{facts['cores']} cores" if facts.get("cores") else None,
        facts.get("gpu"),
        f"device {timing.said['device']}" if timing.said.get("device") else None,
        f"{threads} thread{'' if threads == 1 else 's'}" if threads else None,
    )
    said = ", ".join(numbers.fact(one) for one in known if one)
    return f"{timing.machine} ({said})" if said else timing.machine


def _how(timing: Timing) -> Iterator[str]:
    known = {key: number(timing.said.get(key)) for key in ("queries", "blocks", "laps", "seed")}
    if known["queries"] is not None:
        seed = "" if known["seed"] is None else f" drawn with seed {known['seed']:.0f}"
        yield f"{numbers.count(known['queries'])} queries, one at a time, each through all systems in turn, in an order"
        yield f"{seed} anew for each query: {numbers.count(known['laps'])} laps of every system, in "
        yield f"{numbers.count(known['blocks'])} blocks. "
    warm = timing.said.get("warm_up")
    if isinstance(warm, dict):
        took = numbers.quantity(number(warm.get("seconds")), "s")
        ended = WARM.get(str(warm.get("stopped")), "which does not count")
        yield f"Before, to warm up, {numbers.count(number(warm.get('laps')))} laps in {took}, {ended}. "
    if stopped := timing.said.get("stopped"):
        yield f"Measuring stopped {STOPPED.get(str(stopped), numbers.fact(stopped))}. "
    if (again := _again(timing)) and timing.reference:
        yield f"The reference, {timing.reference}, against itself: {again}{_floor(timing)}."


def _floor(timing: Timing) -> str:
    if timing.inconclusive or timing.noise_floor is None:
        return ""
    return f", so the noise floor is ±{percent(timing.noise_floor)}"
