"""What an execution reports while it runs."""

from __future__ import annotations

from typing import Protocol

from harness.stage import Node


class Progress(Protocol):
    """Receives reports about the nodes of a plan."""

    def started(self, node: Node, rows: int | None) -> None:
        """The work on a node starts; `rows` is None if the node is made as a whole."""

    def advanced(self, node: Node, rows: int) -> None:
        """So many more rows of a node are finished."""

    def waiting(self, node: Node) -> None:
        """Another process is making the node."""

    def ended(self, node: Node, how: str, seconds: float) -> None:
        """A node is `made`, `reused` or `failed`."""

    def noted(self, text: str) -> None:
        """Other work, such as timing, has something to say."""


class Silent:
    """Reports nothing, for programs and tests."""

    def started(self, node: Node, rows: int | None) -> None:
        """Report nothing."""

    def advanced(self, node: Node, rows: int) -> None:
        """Report nothing."""

    def waiting(self, node: Node) -> None:
        """Report nothing."""

    def ended(self, node: Node, how: str, seconds: float) -> None:
        """Report nothing."""

    def noted(self, text: str) -> None:
        """Report nothing."""
