"""The dry run of a plan: which nodes would be reused or made, why, and how long that may take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from harness.fingerprint import Fingerprint
from harness.machine import describe
from harness.plan.leaves import UNKNOWN
from harness.plan.plan import Plan
from harness.stage import ModelSource, Node, Source
from harness.store import Entry, Store

State = Literal["reused", "made", "not needed"]
UNRELATED = 10
"""The weight of a difference in the data or in the stage; nodes whose differences weigh this much are not similar."""
CANDIDATES = 200
"""The number of latest entries of a stage that a node is compared with."""


@dataclass(frozen=True)
class Prospect:
    """A node of a plan and what would happen to it. `seconds` is None if no record of this machine allows a guess."""

    node: Node
    state: State
    why: str
    rows: int | None
    seconds: float | None
    systems: tuple[str, ...]


class Difference(NamedTuple):
    """A reason why two nodes are not the same, and its weight."""

    reason: str
    weight: int = 1


def forecast(plan: Plan, store: Store) -> list[Prospect]:
    """Return for every node whether it would be reused or made, and why. Reads names and records only."""
    made = _to_make(plan, store)
    users = plan.users()
    history = History(store.ledger(), plan)
    count_rows = _Rows(plan)
    prospects = []
    for node in plan.nodes:
        if isinstance(node.stage, ModelSource):
            continue
        name, rows = node.fingerprint, count_rows(node)
        state: State = "made" if name in made else "reused" if name in store else "not needed"
        why = history.why(node) if state == "made" else ""
        seconds = history.estimate(node, rows) if state == "made" else 0.0
        prospects.append(Prospect(node, state, why, rows, seconds, tuple(users[name])))
    return prospects


def _to_make(plan: Plan, store: Store) -> set[Fingerprint]:
    """Return the nodes that are missing and needed; a node that only present nodes read is not needed."""
    made: set[Fingerprint] = set()
    needed = [node for target in plan.targets for node in target.outputs]
    while needed:
        node = needed.pop()
        if node.fingerprint in made or node.fingerprint in store or isinstance(node.stage, ModelSource):
            continue
        made.add(node.fingerprint)
        needed.extend(node.inputs)
    return made


class _Rows:
    """Counts the rows of a node: those of the part of a data set that flows into it."""

    def __init__(self, plan: Plan) -> None:
        self.known: dict[Fingerprint, int] = {}
        for collection in plan.leaves.collections.values():
            for part, count in collection.facts.get("counts", {}).items():
                self.known[collection.nodes[part].fingerprint] = count

    def __call__(self, node: Node) -> int | None:
        """Return the number of rows; None if the data set was not read yet, or for passages before they are made."""
        while node.stream:
            node = node.stream[0]
            if node.stage.role == "chunk":
                return None
        return self.known.get(node.fingerprint)


class History:
    """The ledger of a store: finds the most similar node that was ever made, and what it cost."""

    def __init__(self, entries: list[Entry], plan: Plan) -> None:
        self.entries = {entry.fingerprint: entry for entry in entries}
        self.plan = plan
        self.machine = describe().id

    @cached_property
    def of_stage(self) -> Mapping[str, list[Entry]]:
        """All entries by stage, the latest first."""
        by_stage: dict[str, list[Entry]] = {}
        for entry in reversed(self.entries.values()):
            by_stage.setdefault(entry.recipe["stage"], []).append(entry)
        return by_stage

    def why(self, node: Node) -> str:
        """Return why a node is not in the store: its differences from the most similar one that was ever made."""
        if isinstance(node.stage, Source):
            unknown = node.stage.content.startswith(UNKNOWN)
            return "not read yet" if unknown else "read again"
        if node.fingerprint in self.entries:
            return "made before, no longer in the store"
        best: list[Difference] | None = None
        for entry in self.of_stage.get(node.name, [])[:CANDIDATES]:
            differences = list(dict.fromkeys(self._differ(node, entry)))
            if best is None or sum(d.weight for d in differences) < sum(d.weight for d in best):
                best = differences
        if best is None or sum(d.weight for d in best) >= UNRELATED:
            return "never made"
        return "; ".join(d.reason for d in best)

    def _differ(self, node: Node, entry: Entry) -> Iterator[Difference]:
        """Yield the causes of a difference, not its consequences further down."""
        if node.fingerprint == entry.fingerprint:
            return
        recipe = entry.recipe
        if node.recipe["stage"] != recipe["stage"]:
            yield Difference(f"{node.recipe['stage']}, not {recipe['stage']}", UNRELATED)
        elif isinstance(node.stage, Source):
            yield self._differ_source(node, entry)
        else:
            yield from _differ_settings(node.recipe, recipe)
            yield from self._differ_inputs(node, recipe)

    def _differ_source(self, node: Node, entry: Entry) -> Difference:
        now, then = self.plan.leaves.about(node.fingerprint), entry.about
        if isinstance(node.stage, ModelSource):
            path, before = (about and about.get("path") for about in (now, then))
            same = path == before
            return Difference("model weights changed" if same else f"model {path}, not {before}", 1 if same else 3)
        part = node.stage.name
        return Difference(f"{part} changed") if now == then else Difference(f"{part} of another data set", UNRELATED)

    def _differ_inputs(self, node: Node, recipe: Mapping[str, Any]) -> Iterator[Difference]:
        for kind, inputs in (("stream", node.stream), ("static", node.static)):
            before = recipe[kind]
            if len(before) != len(inputs):
                yield Difference(f"{len(inputs)} inputs, not {len(before)}", 5)
            for above, name in zip(inputs, before, strict=False):
                if above is None or name is None:
                    if (above is None) != (name is None):
                        yield Difference("model", 3)
                elif name in self.entries:
                    yield from self._differ(above, self.entries[name])
                elif name != above.fingerprint:
                    yield Difference(f"{above.stage.role} changed", 2)

    def estimate(self, node: Node, rows: int | None) -> float | None:
        """Estimate the seconds to make a node on this machine from the most similar record; None if there is none."""
        if isinstance(node.stage, Source) or rows is None:
            return None
        entries = [(entry, entry.cost) for entry in self.of_stage.get(node.name, []) if entry.cost]
        usable = [(entry, cost) for entry, cost in entries if cost.machine == self.machine and cost.items]
        if not usable:
            return None
        _, cost = min(usable, key=lambda pair: self._distance(node, pair[0]))
        return cost.open_seconds + cost.call_seconds * rows / cost.items

    def _distance(self, node: Node, entry: Entry) -> int:
        """Return how different two nodes of a stage are in their settings and in what flows in."""
        settings = len(list(_differ_settings(node.recipe, entry.recipe)))
        above = self.entries.get(entry.recipe["stream"][0]) if entry.recipe.get("stream") else None
        same_input = above is not None and node.stream and above.recipe["stage"] == node.stream[0].recipe["stage"]
        return settings + (0 if same_input else 3)


def _differ_settings(now: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[Difference]:
    if now.get("version") != then.get("version"):
        yield Difference(f"version {now.get('version')}, not {then.get('version')}")
    settings, before = now.get("settings", {}), then.get("settings", {})
    for key in sorted({*settings, *before}):
        if settings.get(key) != before.get(key):
            yield Difference(f"{key} {_short(settings.get(key))}, not {_short(before.get(key))}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"


def total(prospects: list[Prospect]) -> tuple[float, int]:
    """Return the sum of the known seconds, and the number of nodes to make whose time is unknown."""
    made = [prospect for prospect in prospects if prospect.state == "made"]
    return sum(prospect.seconds or 0.0 for prospect in made), sum(prospect.seconds is None for prospect in made)
