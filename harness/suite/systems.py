"""Builds the systems of a suite, and finds the systems that they are built from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import Place, SuiteError, nearest
from harness.stage.settings import HasDepth
from harness.suite.document import Document
from harness.suite.document import Path as At
from harness.suite.matrix import expand
from harness.suite.steps import Defaults, Step, read_step


@dataclass(frozen=True)
class System:
    """A retrieval configuration: its steps, and the entries of the suite that they were read from."""

    name: str
    steps: tuple[Step, ...]
    words: tuple[Mapping[str, Any], ...]
    place: Place

    @property
    def depth(self) -> int | None:
        """The depth of its run, if its own steps determine it; None if another system does."""
        stages = [stage for step in self.steps if step.role != "rerank" for stage in step.stages.values()]
        depths = [stage.depth for stage in stages if isinstance(stage, HasDepth)]
        return depths[-1] if depths else None


def make_systems(entries: Mapping[str, Any], defaults: Defaults, document: Document) -> dict[str, System]:
    """Build all systems. Raises SuiteError for wrong names or settings, and for a system that is built from itself."""
    systems: dict[str, System] = {}
    for key, value in entries.items():
        at: At = ("systems", key)
        for name, words, inside in expand(str(key), value, at, document):
            if name in systems:
                raise SuiteError(f"two systems are named {name!r}", document.place(at))
            steps = tuple(read_step(word, defaults, (*inside, i), document) for i, word in enumerate(words))
            systems[name] = System(name, steps, tuple(words), document.place(at))
    closure(systems, systems)
    return systems


def closure(names: Iterable[str], systems: Mapping[str, System]) -> dict[str, System]:
    """Return these systems and all that they are built from, each once and after those it is built from.

    Every step is visited once. Raises SuiteError where a step names an unknown system, or leads back to its own.
    """
    done: dict[str, System] = {}
    for name in names:
        path = {} if name in done else {name: _builds_on(systems[name])}
        while path:
            current = next(reversed(path))
            for step, source in path[current]:
                if source in path:
                    cycle = " → ".join((*list(path)[list(path).index(source) :], source))
                    raise SuiteError(f"the system {source!r} is built from itself: {cycle}", systems[source].place)
                if source not in systems:
                    raise SuiteError(f"the suite has no system {source!r}; {nearest(source, systems)}", step.place)
                if source not in done:
                    path[source] = _builds_on(systems[source])
                    break
            else:
                done[current] = systems[current]
                del path[current]
    return done


def _builds_on(system: System) -> Iterator[tuple[Step, str]]:
    return ((step, source) for step in system.steps for source in step.builds_on)
