"""What the sources based on the library `datasets` share: the hub's cache, rows in batches, errors in one line."""

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
"""The number of rows that are read at a time."""
LOGGERS = ("datasets", "huggingface_hub", "mteb", "httpx", "filelock")


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress progress bars, warnings and log lines of these libraries."""
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
    r"""Return an error and its root cause in one line.

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
    """Yield the values of some columns of a `datasets.Dataset`, row by row, in bounded memory."""
    for batch in data.select_columns(list(columns)).iter(batch_size=BATCH):
        yield from zip(*(batch[column] for column in columns), strict=True)


def key(value: Any, what: str, row: int) -> str:
    """Return an id as text; DataError if it is empty or neither text nor a whole number. Rows count from 1."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise DataError(f"{what}, row {row}: an id must be text or a whole number, found {value!r}")
    return value


def grade(value: Any, what: str, row: int) -> int:
    """Return a grade; DataError if it is not a whole number of 32 bits.

    >>> grade(1.0, "qrels", 1)
    1
    """
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if whole is None or isinstance(value, bool | str) or whole != value or not -(2**31) <= whole < 2**31:
        raise DataError(f"{what}, row {row}: the grade must be a whole number, found {value!r}")
    return whole


def refuse_missing(columns: Iterable[Any], required: Sequence[str], what: str) -> None:
    """Raise DataError if a required column is missing."""
    known = [str(name) for name in columns]
    for name in required:
        if name not in known:
            raise DataError(f"{what}: there is no column {name!r}; {nearest(name, known)}")


def cached_commit(repository: str | None) -> str | None:
    """Return the newest commit of a data set repository in the cache of the hub client; None if there is none."""
    head = _cache(repository) / "refs" / "main" if repository else None
    return head.read_text("utf-8").strip() if head and head.is_file() else None


def is_cached(repository: str | None, commit: str | None) -> bool:
    """Return whether the cache has a folder for a commit, by default the newest it knows; True without a repository."""
    commit = commit or cached_commit(repository)
    return repository is None or (commit is not None and (_cache(repository) / "snapshots" / commit).is_dir())


def resolved(repository: str | None) -> str | None:
    """Return the cached commit, otherwise the newest on the hub; None if the hub cannot be reached."""
    commit = cached_commit(repository)
    if repository is None or commit is not None:
        return commit
    try:
        from huggingface_hub import HfApi

        with quiet():
            newest: str | None = HfApi().dataset_info(repository).sha
    except Exception:  # whatever it is, loading the data will report it
        return None
    return newest


def _cache(repository: str) -> Path:
    """Return the folder in which the hub client caches a data set repository, without importing the client."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub")) / f"datasets--{repository.replace('/', '--')}"


def datasets_version() -> str | None:
    """Return the version of `datasets` without importing it; None if it is not installed."""
    try:
        return version("datasets")
    except PackageNotFoundError:
        return None


def library(why: str) -> Any:
    """Import `datasets`; MissingLibrary, with the reason why it is needed, if it is not installed."""
    try:
        with quiet():
            import datasets
    except ImportError:
        raise MissingLibrary("datasets", "hf", why) from None
    return datasets
