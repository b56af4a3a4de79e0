"""A price file, or the words of one in a suite, to Prices; an error names its place and the nearest right word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import Place, SuiteError, nearest, relative
from harness.prices import Prices
from harness.suite.document import Document, read, validate


def load_prices(path: Path) -> Prices:
    """Read a price file. SuiteError for a mistake, and for a price without a date or a source."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        beside = [other.name for other in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        missing = f"there is no such price file; {nearest(path.name, beside)}"
        raise SuiteError(
            missing if isinstance(error, FileNotFoundError) else str(error), Place(relative(path))
        ) from None
    document = read(text, relative(path))
    if not isinstance(document.values, dict):
        raise SuiteError("a price file is a mapping: date, host, hosts, models, …", document.place(()))
    prices = validate(Prices, document.values, (), document)
    _refuse_undated(prices, document)
    return prices


def _refuse_undated(prices: Prices, document: Document) -> None:
    """Refuse a price of which nobody could say later when and where it stood."""
    for entry in prices.entries():
        one, place = entry.beside, document.place(entry.path)
        if (one.date or prices.date) is None:
            raise SuiteError(f"the price of {entry.title} has no date: say date: YYYY-MM-DD", place)
        if (one.source or prices.source) is None and not one.example:
            raise SuiteError(f"the price of {entry.title} has no source, nor says example: true", place)


def prices_of(said: Any, base: Path, document: Document) -> Prices | None:
    """Read what a suite says of prices: a file beside it, or the words themselves. SuiteError for a mistake."""
    if said is None:
        return None
    if isinstance(said, str) and not (base / said).exists():
        beside = [other.name for other in base.glob("*.yaml")]
        raise SuiteError(f"there is no price file {said!r}; {nearest(said, beside)}", document.place(("prices",)))
    if isinstance(said, str):
        return load_prices(base / said)
    if not isinstance(said, dict):
        raise SuiteError("prices is a file, or a mapping as {host: 0.17 USD/h}", document.place(("prices",)))
    return validate(Prices, said, ("prices",), document)
