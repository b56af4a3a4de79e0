"""Loads what a stage reads."""

from __future__ import annotations

from harness.artifacts.base import Artifact
from harness.plan.leaves import Leaves
from harness.stage import ModelSource, Node
from harness.store import Store


def load_input(node: Node, leaves: Leaves, store: Store) -> Artifact:
    """Load the artifact of a node: a model from its folder or hub, anything else from the store.

    Raises UserError for a model that cannot be found, StoreError for an artifact that is missing or damaged.
    """
    if isinstance(node.stage, ModelSource):
        return leaves.loader(node.fingerprint)()
    return store.load(node.fingerprint, node.gives)
