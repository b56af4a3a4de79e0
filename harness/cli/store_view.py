"""Describes and clears the store: its artifacts, and those that no suite needs any more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from harness.fingerprint import Fingerprint
from harness.meter import size
from harness.plan import Plan
from harness.store import RECIPE, Store


class Item(NamedTuple):
    """An artifact of the store: its name, its size, and the stage that made it with its settings."""

    fingerprint: Fingerprint
    bytes: int
    title: str

    def line(self) -> str:
        """Return it as one line of a list."""
        return f"{self.fingerprint[:12]}  {size(self.bytes):>9}  {self.title}"


def describe_all(store: Store, names: Iterable[Fingerprint] | None = None) -> list[Item]:
    """Describe some artifacts, all by default."""
    return [_describe(store, name) for name in (store if names is None else names)]


def _describe(store: Store, name: Fingerprint) -> Item:
    try:
        recipe = json.loads((store.folder(name) / RECIPE).read_text("utf-8"))
        settings = recipe.get("settings") or {}
        shown = " ".join(f"{key}={value}" for key, value in settings.items() if value is not None)
        return Item(name, store.bytes(name), f"{recipe['stage'].replace('/', ' ')} {shown}".rstrip())
    except (OSError, ValueError, KeyError) as error:
        return Item(name, 0, f"damaged: {error}")


def unreachable(store: Store, plans: Iterable[Plan]) -> list[Fingerprint]:
    """Return the artifacts that no plan needs; all parts of the plans' data sets are needed."""
    kept: set[str] = set()
    for plan in plans:
        kept.update(node.fingerprint for node in plan.nodes)
        kept.update(part.node.fingerprint for leaf in plan.leaves.collections.values() for part in leaf.parts)
    return [name for name in store if name not in kept]


def remove(store: Store, names: Iterable[Fingerprint]) -> int:
    """Remove artifacts, unfinished chunks and damaged artifacts that were set aside; return the bytes freed."""
    freed = 0
    for name in names:
        with suppress(OSError, ValueError):
            freed += store.bytes(name)
        store.remove(name)
    for folder in ("aside", "chunks"):
        shutil.rmtree(store.root / folder, ignore_errors=True)
    store.sweep()
    return freed
