"""Opens systems for timing: what was made from the documents is loaded and opened once, and shared between systems."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.execute.outcome import reason_of
from harness.fingerprint import Fingerprint, fingerprint
from harness.latency.opened_system import Call, OpenedStage, OpenedSystem, Untimed
from harness.latency.target_stages import query_nodes
from harness.plan import Plan, Target
from harness.stage import Node, Runtime
from harness.stage.node import stage_names
from harness.statistics.cross_validation import choose
from harness.store import Store


def open_systems(
    plan: Plan, targets: Iterable[Target], store: Store, runtime: Runtime, *, services: bool = False
) -> tuple[list[OpenedSystem], dict[tuple[str, str], str]]:
    """Open systems for timing; return them, and for each (data set, system) that cannot be timed the reason.

    A run file has no latency. A system that calls a service is opened only with `services`, because calls may cost
    money.
    """
    opener = Opener(plan, store, runtime)
    systems, left_out = [], {}
    for target in targets:
        try:
            systems.append(opener.open_system(target, services=services))
        except HarnessError as error:
            left_out[target.dataset, target.system] = str(error)
    return systems, left_out


class Opener:
    """Loads and opens everything once: equal stages that hold the same inputs share one opened call."""

    def __init__(self, plan: Plan, store: Store, runtime: Runtime) -> None:
        self.plan, self.store, self.runtime = plan, store, runtime
        self.wait = _synchronize() if runtime.device.startswith("cuda") else None
        self.loaded: dict[Fingerprint, Any] = {}
        self.opened: dict[Fingerprint, Call] = {}

    def open_system(self, target: Target, *, services: bool = False) -> OpenedSystem:
        """Open a system. Raises Untimed if it has no latency or one of its stages cannot be opened."""
        nodes = self.query_nodes(target)
        for node in nodes:
            if node.stage.role == "runfile":
                raise Untimed("a run file has no latency")
            refuse_service(node, services=services)
        places = {target.chain.queries.fingerprint: 0}
        stages: list[OpenedStage] = []
        names = stage_names(nodes)
        for node in nodes:
            inputs = tuple(places[self.selected(above).fingerprint] for above in node.stream)
            releases_gil = node.stage.releases_gil or node.stage.service
            stages.append(OpenedStage(names[node.fingerprint], self.open_stage(node), inputs, releases_gil))
            places[node.fingerprint] = len(stages)
        queries = self.load(target.chain.queries)
        return OpenedSystem(target.dataset, target.system, target.run.fingerprint, queries, tuple(stages), self.wait)

    def query_nodes(self, target: Target) -> list[Node]:
        """Return the nodes of a system that run for every query, inputs before their users."""
        return query_nodes(target.answer, self.selected)

    def open_stage(self, node: Node) -> Call:
        """Open the stage of a node. Raises Untimed with the reason if that fails."""
        static = [above and above.fingerprint for above in node.static]
        key = fingerprint({"stage": node.stage.recipe, "static": static})
        if key not in self.opened:
            try:
                inputs = [above and self.load(above) for above in node.static]
                self.opened[key] = node.stage.open(self.runtime, *inputs)  # type: ignore[attr-defined]
            except Exception as error:  # whatever a stage raises leaves out this system, and no other
                raise Untimed(reason_of(node, error)) from error
        return self.opened[key]

    def load(self, node: Node) -> Any:
        """Return the output of a node, which is loaded once."""
        if node.fingerprint not in self.loaded:
            self.loaded[node.fingerprint] = self.plan.leaves.load_output(node, self.store)
        return self.loaded[node.fingerprint]

    def selected(self, node: Node) -> Node:
        """Return the node, or for a tuned fusion the candidate that scores best over all queries it is chosen on."""
        if node.stage.role != "tune":
            return node
        scores = np.stack([self.load(above).values for above in node.static if above], axis=1)
        return node.stream[int(choose(scores).chosen[0])]


def refuse_service(node: Node, *, services: bool) -> None:
    """Raise Untimed if a stage calls a service and the suite does not allow that."""
    if node.stage.service and not services:
        raise Untimed(f"'{node.stage.word()}' calls a service; to measure it, set latency: {{services: true}}")


def _synchronize() -> Callable[[], object]:
    import torch

    synchronize: Callable[[], object] = torch.cuda.synchronize
    return synchronize
