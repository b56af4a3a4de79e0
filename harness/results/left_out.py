"""What could not be timed, and why: `left_out` under `latency` in run.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Unmeasured(NamedTuple):
    """A quantity of a system, or of one of its stages, that has no number."""

    system: str
    stage: str | None
    """The stage, or None for the whole system."""
    quantity: str | None
    """The quantity, or None for everything that the mode measures of the stage."""
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """Systems and modes without any number, each with its reason, and single quantities without one."""

    systems: dict[str, str] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    quantities: list[Unmeasured] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything was left out."""
        return bool(self.systems or self.modes or self.quantities)

    def words(self) -> dict[str, Any]:
        """Return the object of run.json."""
        quantities = [entry._asdict() for entry in self.quantities]
        return {"systems": dict(self.systems), "modes": dict(self.modes), "quantities": quantities}


def read_left_out(document: Any) -> LeftOut:
    """Read the object of run.json; parts of another shape count as empty.

    Older results have a single mapping from names to reasons; its names are taken as they are.
    """
    if not isinstance(document, dict):
        return LeftOut()
    if not any(isinstance(document.get(part), dict | list) for part in ("systems", "modes", "quantities")):
        return LeftOut(systems=_reasons(document))
    entries = document.get("quantities")
    objects = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    unmeasured = [_unmeasured(entry) for entry in objects]
    return LeftOut(_reasons(document.get("systems")), _reasons(document.get("modes")), unmeasured)


def _reasons(document: Any) -> dict[str, str]:
    return {str(name): str(reason) for name, reason in document.items()} if isinstance(document, dict) else {}


def _unmeasured(entry: dict[str, Any]) -> Unmeasured:
    stage, quantity = (None if entry.get(key) is None else str(entry[key]) for key in ("stage", "quantity"))
    return Unmeasured(str(entry.get("system")), stage, quantity, str(entry.get("reason")))
