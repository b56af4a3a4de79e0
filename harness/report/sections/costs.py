"""The section about costs: what each system costs, by which prices, and what is missing for a number."""

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
    "per_month": "per month",
}
"""The heading of each amount, by its attribute in `Costs`."""
CAPTION = (
    "In {currency}, derived from the quantities of this run and the prices below; docs/cost.md has the formulas. The "
    "cost of queries is based on their timing on this corpus; that of indexing is scaled from the documents that were "
    "measured. After a model change: the part of the index that has to be made again.{month}"
)
MONTH = " Per month: {rate} queries/s{documents}, hosts around the clock, without indexing."
SOURCES = "Other prices need no new run: harness report RUN --prices FILE."


def cost(money: Money | None) -> Iterator[Section]:
    """Show what each system costs; no section without prices."""
    if money is None or not money.costs:
        return
    systems_of: dict[str, list[str]] = {}
    for (_, system), costs in money.costs.items():
        for note in costs.notes:
            systems_of.setdefault(note, []).append(system)
    notes = tuple(f"{note} ({numbers.some(list(dict.fromkeys(names)))})" for note, names in systems_of.items())
    blocks: list[Block] = [_amounts(money), _sources(money.prices)]
    yield Section("Cost", (*blocks, *([Items(notes)] if notes else [])))


def _amounts(money: Money) -> Table:
    amounts = [name for name in HEADS if any(getattr(costs, name) is not None for costs in money.costs.values())]
    timed = any(costs.basis for costs in money.costs.values())
    rows = []
    for (dataset, system), costs in money.costs.items():
        cells = [numbers.money(getattr(costs, name), costs.currency) for name in amounts]
        share = "" if costs.utilisation is None else f", utilisation {costs.utilisation:.1%}"
        basis = [f"{costs.basis}{share}" or numbers.NOTHING] if timed else []
        rows.append(tuple(map(Cell, (dataset, system, *cells, *basis))))
    heads = [Column(HEADS[name], numeric=True) for name in amounts]
    columns = (Column("data set"), Column("system"), *heads, *([Column("basis for queries")] if timed else []))
    return Table(_caption(money.prices, amounts), columns, tuple(rows))


def _caption(prices: Prices, amounts: list[str]) -> str:
    load = prices.load
    if load is None or "per_month" not in amounts:
        return CAPTION.format(currency=prices.currency, month="")
    documents = f", {numbers.count(load.documents)} documents" if load.documents else ""
    return CAPTION.format(currency=prices.currency, month=MONTH.format(rate=f"{load.rate:.3g}", documents=documents))


def _sources(prices: Prices) -> Table:
    rows = []
    for entry in prices.entries():
        price = entry.beside
        day, source = price.date or prices.date, price.source or prices.source
        origin = "EXAMPLE VALUE, not a published price" if price.example else source or "set by the suite"
        used = " (in use)" if entry.path in (("hosts", prices.host), ("gpus", prices.gpu)) else ""
        rows.append(tuple(map(Cell, (entry.title + used, str(entry.rate), str(day) if day else "undated", origin))))
    return Table(SOURCES, tuple(map(Column, ("item", "price", "date", "source"))), tuple(rows), "Prices")
