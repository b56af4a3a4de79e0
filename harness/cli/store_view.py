"""Looking after the store: what is in it, what no suite reaches any more, and removing that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from harness.fingerprint import Fingerprint
from harness.plan import Plan
from harness.store import RECIPE, Store


class Item(NamedTuple):
    """An artifact of the store."""

    fingerprint: Fingerprint
    bytes: int
    title: str


def describe_all(store: Store, names: Iterable[Fingerprint] | None = None) -> list[Item]:
    """Say of each artifact (all by default) how large it is and what made it."""
    return [_describe(store, name) for name in (store if names is None else names)]


def _describe(store: Store, name: Fingerprint) -> Item:
    try:
        recipe = json.loads((store.folder(name) / RECIPE).read_text("utf-8"))
        settings = recipe.get("settings") or {}
        said = " ".join(f"{key}={value}" for key, value in settings.items() if value is not None)
        return Item(name, store.bytes(name), f"{recipe['stage'].replace('/', ' ')} {said}".rstrip())
    except (OSError, ValueError, KeyError) as error:
        return Item(name, 0, f"damaged: {error}")


def unreachable(store: Store, plans: Iterable[Plan]) -> list[Fingerprint]:
    """Return what no plan reaches; references and spans of the data sets are kept with them."""
    kept: set[str] = set()
    for plan in plans:
        kept.update(node.fingerprint for node in plan.nodes)
        extras = (node for c in plan.leaves.collections.values() for node in (c.references, c.spans))
        kept.update(node.fingerprint for node in extras if node is not None)
    return [name for name in store if name not in kept]


def remove(store: Store, names: Iterable[Fingerprint]) -> int:
    """Remove artifacts, unfinished chunks, and what was set aside; return the bytes that were freed."""
    freed = 0
    for name in names:
        with suppress(OSError, ValueError):
            freed += store.bytes(name)
        store.remove(name)
    for rest in ("aside", "chunks"):
        shutil.rmtree(store.root / rest, ignore_errors=True)
    store.sweep()
    return freed
