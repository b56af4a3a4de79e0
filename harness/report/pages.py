"""Write report.md, report.csv and report.html: the same content, with pictures in the HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.compare.comparison import Comparison, Standing, compare
from harness.compare.costs import Money, money_of
from harness.prices import Prices
from harness.report import numbers
from harness.report.document import Block, Chapter, Paragraph, Section, say, strong
from harness.report.formats.csv import csv_text
from harness.report.formats.markdown import markdown
from harness.report.pictures.indexes import index_curves
from harness.report.pictures.quality import dimension_curves, quality_and_money, quality_and_size
from harness.report.sections import ceilings, contexts, latency
from harness.report.sections.background import background
from harness.report.sections.costs import cost
from harness.report.sections.quality import by_tag, headline, table
from harness.results import Results
from harness.results.timings import timings


def render(results: Sequence[Results], out: Path, prices: Prices | None = None) -> list[Path]:
    """Write the report of one or more runs into the folder `out` and return the three files.

    Nothing is run, and nothing outside the result folders is read; equal results and prices give equal bytes. Costs are
    derived from `prices`, or else from the prices in the results.
    """
    compared = [(result, [compare(result, dataset) for dataset in result.datasets]) for result in results]
    money = [money_of(result, prices) for result in results]
    chapters = [
        _chapter(result, comparisons, costs) for (result, comparisons), costs in zip(compared, money, strict=True)
    ]
    texts = {"report.md": markdown(chapters), "report.csv": csv_text(compared, money), "report.html": page(chapters)}
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_bytes(text.encode("utf-8", "replace"))
    return [out / name for name in texts]


def page(chapters: Sequence[Chapter]) -> str:
    """Return an HTML page that needs no other file, no network and no scripts."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("harness.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(chapters=chapters) + "\n"


def _printable(value: object) -> object:
    return numbers.printable(value) if type(value) is str else value


def _chapter(results: Results, comparisons: list[Comparison], money: Money | None) -> Chapter:
    facts = results.facts
    about = [f"run {results.id}", facts.ended or "", f"harness {numbers.fact(facts.harness.version)}"]
    sections = [section for comparison in comparisons for section in _dataset(results, comparison, money)]
    return Chapter(
        f"Retrieval report: {results.suite}",
        " · ".join(part for part in about if part),
        tuple(headline(comparison) for comparison in comparisons),
        tuple(_notices(results, comparisons)),
        (*sections, *cost(money), *background(results)),
    )


def _notices(results: Results, comparisons: list[Comparison]) -> Iterator[Paragraph]:
    """Yield what nobody should overlook on the way to the numbers."""
    failed = {system for comparison in comparisons for system in comparison.having(Standing.FAILED)}
    if failed:
        names = numbers.some([name for name in results.systems if name in failed])
        yield say(strong("Failed"), f": {names}. Their numbers are missing, not zero; see Failures for the reasons.")
    elif any(row.failed for row in results.measurements):
        yield say(strong("Some numbers are missing"), "; see Failures for the reasons.")
    missed = [check for check in results.facts.checks if check.status != "met"]
    if missed:
        yield say(strong(f"Expected numbers not met: {len(missed)}"), "; see Checks against published numbers.")
    for warning in results.facts.warnings:
        yield say(strong("Warning"), f": {warning}.".replace("..", "."))


def _dataset(results: Results, comparison: Comparison, money: Money | None) -> Iterator[Section]:
    costs = money.on(comparison.dataset) if money else {}
    blocks: list[Block] = [table(comparison), *ceilings.table(results, comparison.dataset)]
    blocks += contexts.table(results, comparison.dataset)
    if comparison.measures:
        blocks += quality_and_size(comparison)
        inconclusive = any(timing.inconclusive for timing in timings(results, comparison.dataset))
        blocks += quality_and_money(comparison, costs, inconclusive)
        blocks += dimension_curves(results, comparison)
        blocks += index_curves(results, comparison)
        blocks += by_tag(results, comparison)
    yield Section(f"Systems on {comparison.dataset}", tuple(blocks))
    yield from latency.sections(results, comparison, costs)
