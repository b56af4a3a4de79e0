"""The sections about what was measured with: data sets and models."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import numbers
from harness.report.document import Block, Cell, Column, Items, Section, Table
from harness.results import Results
from harness.results.facts import DatasetFacts, ModelFacts


def datasets(results: Results) -> Iterator[Section]:
    """List the data sets with source, size, checksums, and what is odd about them; no section if there are none."""
    facts = results.facts.datasets
    if not facts:
        return
    heads = ("data set", "source", "settings", "documents", "queries", "judgements", "corpus", "query file", "qrels")
    columns = tuple(Column(head, numeric=head in ("documents", "queries", "judgements")) for head in heads)
    caption = (
        f"Checksums are the first {numbers.SHORT} characters of the SHA-256 of the content; run.json has all of them."
    )
    rows = tuple(_dataset(name, dataset) for name, dataset in facts.items())
    remarks = tuple(
        f"{name}: {remark}" for name, dataset in facts.items() for remark in (*dataset.notes, *dataset.hygiene.findings)
    )
    blocks: list[Block] = [Table(caption, columns, rows), *([Items(remarks)] if remarks else [])]
    yield Section("Data sets", tuple(blocks))


def _dataset(name: str, dataset: DatasetFacts) -> tuple[Cell, ...]:
    sizes = map(numbers.count, (dataset.documents, dataset.queries, dataset.judgements))
    checksums = map(numbers.short, (dataset.corpus, dataset.queries_checksum, dataset.qrels))
    about = (name, numbers.fact(dataset.source), numbers.fact(dataset.settings))
    return tuple(map(Cell, (*about, *sizes, *checksums)))


def models(results: Results) -> Iterator[Section]:
    """List the models with their source and content, and whether others get the same weights; no section for none."""
    rows = tuple(_model(name, model) for name, model in results.facts.models.items())
    if rows:
        columns = tuple(map(Column, ("model", "path", "revision", "content", "weights", "settings")))
        yield Section("Models", (Table("UNPINNED weights can change at any time.", columns, rows),))


def _model(name: str, model: ModelFacts) -> tuple[Cell, ...]:
    pinned = {None: numbers.NOTHING, True: "pinned", False: "UNPINNED"}[model.pinned]
    texts = (name, numbers.fact(model.path), numbers.short(model.revision), numbers.short(model.content))
    settings = numbers.fact({key: value for key, value in model.settings.items() if value not in (None, {})})
    return (*map(Cell, texts), Cell(pinned, strong=model.pinned is False), Cell(settings))
