"""What each system gains over the reference in quality, and what it costs in time and money: one sentence each."""

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
    """A part of a sentence, and the preposition that joins it to the quality before it."""

    preposition: str
    text: str


def sentences(results: Results, comparison: Comparison, timing: Timing, money: Mapping[str, Costs]) -> list[str]:
    """Return a sentence for each system but the reference: its difference in quality, time and money, the best first.

    What is not known is left out, and so is money if the two costs assume different utilisations. If the measurement is
    inconclusive there are no sentences: costs follow from the times.
    """
    reference = timing.reference
    if reference is None or timing.inconclusive:
        return []
    quality = differences(results, comparison, reference)
    lines = []
    for entry in comparison.entries:
        ratio = timing.row(entry.system, "latency_ratio")
        price = [*_latency(ratio, timing.noise_floor), *_money(timing, money, entry.system)]
        if price and entry.system != reference:
            lines.append(f"{entry.system}: {_joined(quality.get(entry.system), price)}.")
    return lines


def differences(results: Results, comparison: Comparison, reference: str) -> dict[str, str]:
    """Return how the headline measure of each system differs from that of the reference, paired over queries."""
    columns = query_values(results, comparison.dataset, comparison.headline)
    others = [system for system in columns if system != reference]
    if reference not in columns or not others:
        return {}
    intervals = mean_intervals(np.stack([columns[other] - columns[reference] for other in others], axis=1))
    texts = {}
    for other, (mean, low, high, n) in zip(others, intervals, strict=True):
        spread = f"[{_places(low)}, {_places(high)}]"
        if n and low <= 0 <= high:
            texts[other] = f"no measurable difference in {comparison.headline} ({_signed(mean)} {spread})"
        elif n:
            texts[other] = f"{_signed(mean)} {comparison.headline} {spread}"
    return texts


def alike(ratio: Measurement, noise_floor: float | None) -> bool:
    """Return whether noise can explain a ratio: its interval contains 1, meets the noise floor, or is not known."""
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return True
    return not told_apart(Estimate(ratio.value, ratio.low, ratio.high, ratio.n or 0), noise_floor or 0)


def _signed(value: float) -> str:
    return numbers.signed(value, f"{abs(value):.3f}")


def _places(value: float) -> str:
    return f"{value:.3f}".replace("-", numbers.MINUS)


def _latency(ratio: Measurement | None, noise_floor: float | None) -> list[Part]:
    if ratio is None:
        return []
    times, spread = numbers.spread(ratio.value, ratio.low, ratio.high)
    if alike(ratio, noise_floor):
        return [Part("at", f"a latency that does not differ measurably ({' '.join([times, 'times', spread]).strip()})")]
    return [Part("for", f"{times} times the latency {spread}")]


def _money(timing: Timing, money: Mapping[str, Costs], system: str) -> list[Part]:
    """Return the additional cost of a system, unless it is within the noise of the times that it follows from."""
    ours, theirs = money.get(system), money.get(timing.reference or "")
    if ours is None or theirs is None or ours.basis != theirs.basis:
        return []
    if ours.per_1m_queries is None or theirs.per_1m_queries is None:
        return []
    more = ours.per_1m_queries - theirs.per_1m_queries
    noise = ours.per_1m_queries * _uncertainty(timing, system)
    noise += theirs.per_1m_queries * _uncertainty(timing, timing.reference or "")
    if abs(more) <= noise:
        return [Part("at", "a cost that does not differ measurably")]
    return [Part("for", f"{numbers.signed(more, numbers.money(abs(more), ours.currency))} per 1 M queries")]


def _uncertainty(timing: Timing, system: str) -> float:
    """Return the half-width, as a share, of the interval that a system's cost follows from; 0 without an interval.

    That is the interval of the highest rate in server mode, or else of the mean latency.
    """
    row = timing.row(system, "server_max_rate") or timing.row(system, "latency_mean")
    if row is None or not row.value or row.low is None or row.high is None:
        return 0.0
    return (row.high - row.low) / 2 / row.value


def _joined(quality: str | None, price: list[Part]) -> str:
    text = " and ".join(part.text for part in price)
    return f"{quality} {price[0].preposition} {text}" if quality else text
