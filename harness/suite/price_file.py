"""Reads prices from a price file or from the `prices` block of a suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import Place, SuiteError, nearest, relative
from harness.prices import Prices
from harness.suite.document import Document, read, validate


def load_prices(path: Path) -> Prices:
    """Read a price file. Raises SuiteError for any mistake, and for a price without a date or a source."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise SuiteError(
            f"no such price file; {_nearest_file(path.name, path.parent)}", Place(relative(path))
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(str(error), Place(relative(path))) from None
    document = read(text, relative(path))
    if not isinstance(document.values, dict):
        raise SuiteError("a price file is a mapping: date, host, hosts, models, …", document.place(()))
    prices = validate(Prices, document.values, (), document)
    _refuse_undated(prices, document)
    return prices


def _refuse_undated(prices: Prices, document: Document) -> None:
    """Refuse a price without a date or a source, because nobody could check it later."""
    for entry in prices.entries():
        priced, place = entry.beside, document.place(entry.path)
        if (priced.date or prices.date) is None:
            raise SuiteError(f"the price of {entry.title} has no date; add date: YYYY-MM-DD", place)
        if (priced.source or prices.source) is None and not priced.example:
            raise SuiteError(f"the price of {entry.title} has no source; add source: URL, or example: true", place)


def prices_of(value: Any, base: Path, document: Document) -> Prices | None:
    """Read `prices` of a suite: the path of a price file, relative to `base`, or a mapping. Raises SuiteError."""
    if value is None:
        return None
    if isinstance(value, str) and not (base / value).exists():
        raise SuiteError(f"no such price file {value!r}; {_nearest_file(value, base)}", document.place(("prices",)))
    if isinstance(value, str):
        return load_prices(base / value)
    if not isinstance(value, dict):
        raise SuiteError("prices must be a file or a mapping such as {host: 0.17 USD/h}", document.place(("prices",)))
    return validate(Prices, value, ("prices",), document)


def _nearest_file(name: str, folder: Path) -> str:
    return nearest(name, [other.name for other in folder.glob("*.yaml")] if folder.is_dir() else [])
