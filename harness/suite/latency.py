"""The words under `latency` in a suite: what is timed, how often, in which modes."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from harness.errors import SuiteError, nearest
from harness.statistics.medians import REPEATS
from harness.suite.document import Document

Mode = Literal["single", "offline", "server", "cold", "memory", "energy"]
"""The scenarios of MLPerf inference that apply, two that look at fresh processes, and one at counters of energy."""


class Block(BaseModel):
    """Words of a suite: none that is unknown, none that changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Offline(Block):
    """Throughput of each stage."""

    batch_sizes: tuple[int, ...] = Field(default=(1, 32), min_length=1)
    """Queries that a system gets at a time, and texts that an encoder calculates together."""
    documents: int = Field(default=256, ge=1)
    """The most that an encoder gets in one repeat."""
    seconds: float = Field(default=3, gt=0)
    """About what all repeats of one figure take, warm-up left out."""
    repeats: int = Field(default=REPEATS, ge=REPEATS)
    """Of each figure; fewer than 6 have no 95 % interval."""

    @field_validator("batch_sizes")
    @classmethod
    def _sizes(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if min(sizes) < 1 or len(set(sizes)) < len(sizes):
            raise ValueError("give distinct numbers from 1 on")
        return sizes


class Server(Block):
    """Response times in an open loop of Poisson arrivals."""

    p99_ms: float = Field(default=100, gt=0)
    """The bound that the highest rate must keep."""
    seconds: float = Field(default=10, gt=0)
    """How long a rate is offered; longer where so long brings fewer than 473 requests."""
    workers: int = Field(default=1, ge=1)
    """How many queries are answered at a time."""
    by: Literal["auto", "threads", "processes"] = "auto"
    """What several workers are; `auto`: threads where the stages leave Python's lock, processes otherwise."""
    timeout_ms: float | None = Field(default=None, gt=0)
    """After which a request has failed; None: ten times the bound."""
    rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Queries a second that are offered besides those of the search."""


class Cold(Block):
    """Fresh processes, up to their first answer."""

    starts: int = Field(default=5, ge=1)


class Latency(Block):
    """What is timed, how often, and in which modes; `{}` takes the defaults."""

    systems: tuple[str, ...] = Field(default=("*",), min_length=1)
    """Patterns (`*`, `?`, `[…]`) of the systems that are timed; one may stand alone."""
    queries: int = Field(default=200, ge=1)
    """Distinct queries of each data set at most, spread over the lengths of their texts."""
    reference: str | None = None
    """The system that all others are compared with; by default the first that is timed."""
    seconds: float = Field(default=40, gt=0)
    """The most that the single-stream measurement of a data set takes, its warm-up included."""
    within: float = Field(default=0.02, gt=0)
    """It stops when the interval of every ratio reaches no further from it than this share."""
    seed: int = Field(default=0, ge=0)
    """Of the queries, the orders and the arrivals."""
    modes: tuple[Mode, ...] = Field(default=("single",), min_length=1)
    """What is measured, in this order; one may stand alone."""
    services: bool = False
    """Whether systems are timed that call a service, which may be paid."""
    offline: Offline = Offline()
    server: Server = Server()
    cold: Cold = Cold()

    @field_validator("systems", mode="before")
    @classmethod
    def _one_or_many(cls, said: Any) -> Any:
        return (said,) if isinstance(said, str) else said

    @field_validator("modes", mode="before")
    @classmethod
    def _modes(cls, said: Any) -> Any:
        known = get_args(Mode)
        words = (said,) if isinstance(said, str) else tuple(said) if isinstance(said, list | tuple) else ()
        for place, word in enumerate(words):
            if word not in known:
                raise ValueError(f"there is no mode {word!r}; {nearest(str(word), known)}")
            if word in words[:place]:
                raise ValueError(f"the mode {word!r} stands twice")
        return words or said

    def timed(self, system: str) -> bool:
        """Tell whether a system of the suite is to be timed."""
        return any(fnmatch.fnmatchcase(system, pattern) for pattern in self.systems)

    def check(self, systems: Collection[str], document: Document) -> None:
        """Raise SuiteError, with its place, for a pattern that no system matches and a reference that is not timed."""
        for position, pattern in enumerate(self.systems):
            if not fnmatch.filter(systems, pattern):
                place = document.place(("latency", "systems", position))
                raise SuiteError(f"latency: no system matches {pattern!r}; {nearest(pattern, systems)}", place)
        timed = list(filter(self.timed, systems))
        if self.reference is not None and self.reference not in timed:
            place = document.place(("latency", "reference"))
            near = nearest(self.reference, timed)
            raise SuiteError(f"latency: the reference {self.reference!r} is no system that is timed; {near}", place)
