"""The section about rewritten queries: which queries a language model rewrote, and the file of its drafts."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import numbers
from harness.report.document import Cell, Column, Section, Table
from harness.results import Results
from harness.results.facts import RewrittenFacts

CAPTION = (
    "These systems search with texts that a language model wrote. Short: queries for which it wrote fewer texts than "
    "requested; the query itself takes the place of the missing ones. The drafts are in the result folder, one line "
    "per query."
)


def rewritten(results: Results) -> Iterator[Section]:
    """List each rewriter with its model, the systems that use its drafts, and their file; no section for none."""
    rows = tuple(map(_row, results.facts.rewritten))
    if rows:
        heads = ("data set", "systems", "rewritten by", "queries", "short", "drafts")
        columns = tuple(Column(head, numeric=head in ("queries", "short")) for head in heads)
        yield Section("Rewritten queries", (Table(CAPTION, columns, rows),))


def _row(facts: RewrittenFacts) -> tuple[Cell, ...]:
    rewriter = " ".join(part for part in (facts.stage, facts.model) if part)
    counts = (numbers.count(facts.queries), numbers.count(facts.short))
    return tuple(map(Cell, (facts.dataset, numbers.some(facts.systems), rewriter, *counts, numbers.fact(facts.file))))
