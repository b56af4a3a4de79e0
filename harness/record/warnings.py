"""Everything that a reader should know before trusting the numbers of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from harness.measures.scoring.parse import parse, required_depth
from harness.plan import Plan

if TYPE_CHECKING:  # `harness plan` prints warnings too, and must not load what writes a record
    from harness.record.coverage import FittedRunFile
    from harness.record.made import Made
    from harness.results import Measurement

BUSY = 0.25
"""The share of interrupted laps above which the reader is told."""


def warnings(
    made: Made, rows: Iterable[Measurement], run_files: Iterable[FittedRunFile], latency: Mapping[str, Any]
) -> list[str]:
    """Return all warnings of a run in the order in which they are printed; `latency` is that part of run.json."""
    return [
        *model_warnings(made.plan),
        *stage_warnings(made.plan),
        *_answer_warnings(rows),
        *_run_file_warnings(made.plan, run_files),
        *_size_warnings(made),
        *latency_warnings(latency),
    ]


def model_warnings(plan: Plan) -> Iterator[str]:
    """Yield the models whose weights may be others tomorrow."""
    for name, model in plan.leaves.models.items():
        if not model.pinned:
            yield f"the model {name!r} is unpinned; set its revision, so that everyone gets the same weights"


def stage_warnings(plan: Plan) -> Iterator[str]:
    """Yield the caveats of the stages, each once."""
    yield from dict.fromkeys(node.stage.caveat for node in plan.nodes if node.stage.caveat)


def _answer_warnings(rows: Iterable[Measurement]) -> Iterator[str]:
    for row in rows:
        if row.quantity == "malformed_answers" and row.value:
            yield f"{row.system} on {row.dataset}: {row.value:.0f} of {row.n} answers to {row.stage} were malformed"


def _run_file_warnings(plan: Plan, run_files: Iterable[FittedRunFile]) -> Iterator[str]:
    deepest = max(required_depth(parse(name)) or 0 for name in plan.suite.measures)
    for target, _, fit in run_files:
        run_file = f"{target.system} on {target.dataset}: the run file"
        if fit.unknown_documents:
            yield (
                f"{run_file} has {fit.unknown_documents} lines with documents that are not in the corpus; "
                "they are left out, and the documents below them move up"
            )
        if fit.unknown_queries:
            yield f"{run_file} has {fit.unknown_queries} queries that are not in the data set; they are left out"
        if fit.depth < deepest:
            yield (
                f"{run_file} lists at most {fit.depth} documents per query; "
                f"measures at {deepest} assume that nothing else was retrieved"
            )


def _size_warnings(made: Made) -> Iterator[str]:
    from harness.record.sizes import size_mismatches

    for stage, rows, dimensions, bits, expected, found in size_mismatches(made):
        yield (
            f"the vectors of '{stage}' take {found:,} bytes, but {rows:,} vectors of {dimensions} dimensions "
            f"with {bits} bits each should take {expected:,}"
        )


def latency_warnings(latency: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a reader should know before trusting the times; `latency` is that part of run.json, by data set."""
    from harness.results.left_out import read_left_out

    for dataset, facts in latency.items():
        for mode, reason in read_left_out(facts.get("left_out")).modes.items():
            yield f"latency on {dataset}: the mode {mode} failed: {reason}"
        if facts.get("in_place_of"):
            untimed, reference = facts["in_place_of"], facts["reference"]
            yield f"latency on {dataset}: {untimed!r} could not be timed; the reference is {reference!r} instead"
        if facts.get("inconclusive"):
            reference = facts["reference"]
            yield (
                f"latency on {dataset} is inconclusive: the two measurements of the reference {reference!r} differ, "
                "or too few laps were timed"
            )
        busy = [system for system, share in facts.get("interrupted", {}).items() if share > BUSY]
        if busy:
            yield (
                f"latency on {dataset}: other processes interrupted more than a quarter of the laps of "
                f"{', '.join(busy)}; on a quieter machine these laps are shorter, and so are their ratios to systems "
                "with shorter laps"
            )
