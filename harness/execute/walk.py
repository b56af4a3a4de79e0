"""Decides which nodes of a plan have to be made and in which order, and which of them fail because another failed.

It does not know how a node is made: it submits nodes, here or elsewhere, and waits for what became of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait

from harness.execute.outcome import NodeOutcome, Outcome, reason_of
from harness.execute.progress import Progress
from harness.fingerprint import Fingerprint
from harness.stage import ModelSource, Node, walk
from harness.store import Store

Submit = Callable[[Node], "Future[NodeOutcome]"]
"""Starts making a node whose inputs are all in the store. The future may be done already when it is returned."""


def make_missing(outputs: Iterable[Node], store: Store, submit: Submit, progress: Progress) -> Outcome:
    """Make every output that the store lacks, and whatever those outputs depend on.

    A node is submitted as soon as its inputs are made; nodes that are ready at the same time are submitted in the order
    of the outputs. A node that fails takes down the nodes that depend on it and no others; nothing is raised for it.
    """
    state = _Walk(store, submit, progress)
    pending = state.missing(outputs)
    state.unsettled = {node.fingerprint for node in pending}
    while pending or state.running:
        pending = [node for node in pending if not state.start(node)]
        state.wait()
    return state.outcome


class _Walk:
    def __init__(self, store: Store, submit: Submit, progress: Progress) -> None:
        self.store, self.submit, self.progress = store, submit, progress
        self.outcome = Outcome()
        self.unsettled: set[Fingerprint] = set()
        """The missing nodes of which it is not known yet whether they can be made."""
        self.running: dict[Future[NodeOutcome], Node] = {}

    def missing(self, outputs: Iterable[Node]) -> list[Node]:
        """Return each node that the store lacks, inputs before their users. The inputs of a stored node are skipped."""
        stored: dict[Fingerprint, bool] = {}

        def inputs_to_make(node: Node) -> tuple[Node, ...]:
            if isinstance(node.stage, ModelSource):
                return ()
            if node.fingerprint not in stored:
                stored[node.fingerprint] = self.store.usable(node.fingerprint)
                if stored[node.fingerprint]:
                    self.settle(node, NodeOutcome("reused"))
            return () if stored[node.fingerprint] else node.inputs

        return [node for node in walk(*outputs, above=inputs_to_make) if not stored.get(node.fingerprint, True)]

    def start(self, node: Node) -> bool:
        """Submit a node, or let it fail with its input. Return False if it has to wait for an input."""
        inputs = [above.fingerprint for above in node.inputs]
        reason = next((self.outcome.failed[name] for name in inputs if name in self.outcome.failed), None)
        if reason is not None:
            self.outcome.failed[node.fingerprint] = reason
            self.unsettled.remove(node.fingerprint)
            return True
        if not self.unsettled.isdisjoint(inputs):
            return False
        future = self.submit(node)
        self.running[future] = node
        if future.done():
            self.finish(future)
        return True

    def wait(self) -> None:
        """Wait until one of the running nodes is finished, if any is running."""
        for future in wait(self.running, return_when=FIRST_COMPLETED).done:
            self.finish(future)

    def finish(self, future: Future[NodeOutcome]) -> None:
        """Record what became of a node that was submitted; a maker that died counts as a failure of the node."""
        node = self.running.pop(future)
        try:
            result = future.result()
        except Exception as error:  # whatever happened to the maker, only this node is lost
            result = NodeOutcome("failed", reason=reason_of(node, error))
        self.settle(node, result)

    def settle(self, node: Node, result: NodeOutcome) -> None:
        """Record what became of a node and report it."""
        self.unsettled.discard(node.fingerprint)
        if result.how == "made":
            self.outcome.made.append(node.fingerprint)
        elif result.how == "reused":
            self.outcome.reused.append(node.fingerprint)
        else:
            self.outcome.failed[node.fingerprint] = result.reason
            self.outcome.tracebacks.append(result.traceback)
        self.progress.ended(node, result.how, result.seconds)
