"""The errors that the harness raises on purpose, and helpers that put a place and a suggestion into their messages.

    HarnessError
    ├── UserError            the input of the user is wrong; one clear message, exit status 2
    │   ├── SuiteError       a suite file cannot be understood; has a place
    │   ├── DataError        a data set, a run or a file of judgements is damaged; has a place
    │   │   └── RepeatedId   an id that should be unique appears more than once
    │   ├── UnknownName      a name is not registered
    │   └── MissingLibrary   an optional library is not installed
    └── StoreError           an artifact in the store is missing, or is not what was saved

The package `latency` adds errors of its own below HarnessError, which it turns into results: a system that cannot be
timed, and a process that ended without an answer.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

LISTED = 12
"""The number of known words that a message lists; it only counts the rest."""


class Place(NamedTuple):
    """A place in a file; line and column count from 1 and are None where they are not known."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Write the place as editors and compilers do: `file:line:column`."""
        return ":".join(str(part) for part in self if part is not None)


class HarnessError(Exception):
    """The base class of all errors of the harness."""


class UserError(HarnessError):
    """The input of the user is wrong; the message says what was found, what was expected and where."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place

    def __str__(self) -> str:
        """Write the message, after its place if it has one."""
        return f"{self.place}: {self.message}" if self.place else self.message


class SuiteError(UserError):
    """A suite file that cannot be understood."""


class DataError(UserError):
    """A data set, a run or a file of judgements that is damaged or is not what the suite describes."""


class RepeatedId(DataError):
    """An id that appears more than once. It is kept in `id`, so that a source can look up the lines."""

    def __init__(self, what: str, id: str) -> None:  # noqa: A002  the usual name of the field
        super().__init__(f"{what}: the id {id!r} appears more than once")
        self.id = id


class UnknownName(UserError):
    """A name that is not registered."""


class MissingLibrary(UserError):
    """An optional library that is needed but not installed."""

    def __init__(self, library: str, extra: str, why: str) -> None:
        super().__init__(
            f"{why} needs the library {library!r}, which is not installed: pip install 'retrieval-harness[{extra}]'"
        )


class StoreError(HarnessError):
    """An artifact in the store that is missing, or is not what was saved: damaged, incomplete or with extra files."""


def nearest(word: str, words: Iterable[str]) -> str:
    """Suggest the known word that is closest to a wrong one, or list the first dozen known words if none is close.

    >>> nearest("ndgc", ["nDCG", "RR"])
    "did you mean 'nDCG'?"
    >>> nearest("zzz", ["b", "a"])
    "known: 'a', 'b'"
    >>> nearest("zzz", [])
    'none is known'
    """
    known = sorted({str(w) for w in words})
    lowered = {w.lower(): w for w in reversed(known)}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f"did you mean {lowered[close[0]]!r}?"
    if not known:
        return "none is known"
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return "known: " + ", ".join(repr(w) for w in known[:LISTED]) + more


def relative(path: Path) -> str:
    """Return a path relative to the current folder, or absolute if it lies elsewhere."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
