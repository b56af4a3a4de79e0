"""One row of measurements.jsonl."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, Self

from harness.machine import describe


class System(Protocol):
    """A system on a data set, as far as a row names it: a target of a plan and an opened system are such."""

    @property
    def dataset(self) -> str:
        """The name of the data set."""

    @property
    def system(self) -> str:
        """The name of the system."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the system's run."""


@dataclass(frozen=True)
class Measurement:
    """One number about a system on a data set; `stage` is None if it is about the whole system.

    A failure has the status "failed", a reason, and no value. Raises ValueError for a number that is not finite, for a
    failure with a number or without a reason, and for any other row without a number.
    """

    dataset: str
    system: str
    stage: str | None
    quantity: str
    value: float | None
    unit: str = ""
    n: int | None = None
    low: float | None = None
    high: float | None = None
    status: str = "ok"
    reason: str | None = None
    fingerprint: str | None = None
    machine: str | None = None

    def __post_init__(self) -> None:
        if not all(isinstance(name, str) for name in (self.dataset, self.system, self.quantity)):
            raise ValueError("data set, system and quantity must be strings")
        if self.status not in ("ok", "failed"):
            raise ValueError(f"a status is 'ok' or 'failed', found {self.status!r}")
        if self.failed and (self.value is not None or not self.reason):
            raise ValueError("a failure has a reason and no value")
        if not self.failed and self.value is None:
            raise ValueError("a row without a value must have the status 'failed' and a reason")
        if any(number is not None and not math.isfinite(number) for number in (self.value, self.low, self.high)):
            raise ValueError("a number is not finite")

    @classmethod
    def of(
        cls,
        about: System,
        quantity: str,
        value: float,
        unit: str = "",
        *,
        stage: str | None = None,
        fingerprint: str | None = None,
        machine: str | None = None,
        n: int | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> Self:
        """Return a number about a system, or about one stage of it.

        `fingerprint` is the artifact that the number is about, by default the system's run; `machine` is the one that
        it was measured on, by default this one. Raises ValueError as the class does.
        """
        return cls(
            dataset=about.dataset,
            system=about.system,
            stage=stage,
            quantity=quantity,
            value=value,
            unit=unit,
            n=n,
            low=low,
            high=high,
            fingerprint=fingerprint or about.fingerprint,
            machine=machine or describe().id,
        )

    @classmethod
    def failure(
        cls,
        about: System,
        quantity: str,
        reason: str,
        unit: str = "",
        *,
        stage: str | None = None,
        fingerprint: str | None = None,
    ) -> Self:
        """Return the row of a quantity that could not be measured, with the reason."""
        return cls(
            dataset=about.dataset,
            system=about.system,
            stage=stage,
            quantity=quantity,
            value=None,
            unit=unit,
            status="failed",
            reason=reason,
            fingerprint=fingerprint or about.fingerprint,
            machine=describe().id,
        )

    @property
    def failed(self) -> bool:
        """Whether this row records a failure."""
        return self.status == "failed"
