"""Everything that a reader should know before trusting the numbers of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.plan import Plan
from harness.results import Measurement
from harness.results.left_out import read_left_out

BUSY = 0.25
"""Share of laps that may be interrupted before a reader is told."""


def latency_warnings(said: Mapping[str, Any]) -> Iterator[str]:
    """Say what a reader should know before trusting the times: `said` is what `measure` says, by data set."""
    for dataset, about in said.items():
        for mode, reason in read_left_out(about.get("left_out")).modes.items():
            yield f"latency on {dataset}: the mode {mode} failed: {reason}"
        if about.get("in_place_of"):
            lost, reference = about["in_place_of"], about["reference"]
            yield f"latency on {dataset}: {lost!r} could not be timed; the reference is {reference!r}"
        if about.get("inconclusive"):
            why = f"{about['reference']!r} differs from itself, or too little was timed"
            yield f"latency on {dataset} is inconclusive: {why}"
        busy = [system for system, share in about.get("interrupted", {}).items() if share > BUSY]
        if busy:
            yield (
                f"latency on {dataset}: other work interrupted more than a quarter of the laps of {', '.join(busy)}; "
                "on a quieter machine they are shorter, and so are their ratios to systems with shorter laps"
            )


def warnings(plan: Plan, rows: list[Measurement]) -> list[str]:
    """Say what a reader should know before trusting the numbers."""
    malformed = [row for row in rows if row.quantity == "malformed_answers" and row.value]
    unpinned = [name for name, weighed in plan.leaves.models.items() if not weighed.pinned]
    return [
        *(f"the model {name!r} is unpinned: give its revision, so that nobody gets other weights" for name in unpinned),
        *stage_warnings(plan),
        *(
            f"{row.system} on {row.dataset}: {row.value:.0f} of {row.n} answers to {row.stage} were malformed"
            for row in malformed
        ),
    ]


def stage_warnings(plan: Plan) -> Iterator[str]:
    """Give what stages say that a reader should know before trusting them, each thing once."""
    yield from dict.fromkeys(node.stage.caveat for node in plan.nodes if node.stage.caveat)
