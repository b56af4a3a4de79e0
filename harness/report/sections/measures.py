"""The sections about measures: what each of them means, and the counts that their values depend on."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import numbers
from harness.report.document import Cell, Column, Section, Table
from harness.results import Results
from harness.results.quantities import Group, group_of

WORDS = ("measure", "counted", "cutoff", "gain", "relevant_from", "parameters", "calculated_by")
"""The parts of a definition that differ between measures."""
RULES = ("ties", "queries", "unjudged", "grades")
"""The parts of a definition that the measures of a run have in common."""
COUNTS = (
    "Missing, empty, no relevant: judged queries that the run lacks, that retrieved nothing, or that have no relevant "
    "document; each scores 0. Tied at k: queries whose documents at ranks k and k + 1 have the same score, "
    "so that the tie rule decides which is in. Unjudged at k: mean number of unjudged documents in the first k; if it "
    "differs much between systems, their values may differ for that reason alone."
)


def definitions(results: Results) -> Iterator[Section]:
    """List what each measure means, which has to agree before two numbers can be compared; no section for none."""
    facts = list(results.facts.definitions.values())
    if not facts:
        return
    rows = tuple(tuple(Cell(numbers.fact(definition.get(word))) for word in WORDS) for definition in facts)
    rules = {
        word: list(dict.fromkeys(numbers.fact(definition[word]) for definition in facts if word in definition))
        for word in RULES
    }
    caption = " ".join(f"{word.capitalize()}: {numbers.some(texts)}." for word, texts in rules.items() if texts)
    columns = tuple(Column(word.replace("_", " ")) for word in WORDS)
    yield Section("What the measures mean", (Table(caption, columns, rows),))


def counts(results: Results) -> Iterator[Section]:
    """List missing and empty queries, ties and unjudged documents of every system; no section if none were counted."""
    counted = [
        row
        for row in results.measurements
        if row.stage is None and row.value is not None and group_of(row.quantity) is Group.COUNT
    ]
    if not counted:
        return
    names = list(dict.fromkeys(row.quantity for row in counted))
    values_of: dict[tuple[str, str], dict[str, float | None]] = {}
    for row in counted:
        values_of.setdefault((row.dataset, row.system), {})[row.quantity] = row.value
    rows = tuple(
        tuple(map(Cell, (*key, *(_count(values.get(name)) for name in names)))) for key, values in values_of.items()
    )
    heads = (Column(name.replace("_", " "), numeric=True) for name in names)
    yield Section("Counts", (Table(COUNTS, (Column("data set"), Column("system"), *heads), rows),))


def _count(value: float | None) -> str:
    return numbers.NOTHING if value is None else f"{value:,.4g}"
