"""What became of the nodes of a plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from harness.errors import HarnessError
from harness.fingerprint import Fingerprint
from harness.stage import Node

How = Literal["made", "reused", "failed"]


class NodeOutcome(NamedTuple):
    """What became of one node. It can be pickled, so a maker in another process can return it."""

    how: How
    seconds: float = 0.0
    """The wall-clock time that it took."""
    reason: str = ""
    """Why the node failed, in one line; empty if it did not."""
    traceback: str = ""
    """The traceback of the failure; empty without one."""


@dataclass
class Outcome:
    """What became of all nodes of an execution."""

    made: list[Fingerprint] = field(default_factory=list)
    reused: list[Fingerprint] = field(default_factory=list)
    failed: dict[Fingerprint, str] = field(default_factory=dict)
    """The reason for each node that could not be made, whether its own stage failed or one that it depends on."""
    tracebacks: list[str] = field(default_factory=list)
    """The tracebacks of the stages that failed, for their authors."""


def reason_of(node: Node, error: Exception) -> str:
    """Say in one line which stage failed and why."""
    reason = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
    message = " ".join(reason.split())
    return message if message.startswith(node.stage.word()) else f"{node.stage.word()}: {message}"
