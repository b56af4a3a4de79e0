"""The outcome of checking a result folder, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.results.manifest import Finding

SHOWN = 20
"""The largest number of differences that are printed; the others are only counted."""


@dataclass
class Verdict:
    """The outcome of checking one result folder."""

    folder: str
    checked: list[str] = field(default_factory=list)
    differs: list[Finding] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    """The checks that were not possible, and why."""

    def text(self) -> str:
        """Return the outcome as text, the differences first."""
        lines = [f"differs: {finding}" for finding in self.differs[:SHOWN]]
        if len(self.differs) > SHOWN:
            lines.append(f"differs: {len(self.differs) - SHOWN} more")
        lines += [f"not checked: {text}" for text in self.unchecked] + [f"checked: {text}" for text in self.checked]
        count = len(self.differs)
        verdict = f"{count} {'difference' if count == 1 else 'differences'}" if count else "nothing differs"
        return "\n".join([f"{self.folder}: {verdict}", *(f"  {line}" for line in lines)])

    def as_document(self) -> dict[str, Any]:
        """Return the outcome for JSON."""
        differs = [{**finding.place._asdict(), "message": finding.message} for finding in self.differs]
        return {"folder": self.folder, "differs": differs, "unchecked": self.unchecked, "checked": self.checked}
