"""Shows progress to a person on standard error: a live tree on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import IO

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from harness.meter import duration
from harness.stage import Node, Source
from harness.stage.describe import describe_node, describe_side

QUIET_SECONDS = 0.5
"""A stage that takes less time than this is counted, but gets a line of its own only if it fails."""
PLAIN_INTERVAL_SECONDS = 5
"""The least time between two lines about unfinished stages where there is no terminal."""


@dataclass
class _Work:
    """A stage that is being made; `rows` is None where it is made as a whole."""

    node: Node
    rows: int | None
    started: float
    done: int = 0
    done_before: int = 0
    """The rows that an earlier process finished; they say nothing about the rate of this one."""
    note: str = ""

    def line(self, now: float) -> str:
        """Say how many rows are finished, at what rate, and how long the rest may take."""
        title, elapsed = describe_node(self.node) + describe_side(self.node), now - self.started
        if self.note or not self.rows:
            return f"{title}  {self.note or duration(elapsed)}"
        fresh = self.done - self.done_before
        if not fresh:
            return f"{title}  {self.done}/{self.rows}"
        rate = fresh / max(elapsed, 1e-9)
        left = duration((self.rows - self.done) / rate)
        return f"{title}  {self.done}/{self.rows}  {rate:,.0f}/s  {left} left"


@dataclass
class Reporter:
    """Counts the stages that are made, reused and failed, and shows them while it is open as a context manager."""

    stream: IO[str]
    plain: bool | None = None
    """Whether to print plain lines even on a terminal; None: only where `stream` is no terminal."""
    counts: dict[str, int] = field(default_factory=lambda: {"made": 0, "reused": 0, "failed": 0})

    def __post_init__(self) -> None:
        self.console = Console(file=self.stream, highlight=False)
        self.live: Live | None = None
        self.work: dict[str, _Work] = {}
        self.finished: list[Text] = []
        self.last_line = 0.0

    def __enter__(self) -> Reporter:
        if not (self.console.is_terminal if self.plain is None else not self.plain):
            return self
        self.live = Live(get_renderable=self.tree, console=self.console, refresh_per_second=8, transient=True)
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()
            for line in self.finished:
                self._print(line)
        self.console.print(Text(self.summary()))

    def summary(self) -> str:
        """Say in one line how many stages were made, reused and failed."""
        return "stages: " + ", ".join(
            f"{count} {how}" for how, count in self.counts.items() if count or how != "failed"
        )

    def tree(self) -> Tree:
        """Draw the counts, the last finished stages and the stages that are being made."""
        tree = Tree(Text(self.summary()))
        for line in self.finished[-8:]:
            tree.add(line)
        now = time.perf_counter()
        for work in self.work.values():
            branch = tree.add(Text(work.line(now), style="bold"))
            for above in work.node.stream:
                branch.add(Text(f"reads {describe_node(above)}", style="dim"))
        return tree

    def started(self, node: Node, rows: int | None) -> None:
        """Remember when the work on a node started."""
        self.work[node.fingerprint] = _Work(node, rows, time.perf_counter())

    def advanced(self, node: Node, rows: int) -> None:
        """Count finished rows; without a terminal, print a line every few seconds."""
        work, now = self.work[node.fingerprint], time.perf_counter()
        if not work.done and now - work.started < 1e-2:
            work.done_before = rows
        work.done += rows
        if not self.live and now - self.last_line > PLAIN_INTERVAL_SECONDS and now - work.started > 1:
            self.last_line = now
            self._print(Text(f"  …       {work.line(now)}"))

    def waiting(self, node: Node) -> None:
        """Say that another process is making the node."""
        self.started(node, None)
        self.work[node.fingerprint].note = "another process is making it"
        if not self.live:
            self._print(Text(f"  waiting {describe_node(node)}: another process is making it"))

    def noted(self, text: str) -> None:
        """Show a line about other work."""
        self._finish(Text(f"  {text}"))

    def ended(self, node: Node, how: str, seconds: float) -> None:
        """Count a node, and show a line for it if it failed or took long."""
        self.work.pop(node.fingerprint, None)
        self.counts[how] += 1
        if how == "failed" or (how == "made" and seconds >= QUIET_SECONDS and not isinstance(node.stage, Source)):
            style = "red" if how == "failed" else ""
            text = f"  {how:<7} {describe_node(node)}{describe_side(node)}  {duration(seconds)}"
            self._finish(Text(text, style=style))

    def _finish(self, line: Text) -> None:
        self.finished.append(line)
        if not self.live:
            self._print(line)

    def _print(self, line: Text) -> None:
        self.console.print(line, soft_wrap=True)
