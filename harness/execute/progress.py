"""What a person sees while stages are made: a live tree on a terminal, plain lines elsewhere, all on standard error."""

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
"""A stage that takes less than this is counted, and gets no line of its own unless it fails."""


@dataclass
class _Work:
    node: Node
    rows: int | None
    begun: float
    done: int = 0
    taken_over: int = 0
    note: str = ""

    def line(self, now: float) -> str:
        """Say how far the work is, at what rate, and how long it may still take."""
        title, elapsed = describe_node(self.node) + describe_side(self.node), now - self.begun
        if self.note or not self.rows:
            return f"{title}  {self.note or duration(elapsed)}"
        fresh = self.done - self.taken_over
        if not fresh:
            return f"{title}  {self.done}/{self.rows}"
        rate = fresh / max(elapsed, 1e-9)
        left = duration((self.rows - self.done) / rate)
        return f"{title}  {self.done}/{self.rows}  {rate:,.0f}/s  {left} left"


@dataclass
class Reporter:
    """Keeps count of what is made, reused and failed, and shows it. Use as a context; `stream` is standard error."""

    stream: IO[str]
    plain: bool | None = None
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
                self.console.print(line, soft_wrap=True)
        self.console.print(Text(self.summary()))

    def summary(self) -> str:
        """Say in one line what became of the stages."""
        return "stages: " + ", ".join(
            f"{count} {how}" for how, count in self.counts.items() if count or how != "failed"
        )

    def tree(self) -> Tree:
        """Draw the work in hand under the counts, and the last finished stages above it."""
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
        """Note that work on a node begins."""
        self.work[node.fingerprint] = _Work(node, rows, time.perf_counter())

    def advanced(self, node: Node, rows: int) -> None:
        """Note finished rows; where there is no terminal, say so every few seconds."""
        work, now = self.work[node.fingerprint], time.perf_counter()
        if not work.done and now - work.begun < 1e-2:
            work.taken_over = rows
        work.done += rows
        if not self.live and now - self.last_line > 5 and now - work.begun > 1:
            self.last_line = now
            self.console.print(Text(f"  …       {work.line(now)}"), soft_wrap=True)

    def waiting(self, node: Node) -> None:
        """Note that another process makes the node."""
        self.started(node, None)
        self.work[node.fingerprint].note = "another process is making it"
        if not self.live:
            self.console.print(Text(f"  waiting {describe_node(node)}: another process is making it"), soft_wrap=True)

    def noted(self, text: str) -> None:
        """Show what else goes on."""
        self.finished.append(Text(f"  {text}"))
        if not self.live:
            self.console.print(self.finished[-1], soft_wrap=True)

    def ended(self, node: Node, how: str, seconds: float) -> None:
        """Note what became of a node."""
        self.work.pop(node.fingerprint, None)
        self.counts[how] += 1
        if how == "failed" or (how == "made" and seconds >= QUIET_SECONDS and not isinstance(node.stage, Source)):
            style = "red" if how == "failed" else ""
            line = Text(f"  {how:<7} {describe_node(node)}{describe_side(node)}  {duration(seconds)}", style=style)
            self.finished.append(line)
            if not self.live:
                self.console.print(line, soft_wrap=True)


class Silent:
    """Says nothing, for programs and tests."""

    def started(self, node: Node, rows: int | None) -> None:
        """Say nothing."""

    def advanced(self, node: Node, rows: int) -> None:
        """Say nothing."""

    def waiting(self, node: Node) -> None:
        """Say nothing."""

    def ended(self, node: Node, how: str, seconds: float) -> None:
        """Say nothing."""

    def noted(self, text: str) -> None:
        """Say nothing."""
