"""The store: one folder an artifact, named by its fingerprint, whole or absent.

HARNESS_STORE/
  artifacts/ab/abcdef…/   data files, manifest.json (their checksums), recipe.json, costs.jsonl
  chunks/abcdef…/         finished chunks of an artifact that is still being made
  aside/                  what was found damaged, kept for a look
  receipts/               which content a data set or model folder had when it was last read
  locks/   ledger.jsonl   one line for each artifact ever made: recipe and cost, to explain and to estimate
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
    """A line of the ledger: what was made, from what, at what cost. `about` says what a source was called."""

    fingerprint: str
    recipe: dict[str, Any]
    cost: Cost | None = None
    about: dict[str, Any] | None = None


class Store:
    """Content-addressed folders. Several processes may share one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: set[str] = set()

    @classmethod
    def at(cls, root: Path | None = None) -> Store:
        """Open the store at `root`, else at HARNESS_STORE, else at .harness/store."""
        return cls(Path(root or os.environ.get("HARNESS_STORE") or ".harness/store"))

    def folder(self, name: str) -> Path:
        """Return where an artifact lies, or would lie."""
        return self.root / "artifacts" / name[:2] / name

    def __contains__(self, name: str) -> bool:
        """Tell whether an artifact is there, whole as far as its folder tells; `load` checks its content."""
        return (self.folder(name) / MANIFEST).is_file()

    def __iter__(self) -> Iterator[Fingerprint]:
        """Give the names of all artifacts."""
        return (Fingerprint(path.name) for path in sorted(self.root.glob("artifacts/*/*")))

    def load(self, name: str, kind: type[A]) -> A:
        """Map an artifact into memory after its content was checked against its manifest, once a process.

        Raises StoreError if it is not there or not whole.
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
        """Tell whether an artifact is there and whole; a damaged one is set aside, so that it will be made again."""
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
        """Move a damaged artifact out of the way."""
        self._verified.discard(name)
        aside = self.root / "aside"
        aside.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self.folder(name).rename(aside / f"{name}-{uuid.uuid4().hex[:8]}")

    def save(self, artifact: Artifact, entry: Entry) -> None:
        """Write an artifact under a temporary name, with its checksums, and rename it into its place."""
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
        """Add a line to the costs of an artifact."""
        _append(self.folder(name) / COSTS, asdict(cost))

    def costs(self, name: str) -> list[Cost]:
        """Return what an artifact cost each time it was made, the latest last."""
        return [Cost(**line) for line in _lines(self.folder(name) / COSTS)]

    def note(self, entry: Entry) -> None:
        """Add a line to the ledger."""
        self.root.mkdir(parents=True, exist_ok=True)
        _append(self.root / "ledger.jsonl", asdict(entry))

    def ledger(self) -> list[Entry]:
        """Return everything ever made here, the latest last; a line that cannot be read is passed over."""
        entries = []
        for line in _lines(self.root / "ledger.jsonl"):
            with suppress(TypeError):
                entries.append(Entry(**{**line, "cost": Cost(**line["cost"]) if line.get("cost") else None}))
        return entries

    def bytes(self, name: str) -> int:
        """Count the bytes of an artifact's data files."""
        manifest = json.loads((self.folder(name) / MANIFEST).read_text("utf-8"))
        return sum(size for file, (size, _) in manifest["files"].items() if file != RECIPE)

    def remove(self, name: str) -> None:
        """Delete an artifact; a reader that has it mapped keeps what it has."""
        self._verified.discard(name)
        draft = self.root / "drafts" / uuid.uuid4().hex
        draft.parent.mkdir(parents=True, exist_ok=True)
        self.folder(name).rename(draft)
        shutil.rmtree(draft)

    @contextmanager
    def lock(self, name: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold an artifact while it is made; another process that wants it waits, and says so by `waiting`.

        The lock is the operating system's: a holder that is killed lets go.
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
        """Return what was noted when something outside the store was last read, None if it was never."""
        try:
            found: dict[str, Any] = json.loads((self.root / "receipts" / f"{fingerprint(key)}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found

    def keep_receipt(self, key: Any, facts: dict[str, Any]) -> None:
        """Note what something outside the store was when it was read."""
        path = self.root / "receipts" / f"{fingerprint(key)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(facts, ensure_ascii=False, sort_keys=True))

    def sweep(self, older_than_seconds: float = 86_400) -> None:
        """Delete the drafts that killed processes left behind."""
        for draft in self.root.glob("drafts/*"):
            with suppress(FileNotFoundError):
                if time.time() - draft.stat().st_mtime > older_than_seconds:
                    shutil.rmtree(draft, ignore_errors=True)


def write_whole(draft: Path, place: Path, artifact: Artifact, recipe: dict[str, Any]) -> None:
    """Write an artifact, its recipe and its manifest into `draft` and rename that to `place`."""
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
    except OSError:  # another process was first; what it wrote bears the same name, so it is the same
        if not (place / MANIFEST).is_file():
            raise
        shutil.rmtree(draft)


def verify(folder: Path) -> None:
    """Check every file of an artifact against its manifest; StoreError names the first that differs or is foreign."""
    try:
        files = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
        present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        foreign = present - {MANIFEST, COSTS, *files}
        if foreign:
            raise StoreError(f"{folder} holds a foreign file: {sorted(foreign)[0]}")
        for name, (size, checksum) in files.items():
            path = folder / name
            if path.stat().st_size != size or file_checksum(path) != checksum:
                raise StoreError(f"{path} is damaged")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{folder} is not whole: {error}") from error


def _write(path: Path, text: str) -> None:
    """Write a small file so that a reader sees all of it or the one before."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    draft.write_text(text, "utf-8")
    draft.replace(path)


def _append(path: Path, line: dict[str, Any]) -> None:
    """Add one line in one system call, so that lines of several processes never mix."""
    data = (json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n").encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Give the readable lines of a file of JSON objects; none if there is no file."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                found = json.loads(line)
                if isinstance(found, dict):
                    yield found
