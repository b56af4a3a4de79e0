"""The comparison of systems for a terminal or a README."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.compare.comparison import Comparison, compare
from harness.report.document import Paragraph
from harness.report.numbers import plain
from harness.report.sections import ceilings, contexts
from harness.report.sections.quality import headline, table
from harness.results import Results

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


def summary(results: Results) -> Group:
    """Draw one table a data set, with the sentence that says which system is best."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Table | Text] = []
    for dataset in results.datasets:
        comparison = compare(results, dataset)
        said = [_sentence(headline(comparison)), *_about(results, dataset)]
        said += map(plain, (*ceilings.lines(results, dataset), *contexts.lines(results, dataset)))
        parts += [systems_table(comparison), Text("\n".join(said) + "\n")]
    parts += [Text(plain(line)) for line in (*_tuned(results), *_checks(results))]
    return Group(*parts)


def _about(results: Results, dataset: str) -> Iterator[str]:
    """Say what a suite changes of the data, since no other number then compares with these, and what is odd of them."""
    facts = results.part("datasets").get(dataset) or {}
    if grades := (facts.get("settings") or {}).get("grades"):
        yield plain("grades are read as: " + ", ".join(f"{grade} as {read}" for grade, read in grades.items()))
    if facts.get("ignore_identical_ids"):
        yield "a document that bears its query's id is taken out of what was found, before the cut"
    for finding in (facts.get("hygiene") or {}).get("findings") or ():
        yield plain(f"look: {finding}")


def _tuned(results: Results) -> Iterator[str]:
    """Say which parameters were chosen, and how often where there are folds."""
    for said in results.run.get("tuned") or ():
        found = Counter(", ".join(f"{k} {v}" for k, v in one["candidate"].items()) for one in said["chosen"])
        by = f"{said['folds']} folds" if said["folds"] else said["on"]
        chosen = "; ".join(f"{what} ({count} times)" if said["folds"] else what for what, count in found.items())
        yield f"tuned by {said['measure']} on {by}: {said['system']} on {said['dataset']} takes {chosen}"


def _checks(results: Results) -> Iterator[str]:
    """Say of every expected number whether it was met."""
    for check in results.run.get("checks") or ():
        value = "not measured" if check["value"] is None else f"{check['value']:.5f}"
        what = f"{check['quantity']} of {check['system']} on {check['dataset']}"
        expected = f"{check['expected']:g} ± {check['within']:g}"
        yield f"{check['status']}: {what} is {value}, expected {expected} ({check['source']})"


def systems_table(comparison: Comparison) -> Table:
    """Draw the systems under the measures; the best of a column is bold."""
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
    """Write the summary as plain text, without colours."""
    from rich.console import Console

    file = io.StringIO()
    Console(file=file, width=width, color_system=None, highlight=False, legacy_windows=False).print(summary(results))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _sentence(paragraph: Paragraph) -> str:
    return plain("".join(part.text for part in paragraph.parts))
