"""What the sources that rest on the library `datasets` share: the hub's cache, rows in batches, errors in one line."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.errors import DataError, MissingLibrary, nearest

BATCH = 4096
LOGGERS = ("datasets", "huggingface_hub", "mteb", "httpx", "filelock")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep bars, warnings and log lines of these libraries off the terminal."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    nowhere = io.StringIO()
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), redirect_stderr(nowhere), redirect_stdout(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def reason(error: BaseException) -> str:
    r"""Say what went wrong, and what that came of, in one line.

    >>> reason(ValueError("no such split\nand more"))
    'ValueError: no such split'
    """
    deepest = error
    while deepest.__cause__ is not None:
        deepest = deepest.__cause__
    own = _line(error)
    return own if deepest is error else f"{own} ({_line(deepest)})"


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ": ".join([type(error).__name__, *(line[:300] for line in lines[:1])])


def rows(data: Any, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Give the values of some columns of a `datasets.Dataset`, row by row, in bounded memory."""
    for batch in data.select_columns(list(columns)).iter(batch_size=BATCH):
        yield from zip(*(batch[column] for column in columns), strict=True)


def key(value: Any, what: str, row: int) -> str:
    """Return an id as text; DataError, counting rows from 1, where it is empty or neither text nor a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise DataError(f"{what}, row {row}: an id should be text or a whole number, found {value!r}")
    return value


def grade(value: Any, what: str, row: int) -> int:
    """Return a grade; DataError where it is no whole number that fits 32 bits.

    >>> grade(1.0, "qrels", 1)
    1
    """
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if whole is None or isinstance(value, bool | str) or whole != value or not -(2**31) <= whole < 2**31:
        raise DataError(f"{what}, row {row}: the grade should be a whole number, found {value!r}")
    return whole


def refuse_missing(found: Iterable[Any], wanted: Sequence[str], what: str) -> None:
    """DataError where a column is not there."""
    there = [str(name) for name in found]
    for name in wanted:
        if name not in there:
            raise DataError(f"{what}: there is no column {name!r}; {nearest(name, there)}")


def cached_commit(repository: str | None) -> str | None:
    """Return the commit that the hub client's cache calls the newest of a repository of data sets."""
    head = _cache(repository) / "refs" / "main" if repository else None
    return head.read_text("utf-8").strip() if head and head.is_file() else None


def is_cached(repository: str | None, commit: str | None) -> bool:
    """Tell, by the names of folders, whether the cache holds a commit, by default the newest it knows."""
    commit = commit or cached_commit(repository)
    return repository is None or (commit is not None and (_cache(repository) / "snapshots" / commit).is_dir())


def resolved(repository: str | None) -> str | None:
    """Return the cached commit, else the newest; None where the hub cannot be asked."""
    commit = cached_commit(repository)
    if repository is None or commit is not None:
        return commit
    try:
        from huggingface_hub import HfApi

        with quiet():
            newest: str | None = HfApi().dataset_info(repository).sha
    except Exception:  # whatever it is, reading the data will say it
        return None
    return newest


def _cache(repository: str) -> Path:
    """Return where the hub client keeps a repository of data sets, without importing the client."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub")) / f"datasets--{repository.replace('/', '--')}"


def datasets_version() -> str | None:
    """Return the library's version without importing it; None where it is not installed."""
    try:
        return version("datasets")
    except PackageNotFoundError:
        return None


def library(why: str) -> Any:
    """Import `datasets`; MissingLibrary where it is not installed."""
    try:
        with quiet():
            import datasets
    except ImportError:
        raise MissingLibrary("datasets", "hf", why) from None
    return datasets
