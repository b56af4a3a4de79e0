"""The section about money: what each system costs, by which prices, and what is missing for a number."""

from __future__ import annotations

from collections.abc import Iterator

from harness.compare.costs import Money
from harness.prices import Prices
from harness.report import numbers
from harness.report.document import Block, Cell, Column, Items, Section, Table

HEADS = {
    "per_1m_queries": "1 M queries",
    "per_1m_documents": "indexing 1 M documents",
    "index_build": "index as measured",
    "reindex": "after a model change",
    "per_month": "a month",
}
CAPTION = (
    "In {currency}, derived from the quantities of this run and the prices below; docs/cost.md has the formulas. "
    "Queries as the system was timed on this corpus; indexing scaled from the documents that were measured. "
    "After a model change: what of the index is made anew.{month}"
)
MONTH = " A month: {rate} queries/s{documents}, hosts around the clock; indexing is not in it."
SOURCES = "The prices: other ones need no new run (harness report RUN --prices FILE)."


def cost(money: Money | None) -> Iterator[Section]:
    """Give the section about money; nothing where there are no prices."""
    if money is None or not money.costs:
        return
    missing: dict[str, list[str]] = {}
    for (_, system), one in money.costs.items():
        for note in one.notes:
            missing.setdefault(note, []).append(system)
    notes = tuple(f"{note} ({numbers.some(list(dict.fromkeys(names)))})" for note, names in missing.items())
    blocks: list[Block] = [_amounts(money), _sources(money.prices)]
    yield Section("Cost", (*blocks, *([Items(notes)] if notes else [])))


def _amounts(money: Money) -> Table:
    found = money.costs.values()
    words = [word for word in HEADS if any(getattr(one, word) is not None for one in found)]
    timed = any(one.basis for one in found)
    rows = []
    for (dataset, system), one in money.costs.items():
        cells = [numbers.money(getattr(one, word), one.currency) for word in words]
        share = "" if one.utilisation is None else f", utilisation {one.utilisation:.1%}"
        basis = [f"{one.basis}{share}" or numbers.NOTHING] if timed else []
        rows.append(tuple(map(Cell, (dataset, system, *cells, *basis))))
    heads = [Column(HEADS[word], numeric=True) for word in words]
    columns = (Column("data set"), Column("system"), *heads, *([Column("queries reckoned")] if timed else []))
    return Table(_caption(money.prices, words), columns, tuple(rows))


def _caption(prices: Prices, words: list[str]) -> str:
    load = prices.load
    if load is None or "per_month" not in words:
        return CAPTION.format(currency=prices.currency, month="")
    documents = f", {numbers.count(load.documents)} documents" if load.documents else ""
    return CAPTION.format(currency=prices.currency, month=MONTH.format(rate=f"{load.rate:.3g}", documents=documents))


def _sources(prices: Prices) -> Table:
    rows = []
    for entry in prices.entries():
        one = entry.beside
        day, source = one.date or prices.date, one.source or prices.source
        said = "EXAMPLE VALUE, not a published price" if one.example else source or "said by the suite"
        used = " (in use)" if entry.path in (("hosts", prices.host), ("gpus", prices.gpu)) else ""
        texts = (entry.title + used, str(entry.rate), str(day) if day else "undated", said)
        rows.append(tuple(map(Cell, texts)))
    return Table(SOURCES, tuple(map(Column, ("of", "price", "date", "source"))), tuple(rows), "Prices")
