"""What each system adds to the reference, and what it takes for it: one sentence a system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from harness.compare.comparison import Comparison, query_values
from harness.compare.costs import Costs
from harness.report import numbers
from harness.results import Measurement, Results
from harness.results.timings import Timing
from harness.statistics import mean_intervals
from harness.statistics.block_bootstrap import Estimate, told_apart


class Part(NamedTuple):
    """A piece of a sentence, and the word that ties it to what stands before."""

    word: str
    text: str


def sentences(results: Results, comparison: Comparison, timing: Timing, money: Mapping[str, Costs]) -> list[str]:
    """Say for each system but the reference what it adds in quality, time and money; the best quality first.

    What is not known is left out, and money too where the two sums hold at different utilisations. Where the
    measurement is inconclusive nothing is said at all: money follows from the times.
    """
    reference = timing.reference
    if reference is None or timing.inconclusive:
        return []
    quality = differences(results, comparison, reference)
    found = []
    for entry in comparison.entries:
        ratio = timing.row(entry.system, "latency_ratio")
        taken = [*_latency(ratio, timing.noise_floor), *_money(timing, money, entry.system)]
        if taken and entry.system != reference:
            found.append(f"{entry.system}: {_joined(quality.get(entry.system), taken)}.")
    return found


def differences(results: Results, comparison: Comparison, reference: str) -> dict[str, str]:
    """Say how the headline measure of each system differs from the reference's, paired over the queries of both."""
    columns = query_values(results, comparison.dataset, comparison.headline)
    others = [system for system in columns if system != reference]
    if reference not in columns or not others:
        return {}
    intervals = mean_intervals(np.stack([columns[other] - columns[reference] for other in others], axis=1))
    said = {}
    for other, (mean, low, high, n) in zip(others, intervals, strict=True):
        spread = f"[{_place(low)}, {_place(high)}]"
        if n and low <= 0 <= high:
            said[other] = f"no measurable difference in {comparison.headline} ({_signed(mean)} {spread})"
        elif n:
            said[other] = f"{_signed(mean)} {comparison.headline} {spread}"
    return said


def alike(ratio: Measurement, noise_floor: float | None) -> bool:
    """Tell whether the interval of a ratio holds 1 or meets the noise of the measurement, or is not known."""
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return True
    return not told_apart(Estimate(ratio.value, ratio.low, ratio.high, ratio.n or 0), noise_floor or 0)


def _signed(value: float) -> str:
    return numbers.signed(value, f"{abs(value):.3f}")


def _place(value: float) -> str:
    return f"{value:.3f}".replace("-", numbers.MINUS)


def _latency(ratio: Measurement | None, noise_floor: float | None) -> list[Part]:
    if ratio is None:
        return []
    times, spread = numbers.spread(ratio.value, ratio.low, ratio.high)
    if alike(ratio, noise_floor):
        return [Part("at", f"a latency that does not differ measurably ({' '.join([times, 'times', spread]).strip()})")]
    return [Part("for", f"{times} times the latency {spread}")]


def _money(timing: Timing, money: Mapping[str, Costs], system: str) -> list[Part]:
    """Say what a system costs more, unless the noise of what money follows from hides it."""
    ours, theirs = money.get(system), money.get(timing.reference or "")
    if ours is None or theirs is None or ours.basis != theirs.basis:
        return []
    if ours.per_1m_queries is None or theirs.per_1m_queries is None:
        return []
    more = ours.per_1m_queries - theirs.per_1m_queries
    noise = ours.per_1m_queries * _unsure(timing, system)
    noise += theirs.per_1m_queries * _unsure(timing, timing.reference or "")
    if abs(more) <= noise:
        return [Part("at", "a cost that does not differ measurably")]
    return [Part("for", f"{numbers.signed(more, numbers.money(abs(more), ours.currency))} per 1 M queries")]


def _unsure(timing: Timing, system: str) -> float:
    """Return how far the interval of what its money follows from reaches, as a share; 0 where it has none.

    That is the highest rate in server mode, else the mean latency.
    """
    row = timing.row(system, "server_max_rate") or timing.row(system, "latency_mean")
    if row is None or not row.value or row.low is None or row.high is None:
        return 0.0
    return (row.high - row.low) / 2 / row.value


def _joined(quality: str | None, taken: list[Part]) -> str:
    said = " and ".join(part.text for part in taken)
    return f"{quality} {taken[0].word} {said}" if quality else said
