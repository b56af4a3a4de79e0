"""The `latency` block of a suite: which systems are timed, how often, and in which modes."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from harness.errors import SuiteError, nearest
from harness.statistics.medians import REPEATS
from harness.suite.document import Document

Mode = Literal["single", "offline", "server", "cold", "memory", "energy"]
"""The scenarios of MLPerf inference that apply, two modes for fresh processes, and one for energy counters."""


class Block(BaseModel):
    """A block of a suite file; it is immutable, and unknown settings are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Offline(Block):
    """The settings of the mode `offline`: the throughput of systems and stages."""

    batch_sizes: tuple[int, ...] = Field(default=(1, 32), min_length=1)
    """How many queries a system answers at a time, and how many texts an encoder computes together."""
    documents: int = Field(default=256, ge=1)
    """The most documents that an encoder processes in one repeat."""
    seconds: float = Field(default=3, gt=0)
    """Roughly how long all repeats of one figure take together, without the warm-up."""
    repeats: int = Field(default=REPEATS, ge=REPEATS)
    """The number of repeats of each figure; fewer than 6 have no 95 % interval."""

    @field_validator("batch_sizes")
    @classmethod
    def _sizes(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if min(sizes) < 1 or len(set(sizes)) < len(sizes):
            raise ValueError("batch sizes must be distinct and at least 1")
        return sizes


class Server(Block):
    """The settings of the mode `server`: response times in an open loop of Poisson arrivals."""

    p99_ms: float = Field(default=100, gt=0)
    """The bound that p99 must not exceed at the highest rate."""
    seconds: float = Field(default=10, gt=0)
    """How long a rate is offered; longer if that brings fewer than 473 requests."""
    workers: int = Field(default=1, ge=1)
    """How many queries are answered at a time."""
    by: Literal["auto", "threads", "processes"] = "auto"
    """What the workers are if there are several; `auto`: threads if the stages release the GIL, else processes."""
    timeout_ms: float | None = Field(default=None, gt=0)
    """The time after which a request has failed; None: ten times the bound."""
    rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Rates to offer in addition to those of the search, in queries per second."""


class Cold(Block):
    """The settings of the mode `cold`: fresh processes, up to their first answer."""

    starts: int = Field(default=5, ge=1)
    """How often each system is started in a fresh process."""


class Latency(Block):
    """Which systems are timed, how often, and in which modes; `{}` takes the defaults."""

    systems: tuple[str, ...] = Field(default=("*",), min_length=1)
    """Patterns (`*`, `?`, `[…]`) of the systems that are timed; a single one needs no brackets."""
    queries: int = Field(default=200, ge=1)
    """The most distinct queries of each data set, spread over the lengths of their texts."""
    reference: str | None = None
    """The system that all others are compared with; None: the first that is timed."""
    seconds: float = Field(default=40, gt=0)
    """The most that the mode `single` takes for a data set, warm-up included."""
    within: float = Field(default=0.02, gt=0)
    """The mode `single` stops once the interval of every ratio is within this share of the ratio."""
    seed: int = Field(default=0, ge=0)
    """The seed for the choice of queries, for orders and for arrivals."""
    modes: tuple[Mode, ...] = Field(default=("single",), min_length=1)
    """What is measured, in this order; a single mode needs no brackets."""
    services: bool = False
    """Whether systems that call a service are timed; calls may cost money."""
    offline: Offline = Offline()
    server: Server = Server()
    cold: Cold = Cold()

    @field_validator("systems", mode="before")
    @classmethod
    def _one_or_many(cls, systems: Any) -> Any:
        return (systems,) if isinstance(systems, str) else systems

    @field_validator("modes", mode="before")
    @classmethod
    def _modes(cls, value: Any) -> Any:
        known = get_args(Mode)
        modes = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()
        for place, mode in enumerate(modes):
            if mode not in known:
                raise ValueError(f"unknown mode {mode!r}; {nearest(str(mode), known)}")
            if mode in modes[:place]:
                raise ValueError(f"the mode {mode!r} is listed twice")
        return modes or value

    def timed(self, system: str) -> bool:
        """Return whether a system of the suite is to be timed."""
        return any(fnmatch.fnmatchcase(system, pattern) for pattern in self.systems)

    def check(self, systems: Collection[str], document: Document) -> None:
        """Raise SuiteError, with its place, for a pattern that matches no system or a reference that is not timed."""
        for position, pattern in enumerate(self.systems):
            if not fnmatch.filter(systems, pattern):
                place = document.place(("latency", "systems", position))
                raise SuiteError(f"latency: no system matches {pattern!r}; {nearest(pattern, systems)}", place)
        timed = list(filter(self.timed, systems))
        if self.reference is not None and self.reference not in timed:
            place = document.place(("latency", "reference"))
            near = nearest(self.reference, timed)
            raise SuiteError(f"latency: the reference {self.reference!r} is not a timed system; {near}", place)
