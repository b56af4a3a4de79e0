"""The comparison of systems for a terminal or a README."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.compare.comparison import Comparison, compare
from harness.report.document import Paragraph
from harness.report.numbers import fact, plain
from harness.report.sections import ceilings, contexts
from harness.report.sections.quality import headline, table
from harness.results import Results
from harness.results.facts import DatasetFacts

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


def summary(results: Results) -> Group:
    """Return one table per data set, each followed by a sentence that names the best system."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Table | Text] = []
    for dataset in results.datasets:
        comparison = compare(results, dataset)
        lines = [_sentence(headline(comparison)), *_about(results, dataset)]
        lines += map(plain, (*ceilings.lines(results, dataset), *contexts.lines(results, dataset)))
        parts += [systems_table(comparison), Text("\n".join(lines) + "\n")]
    parts += [Text(plain(line)) for line in (*_tuned(results), *_checks(results))]
    return Group(*parts)


def _about(results: Results, dataset: str) -> Iterator[str]:
    """Yield how the suite changes the data, after which numbers no longer compare with others, and what is odd."""
    facts = results.facts.datasets.get(dataset, DatasetFacts())
    if grades := facts.settings.get("grades"):
        yield plain("grades are read as: " + ", ".join(f"{grade} as {value}" for grade, value in grades.items()))
    if facts.ignore_identical_ids:
        yield "a document with the id of its query is removed from the results, before the cut-off"
    for finding in facts.hygiene.findings:
        yield plain(f"look: {finding}")


def _tuned(results: Results) -> Iterator[str]:
    """Yield which parameters were chosen and, with folds, how often."""
    for tuned in results.facts.tuned:
        counts = Counter(
            ", ".join(f"{name} {value}" for name, value in choice.candidate.items()) for choice in tuned.chosen
        )
        judgements = f"{tuned.folds} folds" if tuned.folds else tuned.on
        chosen = "; ".join(f"{text} ({count} times)" if tuned.folds else text for text, count in counts.items())
        yield f"tuned by {tuned.measure} on {judgements}: {tuned.system} on {tuned.dataset} uses {chosen}"


def _checks(results: Results) -> Iterator[str]:
    """Yield whether each expected number was met."""
    for check in results.facts.checks:
        value = "not measured" if check.value is None else f"{check.value:.5f}"
        name = f"{check.quantity} of {check.system} on {check.dataset}"
        expected = f"{check.expected:g} ± {check.within:g}"
        yield f"{check.status}: {name} is {value}, expected {expected} ({fact(check.source)})"


def systems_table(comparison: Comparison) -> Table:
    """Return the systems with their measures; the best value of a column is bold."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    content = table(comparison)
    drawn = Table(title=Text(plain(comparison.dataset), style="bold"), box=box.SIMPLE_HEAD, title_justify="left")
    for column in content.columns:
        drawn.add_column(Text(plain(column.title)), justify="right" if column.numeric else "left", overflow="fold")
    for row in content.rows:
        drawn.add_row(*(Text(plain(f"{cell.text} {cell.note}"), style="bold" if cell.strong else "") for cell in row))
    return drawn


def text(results: Results, width: int = 120) -> str:
    """Return the summary as plain text without colours, `width` characters wide."""
    from rich.console import Console

    file = io.StringIO()
    Console(file=file, width=width, color_system=None, highlight=False, legacy_windows=False).print(summary(results))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _sentence(paragraph: Paragraph) -> str:
    return plain("".join(part.text for part in paragraph.parts))
