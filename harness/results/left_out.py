"""What could not be timed, and why: `left_out` under `latency` in run.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Unmeasured(NamedTuple):
    """A quantity of a system, or of one stage of it, that has no number."""

    system: str
    stage: str | None
    """None: the whole system."""
    quantity: str | None
    """None: all that the mode measures of the stage."""
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """Systems and modes without any number, with the reason by their names, and single quantities without one."""

    systems: dict[str, str] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    quantities: list[Unmeasured] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything was left out."""
        return bool(self.systems or self.modes or self.quantities)

    def words(self) -> dict[str, Any]:
        """Return it as run.json has it."""
        quantities = [one._asdict() for one in self.quantities]
        return {"systems": dict(self.systems), "modes": dict(self.modes), "quantities": quantities}


def read_left_out(words: Any) -> LeftOut:
    """Read it from run.json; what is not of its shape counts as nothing.

    Older results have one mapping from names to reasons, whose names are taken as they are.
    """
    if not isinstance(words, dict):
        return LeftOut()
    if not any(isinstance(words.get(part), dict | list) for part in ("systems", "modes", "quantities")):
        return LeftOut(systems=_reasons(words))
    entries = words.get("quantities")
    quantities = [_unmeasured(one) for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    return LeftOut(_reasons(words.get("systems")), _reasons(words.get("modes")), quantities)


def _reasons(words: Any) -> dict[str, str]:
    return {str(name): str(reason) for name, reason in words.items()} if isinstance(words, dict) else {}


def _unmeasured(entry: dict[str, Any]) -> Unmeasured:
    stage, quantity = (None if entry.get(key) is None else str(entry[key]) for key in ("stage", "quantity"))
    return Unmeasured(str(entry.get("system")), stage, quantity, str(entry.get("reason")))
