"""The store: one folder per artifact, named by its fingerprint; an artifact is there as a whole or not at all.

HARNESS_STORE/
  artifacts/ab/abcdef…/   data files, manifest.json (their checksums), recipe.json, costs.jsonl
  chunks/abcdef…/         finished chunks of an artifact that is still being made
  drafts/                 artifacts that are being written
  aside/                  damaged artifacts, kept for inspection
  receipts/               the content that a data set or model folder had when it was last read
  locks/                  one lock for each artifact that is being made
  ledger.jsonl            one line with recipe and cost for each artifact ever made, for explanations and estimates
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from harness.artifacts.base import Artifact
from harness.errors import StoreError
from harness.fingerprint import Fingerprint, file_checksum, fingerprint
from harness.meter import Cost

A = TypeVar("A", bound=Artifact)

MANIFEST, RECIPE, COSTS = "manifest.json", "recipe.json", "costs.jsonl"
FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """A line of the ledger: an artifact, its recipe and its cost. `about` describes a data set or model for people."""

    fingerprint: str
    recipe: dict[str, Any]
    cost: Cost | None = None
    about: dict[str, Any] | None = None


class Store:
    """Artifacts by fingerprint, in folders. Several processes may share a store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: set[str] = set()

    @classmethod
    def at(cls, root: Path | None = None) -> Store:
        """Open the store at `root`; without it at $HARNESS_STORE, else at .harness/store."""
        return cls(Path(root or os.environ.get("HARNESS_STORE") or ".harness/store"))

    def folder(self, name: str) -> Path:
        """Return the folder of an artifact, whether it exists or not."""
        return self.root / "artifacts" / name[:2] / name

    def __contains__(self, name: str) -> bool:
        """Tell whether an artifact is stored, without checking its content as `load` does."""
        return (self.folder(name) / MANIFEST).is_file()

    def __iter__(self) -> Iterator[Fingerprint]:
        """Yield the names of all artifacts."""
        return (Fingerprint(path.name) for path in sorted(self.root.glob("artifacts/*/*")))

    def load(self, name: str, kind: type[A]) -> A:
        """Load an artifact, mapped into memory where it can be; its checksums are verified once per process.

        Raises StoreError if it is missing or damaged.
        """
        folder = self.folder(name)
        if name not in self._verified:
            verify(folder)
            self._verified.add(name)
        try:
            return kind.load(folder)
        except Exception as error:
            raise StoreError(f"{folder} cannot be read: {error}") from error

    def usable(self, name: str) -> bool:
        """Tell whether an artifact is stored and intact; a damaged one is set aside, so that it will be made again."""
        if name not in self:
            return False
        try:
            if name not in self._verified:
                verify(self.folder(name))
                self._verified.add(name)
        except StoreError:
            self.set_aside(name)
            return False
        return True

    def set_aside(self, name: str) -> None:
        """Move a damaged artifact to the folder `aside`."""
        self._verified.discard(name)
        aside = self.root / "aside"
        aside.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self.folder(name).rename(aside / f"{name}-{uuid.uuid4().hex[:8]}")

    def save(self, artifact: Artifact, entry: Entry) -> None:
        """Write an artifact with its checksums to a temporary folder, rename that, and add a line to the ledger."""
        place = self.folder(entry.fingerprint)
        if place.exists() and entry.fingerprint not in self:
            self.set_aside(entry.fingerprint)
        draft = self.root / "drafts" / uuid.uuid4().hex
        write_whole(draft, place, artifact, entry.recipe)
        if entry.cost:
            self.add_cost(entry.fingerprint, entry.cost)
        self.note(entry)
        self._verified.add(entry.fingerprint)

    def add_cost(self, name: str, cost: Cost) -> None:
        """Append to the costs of an artifact."""
        _append(self.folder(name) / COSTS, asdict(cost))

    def costs(self, name: str) -> list[Cost]:
        """Return what an artifact cost each time that it was made, the latest last."""
        return [Cost(**line) for line in _lines(self.folder(name) / COSTS)]

    def note(self, entry: Entry) -> None:
        """Append a line to the ledger."""
        self.root.mkdir(parents=True, exist_ok=True)
        _append(self.root / "ledger.jsonl", asdict(entry))

    def ledger(self) -> list[Entry]:
        """Return all lines of the ledger, the latest last; unreadable lines are skipped."""
        entries = []
        for line in _lines(self.root / "ledger.jsonl"):
            with suppress(TypeError):
                entries.append(Entry(**{**line, "cost": Cost(**line["cost"]) if line.get("cost") else None}))
        return entries

    def bytes(self, name: str) -> int:
        """Return the size of an artifact's data files in bytes."""
        manifest = json.loads((self.folder(name) / MANIFEST).read_text("utf-8"))
        return sum(size for file, (size, _) in manifest["files"].items() if file != RECIPE)

    def remove(self, name: str) -> None:
        """Delete an artifact. A process that has mapped it into memory can still read it."""
        self._verified.discard(name)
        draft = self.root / "drafts" / uuid.uuid4().hex
        draft.parent.mkdir(parents=True, exist_ok=True)
        self.folder(name).rename(draft)
        shutil.rmtree(draft)

    @contextmanager
    def lock(self, name: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Lock an artifact while it is made. If another process holds the lock, call `waiting` and wait for it.

        It is a lock of the operating system, so a process that is killed releases it.
        """
        from filelock import FileLock, Timeout

        locks = self.root / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"{name}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            waiting()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def receipt(self, key: Any) -> dict[str, Any] | None:
        """Return the facts that were kept when something outside the store was last read; None if it never was."""
        try:
            facts: dict[str, Any] = json.loads((self.root / "receipts" / f"{fingerprint(key)}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return facts

    def keep_receipt(self, key: Any, facts: dict[str, Any]) -> None:
        """Keep facts about something outside the store, as it was when it was read."""
        path = self.root / "receipts" / f"{fingerprint(key)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(facts, ensure_ascii=False, sort_keys=True))

    def sweep(self, older_than_seconds: float = 86_400) -> None:
        """Delete the old temporary folders that killed processes left behind."""
        for draft in self.root.glob("drafts/*"):
            with suppress(FileNotFoundError):
                if time.time() - draft.stat().st_mtime > older_than_seconds:
                    shutil.rmtree(draft, ignore_errors=True)


def write_whole(draft: Path, place: Path, artifact: Artifact, recipe: dict[str, Any]) -> None:
    """Write an artifact, its recipe and its manifest into the folder `draft` and rename that to `place`."""
    draft.mkdir(parents=True)
    artifact.save(draft)
    (draft / RECIPE).write_text(json.dumps(recipe, indent=1, ensure_ascii=False, sort_keys=True), "utf-8")
    files = {
        path.relative_to(draft).as_posix(): [path.stat().st_size, file_checksum(path)]
        for path in sorted(draft.rglob("*"))
        if path.is_file()
    }
    manifest = {"format": FORMAT, "kind": artifact.kind, "files": files}
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), "utf-8")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        draft.rename(place)
    except OSError:  # another process was first, and equal names mean equal content
        if not (place / MANIFEST).is_file():
            raise
        shutil.rmtree(draft)


def verify(folder: Path) -> None:
    """Check all files of an artifact against its manifest. Raises StoreError for one that differs or is not listed."""
    try:
        files = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
        present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        foreign = present - {MANIFEST, COSTS, *files}
        if foreign:
            raise StoreError(f"{folder} contains a file that is not in its manifest: {sorted(foreign)[0]}")
        for name, (size, checksum) in files.items():
            path = folder / name
            if path.stat().st_size != size or file_checksum(path) != checksum:
                raise StoreError(f"{path} is damaged")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{folder} is incomplete: {error}") from error


def _write(path: Path, text: str) -> None:
    """Replace a small file atomically: a reader sees the old content or the new one."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    draft.write_text(text, "utf-8")
    draft.replace(path)


def _append(path: Path, line: dict[str, Any]) -> None:
    """Append a line in a single system call, so that lines of several processes never mix."""
    data = (json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n").encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the readable lines of a file of JSON objects; nothing if the file does not exist."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    yield entry
