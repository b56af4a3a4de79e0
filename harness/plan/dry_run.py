"""What executing a plan would do: which nodes are there, which would be made and why, and how long that may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
FAR = 10
"""How much it weighs that a made node is of other data or another stage: nothing that is this far is a neighbour."""


@dataclass(frozen=True)
class Prospect:
    """One node of a plan and what would become of it. `seconds` is None where no record of this machine tells."""

    node: Node
    state: State
    why: str
    rows: int | None
    seconds: float | None
    systems: tuple[str, ...]


class Difference(NamedTuple):
    """One cause why two nodes are not the same, and how far apart it sets them."""

    reason: str
    weight: int = 1


def forecast(plan: Plan, store: Store) -> list[Prospect]:
    """Say of every node whether it would be reused or made, and why. Nothing is read but names and records."""
    made = _to_make(plan, store)
    users = plan.users()
    history = History(store.ledger(), plan)
    rows = _Rows(plan)
    prospects = []
    for node in plan.nodes:
        if isinstance(node.stage, ModelSource):
            continue
        name = node.fingerprint
        state: State = "made" if name in made else "reused" if name in store else "not needed"
        why = history.why(node) if state == "made" else ""
        seconds = history.estimate(node, rows(node)) if state == "made" else 0.0
        prospects.append(Prospect(node, state, why, rows(node), seconds, tuple(users[name])))
    return prospects


def _to_make(plan: Plan, store: Store) -> set[Fingerprint]:
    """Return what is missing and wanted: a node that only present ones need is not."""
    made: set[Fingerprint] = set()

    def want(node: Node) -> None:
        if node.fingerprint in made or node.fingerprint in store or isinstance(node.stage, ModelSource):
            return
        made.add(node.fingerprint)
        for above in node.inputs:
            want(above)

    for target in plan.targets:
        for node in target.outputs:
            want(node)
    return made


class _Rows:
    """How many rows a node has: those of the part of a data set that flows into it."""

    def __init__(self, plan: Plan) -> None:
        self.known: dict[Fingerprint, int] = {}
        for collection in plan.leaves.collections.values():
            for part, count in collection.facts.get("counts", {}).items():
                leaf = getattr(collection, part)
                self.known[leaf.fingerprint] = count

    def __call__(self, node: Node) -> int | None:
        """Follow the stream up to its source; behind a chunker nobody knows before it ran."""
        while node.stream:
            node = node.stream[0]
            if node.stage.role == "chunk":
                return None
        return self.known.get(node.fingerprint)


class History:
    """The ledger of a store, asked for the nearest thing ever made and for what it cost."""

    def __init__(self, entries: list[Entry], plan: Plan) -> None:
        self.entries = {entry.fingerprint: entry for entry in entries}
        self.plan = plan
        self.machine = describe().id

    @cached_property
    def of_stage(self) -> Mapping[str, list[Entry]]:
        """Everything made, by stage, the latest first."""
        found: dict[str, list[Entry]] = {}
        for entry in reversed(self.entries.values()):
            found.setdefault(entry.recipe["stage"], []).append(entry)
        return found

    def why(self, node: Node) -> str:
        """Say what sets a node apart from the nearest one that was ever made."""
        if isinstance(node.stage, Source):
            unknown = node.stage.content.startswith(UNKNOWN)
            return "not read yet" if unknown else "read again"
        if node.fingerprint in self.entries:
            return "made before, no longer in the store"
        best: list[Difference] | None = None
        for entry in self.of_stage.get(node.name, [])[:200]:
            found = list(dict.fromkeys(self._differ(node, entry)))
            if best is None or sum(d.weight for d in found) < sum(d.weight for d in best):
                best = found
        if best is None or sum(d.weight for d in best) >= FAR:
            return "never made"
        return "; ".join(d.reason for d in best)

    def _differ(self, node: Node, entry: Entry) -> Iterator[Difference]:
        """Give the causes of a difference: those at the bottom, not what follows from them."""
        if node.fingerprint == entry.fingerprint:
            return
        recipe = entry.recipe
        if node.recipe["stage"] != recipe["stage"]:
            yield Difference(f"{node.recipe['stage']}, not {recipe['stage']}", FAR)
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
        return Difference(f"{part} changed", 1) if now == then else Difference(f"{part} of another data set", FAR)

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
        """Guess the seconds that making a node takes here, from the most similar piece of work on record."""
        if isinstance(node.stage, Source):
            return None
        costs = [(entry, entry.cost) for entry in self.of_stage.get(node.name, []) if entry.cost]
        near = [pair for pair in costs if pair[1].machine == self.machine and pair[1].items]
        if not near or rows is None:
            return None
        _, cost = min(near, key=lambda pair: self._unlike(node, pair[0]))
        return cost.open_seconds + cost.call_seconds * rows / cost.items

    def _unlike(self, node: Node, entry: Entry) -> int:
        """Weigh how unlike two pieces of work of one stage are: settings, and what flows in."""
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


def total(prospects: list[Prospect], select: Callable[[Prospect], bool] = lambda _: True) -> tuple[float, int]:
    """Add up the known seconds, and count the nodes to make whose time nobody knows."""
    chosen = [p for p in prospects if p.state == "made" and select(p)]
    return sum(p.seconds or 0.0 for p in chosen), sum(p.seconds is None for p in chosen)
