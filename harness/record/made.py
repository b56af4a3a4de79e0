"""What was made of a plan: the one place through which a record reads artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.artifacts.base import Artifact
from harness.fingerprint import Fingerprint
from harness.plan import Plan, Target
from harness.plan.leaves import DatasetLeaf
from harness.stage import Node, Source
from harness.store import Store


@dataclass(frozen=True)
class Made:
    """A plan that was carried out, and the store that holds what it made."""

    plan: Plan
    failed: Mapping[Fingerprint, str]
    """The reason for each node that could not be made."""
    store: Store
    _sources: dict[Fingerprint, Artifact] = field(default_factory=dict, init=False, repr=False)

    def __contains__(self, node: Node) -> bool:
        """Return whether the output of a node is in the store."""
        return node.fingerprint in self.store

    def load(self, node: Node) -> Any:
        """Load the output of a node; parts of data sets, which systems share, are loaded once.

        Raises StoreError if it is missing or damaged.
        """
        if not isinstance(node.stage, Source):
            return self.store.load(node.fingerprint, node.gives)
        if node.fingerprint not in self._sources:
            self._sources[node.fingerprint] = self.store.load(node.fingerprint, node.gives)
        return self._sources[node.fingerprint]

    @cached_property
    def finished(self) -> list[Target]:
        """The targets whose run was made."""
        return [target for target in self.plan.targets if target.run.fingerprint not in self.failed]

    @cached_property
    def datasets(self) -> list[DatasetLeaf]:
        """The data sets of the plan's targets, in the order of the suite."""
        names = {target.dataset for target in self.plan.targets}
        return [dataset for name, dataset in self.plan.leaves.collections.items() if name in names]
