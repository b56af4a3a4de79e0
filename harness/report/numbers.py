"""How numbers, facts and names are written in a report, the same in every format."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from harness.meter import size

UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, that control a terminal, or that change the direction of writing."""
SHORT = 12
"""The number of characters of a checksum that a table shows; run.json has all of them."""
DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
NOTHING = DASH
"""The text in the place of a number that does not exist."""


def measure(value: float | None) -> str:
    """Format the value of a measure.

    >>> measure(0.67891), measure(None) == NOTHING
    ('0.6789', True)
    """
    return NOTHING if value is None else f"{value:.4f}"


def interval(low: float | None, high: float | None) -> str:
    """Format the ends of an interval; an empty text if one is not known.

    >>> interval(0.61239, 0.7).split(DASH), interval(None, 0.7)
    (['0.612', '0.700'], '')
    """
    return "" if low is None or high is None else f"{low:.3f}{DASH}{high:.3f}"


def count(value: float | None) -> str:
    """Format a whole number with its digits in groups of three.

    >>> count(5183)
    '5,183'
    """
    return NOTHING if value is None else f"{value:,.0f}"


def quantity(value: float | None, unit: str) -> str:
    """Format a number with its unit, to three digits.

    >>> quantity(1234.5, "documents/s"), quantity(0.01234, "s"), quantity(2048, "bytes")
    ('1,234 documents/s', '12.3 ms', '2.0 kB')
    """
    if value is None:
        return NOTHING
    if unit == "bytes":
        return size(value)
    if unit == "s" and round(abs(value) * 1000, 0) < 1000:
        value, unit = value * 1000, "ms"
    digits = count(value) if round(abs(value), 0) >= 1000 else f"{value:.3g}"
    return f"{digits} {unit}".rstrip()


def spread(value: float | None, low: float | None = None, high: float | None = None) -> tuple[str, str]:
    """Format a number and its interval, both to the digit that half the interval's width reaches, with 2 to 4 digits.

    Without an interval, the number has three digits and the second text is empty.

    >>> spread(6.3122, 6.12, 6.49), spread(1.0042, 0.9979, 1.0107), spread(1234.5, 100, 2410)
    (('6.3', '[6.1, 6.5]'), ('1.004', '[0.998, 1.011]'), ('1234', '[100, 2410]'))
    >>> spread(0.16842), spread(None)[0] == NOTHING
    (('0.168', ''), True)
    """
    if value is None:
        return NOTHING, ""
    if low is None or high is None:
        return _places(value, 2 - _order(value)), ""
    half = (high - low) / 2
    places = min(max(-_order(half) if half else 4, 1 - _order(value)), 3 - _order(value))
    return _places(value, places), f"[{_places(low, places)}, {_places(high, places)}]"


def signed(value: float, text: str) -> str:
    """Return the text of a magnitude with the sign of a difference in front.

    >>> signed(0.021, "0.021"), signed(-0.03, "0.030") == MINUS + "0.030"
    ('+0.021', True)
    """
    return ("+" if value >= 0 else MINUS) + text


def _order(value: float) -> int:
    """Return the power of ten of the first significant digit."""
    return math.floor(math.log10(abs(value))) if value else 0


def _places(value: float, places: int) -> str:
    return f"{value:.{max(places, 0)}f}".replace("-", MINUS)


def money(value: float | None, currency: str) -> str:
    """Format an amount of money to three digits.

    >>> money(38.21, "USD"), money(1234.5, "EUR"), money(0.00001234, "USD"), money(0, "USD")
    ('38.2 USD', '1,234 EUR', '0.0000123 USD', '0 USD')
    """
    if value is None:
        return NOTHING
    digits = count(value) if round(abs(value), 0) >= 1000 else f"{Decimal(f'{value:.3g}'):f}"
    return f"{digits} {currency}"


def fact(value: Any) -> str:
    """Format a value of run.json for people.

    >>> fact(None) == NOTHING, fact(True), fact("x"), fact([1, 2]), fact({"path": "x", "split": {"part": 1}})
    (True, 'yes', 'x', '1, 2', 'path: x, split: {part: 1}')
    """
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_inner(item)}" for key, item in value.items())
    return ", ".join(map(_inner, value)) if isinstance(value, list) else str(value)


def _inner(value: Any) -> str:
    return f"{{{fact(value)}}}" if isinstance(value, dict) else fact(value)


def some(names: list[str], most: int = 6) -> str:
    """List the first names, followed by the number of the others.

    >>> some(["a", "b", "c"], most=2), some(["a", "b", "c"])
    ('a, b and 1 more', 'a, b, c')
    """
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def printable(text: str) -> str:
    r"""Replace control characters by U+FFFD; line ends are kept.

    >>> printable("a\x1b[31m\n") == "a\ufffd[31m\n"
    True
    """
    return UNPRINTABLE.sub("\ufffd", text)


def plain(text: str, most: int = 10_000) -> str:
    r"""Return a text as one printable line, truncated to `most` characters.

    >>> plain("a \n b"), len(plain("abcdef", most=4))
    ('a b', 4)
    """
    line = " ".join(printable(text).split())
    return line if len(line) <= most else line[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def short(checksum: str | None) -> str:
    """Return the first characters of a checksum or a revision."""
    return checksum[:SHORT] if checksum else NOTHING
