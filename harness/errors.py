"""Every error that the harness raises on purpose, and the place and nearest word it names.

    HarnessError
    ├── UserError            what the user gave is wrong: one clear message, exit status 2
    │   ├── SuiteError       a suite file; carries a place
    │   ├── DataError        a data set or a file of judgements; carries a place
    │   │   └── RepeatedId   an id that should stand once and stands twice
    │   ├── UnknownName      a name that no registry knows
    │   └── MissingLibrary   an optional package that is not installed
    └── StoreError           an artifact in the store that cannot be what its name says

Names say what is wrong, so they do not end in "Error" throughout.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

LISTED = 12
"""How many known words an error lists before it only counts them."""


class Place(NamedTuple):
    """Where something was found: a file and, where they are known, its line and column (from 1)."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Read as editors and compilers write it: `file:line:column`."""
        return ":".join(str(part) for part in self if part is not None)


class HarnessError(Exception):
    """The root of all errors below."""


class UserError(HarnessError):
    """What the user gave is wrong; the message says what was found, what was expected and where."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place

    def __str__(self) -> str:
        """Put the place in front of the message, where there is one."""
        return f"{self.place}: {self.message}" if self.place else self.message


class SuiteError(UserError):
    """A suite file that cannot be understood."""


class DataError(UserError):
    """A data set that is damaged or is not what it was said to be."""


class RepeatedId(DataError):
    """An id that stands more than once; `id` is kept, so that a source can say on which lines."""

    def __init__(self, what: str, id: str) -> None:  # noqa: A002 - the word of every collection
        super().__init__(f"{what}: the id {id!r} stands more than once")
        self.id = id


class UnknownName(UserError):
    """A name that no registry knows."""


class MissingLibrary(UserError):
    """A library that is needed here is not installed."""

    def __init__(self, library: str, extra: str, why: str) -> None:
        super().__init__(
            f"{why} needs the library {library!r}, which is not installed: pip install 'retrieval-harness[{extra}]'"
        )


class StoreError(HarnessError):
    """An artifact that is damaged, incomplete or foreign."""


def nearest(word: str, words: Iterable[str]) -> str:
    """Say which known word lies nearest to a wrong one, or list what there is, the first dozen.

    >>> nearest("ndgc", ["nDCG", "RR"])
    "did you mean 'nDCG'?"
    >>> nearest("zzz", ["b", "a"])
    "there is 'a', 'b'"
    >>> nearest("zzz", [])
    'there is none'
    """
    known = sorted({str(w) for w in words})
    lowered = {w.lower(): w for w in reversed(known)}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f"did you mean {lowered[close[0]]!r}?"
    if not known:
        return "there is none"
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return "there is " + ", ".join(repr(w) for w in known[:LISTED]) + more


def relative(path: Path) -> str:
    """Show a path as a person would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
