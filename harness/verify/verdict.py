"""What a check of a result folder found, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.results.manifest import Finding

SHOWN = 20
"""How many differences are printed before they are only counted."""


@dataclass
class Verdict:
    """What a check of one result folder found."""

    folder: str
    checked: list[str] = field(default_factory=list)
    differs: list[Finding] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    """What could not be checked, and why."""

    def text(self) -> str:
        """Write it for a person, the differences first."""
        lines = [f"differs: {finding}" for finding in self.differs[:SHOWN]]
        if len(self.differs) > SHOWN:
            lines.append(f"differs: {len(self.differs) - SHOWN} more")
        lines += [f"not checked: {text}" for text in self.unchecked] + [f"checked: {text}" for text in self.checked]
        count = len(self.differs)
        verdict = f"{count} {'difference' if count == 1 else 'differences'}" if count else "nothing differs"
        return "\n".join([f"{self.folder}: {verdict}", *(f"  {line}" for line in lines)])

    def as_document(self) -> dict[str, Any]:
        """Give it for a program."""
        differs = [{**finding.place._asdict(), "message": finding.message} for finding in self.differs]
        return {"folder": self.folder, "differs": differs, "unchecked": self.unchecked, "checked": self.checked}
