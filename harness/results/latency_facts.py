"""How latency was measured: the objects under `latency` in run.json, one for each data set."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.results.facts_base import Facts, Number
from harness.results.left_out import LeftOut, read_left_out


def _left_out(value: Any) -> LeftOut:
    if not isinstance(value, dict):
        raise ValueError("an object")
    return read_left_out(value)


class ModeFacts(Facts):
    """How one mode was measured."""

    left_out: Annotated[LeftOut, BeforeValidator(_left_out)] = Field(default_factory=LeftOut)
    """What could not be measured, and why."""


class Bracket(Facts):
    """The highest rate that kept within the bound and the lowest that did not, queries/s; None if there was none."""

    low: Number | None
    high: Number | None


class Offer(Facts):
    """One rate that was offered, queries/s, and the number of its requests."""

    rate: Number
    requests: int


class ServedFacts(Facts):
    """One system in the mode `server`."""

    highest: Bracket
    offers: list[Offer]
    """The rates that were tried; the position of an offer is the block of its responses in latency.parquet."""


class ServerFacts(ModeFacts):
    """How the mode `server` was measured."""

    p99_ms: Number | None = None
    """The bound on the 99th percentile of response times, ms."""
    timeout_ms: Number | None = None
    """The time after which a request has failed, ms."""
    rates: list[Number] = []
    """The rates that the suite names, queries/s."""
    systems: dict[str, ServedFacts] = {}

    @model_validator(mode="after")
    def _says_when_requests_failed(self) -> Self:
        if self.systems and self.timeout_ms is None:
            raise ValueError("a 'timeout_ms', because it holds 'systems'")
        return self


class EnergyFacts(ModeFacts):
    """Whether the energy counters of the machine could be read."""

    status: str | None = None


def _energy(value: Any) -> Any:
    return {"status": value} if isinstance(value, str) else value


class SelfRatio(Facts):
    """The ratio of the reference to itself, with the ends of its interval."""

    ratio: Number | None = None
    low: Number | None = None
    high: Number | None = None


class WarmUp(Facts):
    """The laps before the first lap that counts."""

    laps: int | None = None
    seconds: Number | None = None
    stopped: str | None = None
    """Why it ended: "steady" or "cap"."""


class LatencyFacts(ModeFacts):
    """How latency was measured on a data set: facts of the mode `single`, and each other mode under its name."""

    threads: int | None = None
    device: str | None = None
    reference: str | None = None
    """The system that all others are compared with."""
    seed: int | None = None
    queries: int | None = None
    blocks: int | None = None
    laps: int | None = None
    """The number of laps of every system."""
    warm_up: WarmUp | None = None
    stopped: str | None = None
    """Why measuring ended: "interval" or "budget"."""
    noise_floor: Number | None = None
    """The half-width of the interval of the reference's ratio to itself."""
    inconclusive: bool = False
    """Whether the reference differed from itself, or too little was timed to know."""
    again: SelfRatio | None = None
    offline: ModeFacts | None = None
    server: ServerFacts | None = None
    cold: ModeFacts | None = None
    memory: ModeFacts | None = None
    energy: Annotated[EnergyFacts, BeforeValidator(_energy)] | None = None

    @property
    def all_left_out(self) -> list[tuple[str | None, LeftOut]]:
        """What could not be measured, and why: in any mode (None), then in each mode by name."""
        modes = (name for name in ("offline", "server", "cold", "memory", "energy") if getattr(self, name) is not None)
        return [(None, self.left_out), *((name, getattr(self, name).left_out) for name in modes)]
