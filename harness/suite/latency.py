"""The `latency` block of a suite: which systems are timed, how often and in which modes."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from harness.errors import SuiteError, nearest
from harness.statistics.medians import REPEATS
from harness.suite.document import Document

Mode = Literal["single", "offline", "server", "cold", "memory", "energy"]
"""The scenarios of MLPerf inference that apply, two modes that use fresh processes, and one that reads energy
counters."""


class Block(BaseModel):
    """A block of a suite: immutable, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Offline(Block):
    """Throughput of each stage."""

    batch_sizes: tuple[int, ...] = Field(default=(1, 32), min_length=1)
    """The numbers of queries that a system is given at a time, and of texts that an encoder processes together."""
    documents: int = Field(default=256, ge=1)
    """The maximum number of documents that an encoder is given in one repeat."""
    seconds: float = Field(default=3, gt=0)
    """The approximate time that all repeats of a figure take, without warm-up."""
    repeats: int = Field(default=REPEATS, ge=REPEATS)
    """The number of repeats of each figure; fewer than 6 have no 95 % interval."""

    @field_validator("batch_sizes")
    @classmethod
    def _distinct_sizes(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if min(sizes) < 1 or len(set(sizes)) < len(sizes):
            raise ValueError("batch sizes must be distinct and at least 1")
        return sizes


class Server(Block):
    """Response times in an open loop of Poisson arrivals."""

    p99_ms: float = Field(default=100, gt=0)
    """The limit for the 99th percentile of response times, which the highest sustained rate must keep."""
    seconds: float = Field(default=10, gt=0)
    """How long each rate is offered; longer if that yields fewer than 473 requests."""
    workers: int = Field(default=1, ge=1)
    """The number of queries that are answered at a time."""
    by: Literal["auto", "threads", "processes"] = "auto"
    """How several workers run; `auto` uses threads if the stages release Python's lock, and processes otherwise."""
    timeout_ms: float | None = Field(default=None, gt=0)
    """The time after which a request has failed; None means ten times `p99_ms`."""
    rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Further rates, in queries per second, that are offered in addition to those of the search."""


class Cold(Block):
    """Start-up time: fresh processes up to their first answer."""

    starts: int = Field(default=5, ge=1)
    """The number of processes that are started."""


class Latency(Block):
    """Which systems are timed, how often and in which modes; `{}` uses the defaults."""

    systems: tuple[str, ...] = Field(default=("*",), min_length=1)
    """Patterns (`*`, `?`, `[…]`) of the systems to time; a single pattern needs no list."""
    queries: int = Field(default=200, ge=1)
    """The maximum number of distinct queries per data set, sampled across the lengths of their texts."""
    reference: str | None = None
    """The system that all others are compared with; by default the first system that is timed."""
    seconds: float = Field(default=40, gt=0)
    """The maximum time of the single-stream measurement of a data set, including its warm-up."""
    within: float = Field(default=0.02, gt=0)
    """The measurement stops once the interval of every ratio extends no further from it than this share of it."""
    seed: int = Field(default=0, ge=0)
    """The seed of the sampled queries, of their orders and of the arrivals."""
    modes: tuple[Mode, ...] = Field(default=("single",), min_length=1)
    """The modes to measure, in this order; a single mode needs no list."""
    services: bool = False
    """Whether to time systems that call a service, which may be paid."""
    offline: Offline = Offline()
    server: Server = Server()
    cold: Cold = Cold()

    @field_validator("systems", mode="before")
    @classmethod
    def _one_or_many(cls, patterns: Any) -> Any:
        return (patterns,) if isinstance(patterns, str) else patterns

    @field_validator("modes", mode="before")
    @classmethod
    def _known_modes(cls, value: Any) -> Any:
        known = get_args(Mode)
        modes = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()
        for position, mode in enumerate(modes):
            if mode not in known:
                raise ValueError(f"unknown mode {mode!r}; {nearest(str(mode), known)}")
            if mode in modes[:position]:
                raise ValueError(f"the mode {mode!r} is listed twice")
        return modes or value

    def timed(self, system: str) -> bool:
        """Return whether a system of the suite is timed."""
        return any(fnmatch.fnmatchcase(system, pattern) for pattern in self.systems)

    def check(self, systems: Collection[str], document: Document) -> None:
        """Raise SuiteError, with its place, for a pattern that matches no system and a reference that is not timed."""
        for position, pattern in enumerate(self.systems):
            if not fnmatch.filter(systems, pattern):
                place = document.place(("latency", "systems", position))
                raise SuiteError(f"latency: no system matches {pattern!r}; {nearest(pattern, systems)}", place)
        timed = list(filter(self.timed, systems))
        if self.reference is not None and self.reference not in timed:
            place = document.place(("latency", "reference"))
            near = nearest(self.reference, timed)
            raise SuiteError(f"latency: the reference {self.reference!r} is not a timed system; {near}", place)
