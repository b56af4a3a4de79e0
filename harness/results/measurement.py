"""One row of measurements.jsonl."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """One number about a system on a data set; `stage` is None where it is about the whole system.

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
            raise ValueError("data set, system and quantity are texts")
        if self.status not in ("ok", "failed"):
            raise ValueError(f"a status is 'ok' or 'failed', found {self.status!r}")
        if self.failed and (self.value is not None or not self.reason):
            raise ValueError("a failure has a reason and no value")
        if not self.failed and self.value is None:
            raise ValueError("a row without a value must say that it failed, and why")
        if any(number is not None and not math.isfinite(number) for number in (self.value, self.low, self.high)):
            raise ValueError("a number is not finite")

    @property
    def failed(self) -> bool:
        """Whether it stands for a failure."""
        return self.status == "failed"
