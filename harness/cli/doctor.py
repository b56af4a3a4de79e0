"""Checks whether this installation can run a suite: machine, libraries, the bundled model and the store."""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple

from harness import __version__, machine
from harness.errors import UserError
from harness.meter import size
from harness.models.weights import BUNDLED, bundled_folder, content_of
from harness.store import Store

OPTIONAL = {"faiss-cpu": "cpu", "ir-datasets": "ir", "ir-measures": "ir", "mteb": "mteb", "ranx": "ranx"}


class Finding(NamedTuple):
    """The result of one check; `verdict` is `good`, `note` or `bad`."""

    subject: str
    verdict: str
    text: str


def examine(store: Store) -> list[Finding]:
    """Check everything that a run needs, without importing it."""
    return [Finding("harness", "good", __version__), *_machine(), *_libraries(), *_models(), *_store(store)]


def _machine() -> list[Finding]:
    facts = machine.describe()
    device = machine.default_device("auto")
    choice = machine.default_precision(device)
    memory = size(facts.memory_bytes) if facts.memory_bytes else "memory unknown"
    gpu = ", ".join(facts.gpus) if facts.gpus else "none found"
    return [
        Finding("machine", "good", f"{facts.id}: {facts.cpu}, {facts.physical_cores} cores, {memory}"),
        Finding("gpu", "good" if facts.gpus else "note", gpu),
        Finding("default precision", "good", f"{choice.name}: {choice.why}"),
    ]


def _libraries() -> list[Finding]:
    installed = {name.replace("_", "-"): version for name, version in machine.library_versions().items()}
    needed = [Finding(name, "good", version) for name, version in installed.items() if name not in OPTIONAL]
    optional = [
        Finding(name, "good", installed[name])
        if name in installed
        else Finding(name, "note", f"not installed: pip install 'retrieval-harness[{extra}]'")
        for name, extra in OPTIONAL.items()
    ]
    return needed + optional


def _models() -> list[Finding]:
    findings = []
    for name in BUNDLED:
        try:
            content_of(bundled_folder(name))
            findings.append(Finding(f"bundled:{name}", "good", "the weights match the published ones"))
        except UserError as error:
            findings.append(Finding(f"bundled:{name}", "note", str(error)))
    return findings


def _store(store: Store) -> list[Finding]:
    count = sum(1 for _ in store)
    root = store.root.absolute()
    parent = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(parent).free
    verdict = "good" if os.access(parent, os.W_OK) and free > 1e9 else "bad"
    return [Finding("store", verdict, f"{root}: {count} artifacts, {size(free)} free")]
