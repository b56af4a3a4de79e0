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
        """Return whether anything was left out."""
        return bool(self.systems or self.modes or self.quantities)

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of run.json."""
        quantities = [quantity._asdict() for quantity in self.quantities]
        return {"systems": dict(self.systems), "modes": dict(self.modes), "quantities": quantities}


def read_left_out(entry: Any) -> LeftOut:
    """Read an entry of run.json; whatever does not have its form is ignored.

    Older results have a single mapping from names to reasons; all its names are read as systems.
    """
    if not isinstance(entry, dict):
        return LeftOut()
    if not any(isinstance(entry.get(part), dict | list) for part in ("systems", "modes", "quantities")):
        return LeftOut(systems=_reasons(entry))
    listed = entry.get("quantities")
    quantities = [_unmeasured(each) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return LeftOut(_reasons(entry.get("systems")), _reasons(entry.get("modes")), quantities)


def _reasons(entry: Any) -> dict[str, str]:
    return {str(name): str(reason) for name, reason in entry.items()} if isinstance(entry, dict) else {}


def _unmeasured(entry: dict[str, Any]) -> Unmeasured:
    stage, quantity = (None if entry.get(key) is None else str(entry[key]) for key in ("stage", "quantity"))
    return Unmeasured(str(entry.get("system")), stage, quantity, str(entry.get("reason")))
