"""Which queries a language model rewrote, and where its drafts lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report import numbers
from harness.report.document import Cell, Column, Section, Table

CAPTION = (
    "A language model wrote what was searched with. Short: queries for which it wrote fewer texts than it was asked "
    "for, so that the query itself stands for the others. The drafts lie in the result folder, a line a query."
)


def rewritten(said: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    """List of each rewriter in run.json the model, the systems that search with its drafts, and their file."""
    rows = []
    for one in said:
        by = " ".join(str(one[key]) for key in ("stage", "model") if one.get(key))
        texts = (numbers.fact(one.get("dataset")), numbers.some(list(one.get("systems") or ())), by)
        counts = (numbers.count(one.get("queries")), numbers.count(one.get("short")))
        rows.append(tuple(map(Cell, (*texts, *counts, numbers.fact(one.get("file"))))))
    if rows:
        heads = ("data set", "systems", "rewritten by", "queries", "short", "drafts")
        columns = tuple(Column(head, numeric=head in ("queries", "short")) for head in heads)
        yield Section("Rewritten queries", (Table(CAPTION, columns, tuple(rows)),))
