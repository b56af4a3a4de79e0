"""The store: whole or absent, damage is found, two processes share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.artifacts.vectors import Vectors
from harness.errors import StoreError
from harness.fingerprint import Fingerprint
from harness.meter import Cost
from harness.store import MANIFEST, Entry, Store

NAME = Fingerprint("ab" * 32)
COST = Cost("here", "cpu", 2, items=3, open_seconds=0.5, call_seconds=1.5)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.save(Vectors(np.arange(6, dtype=np.float32).reshape(3, 2)), Entry(NAME, {"stage": "encode/x"}, COST))
    return store


def fresh(store: Store) -> Store:
    """Open the same store as another process would: what was verified before is not known."""
    return Store(store.root)


def test_what_is_saved_is_loaded(store: Store) -> None:
    again = fresh(store)
    assert NAME in again
    assert again.usable(NAME)
    assert again.load(NAME, Vectors).array.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert again.costs(NAME) == [COST]
    assert again.ledger() == [Entry(NAME, {"stage": "encode/x"}, COST)]
    assert list(again) == [NAME]
    assert again.bytes(NAME) == (again.folder(NAME) / "vectors.npy").stat().st_size


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit": lambda folder: flip(folder / "vectors.npy"),
    "truncated": lambda folder: (folder / "vectors.npy").write_bytes((folder / "vectors.npy").read_bytes()[:-4]),
    "a file gone": lambda folder: (folder / "vectors.npy").unlink(),
    "a foreign file": lambda folder: (folder / "stranger.npy").write_bytes(b"x"),
    "the recipe": lambda folder: flip(folder / "recipe.json"),
    "manifest is no JSON": lambda folder: (folder / MANIFEST).write_text("{"),
    "manifest of another kind": lambda folder: (folder / MANIFEST).write_text("[]"),
    "manifest gone": lambda folder: (folder / MANIFEST).unlink(),
}


@pytest.mark.parametrize("harm", DAMAGE.values(), ids=list(DAMAGE))
def test_damage_is_found_set_aside_and_made_again(store: Store, harm: Callable[[Path], object]) -> None:
    harm(store.folder(NAME))
    again = fresh(store)
    with pytest.raises(StoreError):
        again.load(NAME, Vectors)
    assert not again.usable(NAME)
    again.save(Vectors(np.zeros((3, 2), np.float32)), Entry(NAME, {"stage": "encode/x"}))
    assert fresh(store).load(NAME, Vectors).array.sum() == 0


def test_a_second_writer_finds_the_first_ones_work(store: Store) -> None:
    store.save(Vectors(np.ones((3, 2), np.float32)), Entry(NAME, {"stage": "encode/x"}))
    assert fresh(store).load(NAME, Vectors).array.sum() == 15
    assert not list(store.root.glob("drafts/*"))


def test_lines_that_cannot_be_read_are_passed_over(store: Store) -> None:
    with (store.root / "ledger.jsonl").open("a") as file:
        file.write('{"half a li\n[]\n{"unknown": 1}\n')
    assert [entry.fingerprint for entry in store.ledger()] == [NAME]


def test_receipts(store: Store) -> None:
    assert store.receipt(["a", 1]) is None
    store.keep_receipt(["a", 1], {"content": "x"})
    assert fresh(store).receipt(["a", 1]) == {"content": "x"}
    next((store.root / "receipts").glob("*.json")).write_text("{")
    assert store.receipt(["a", 1]) is None


def test_remove_and_sweep(store: Store) -> None:
    store.remove(NAME)
    assert NAME not in store
    (store.root / "drafts" / "left").mkdir(parents=True)
    store.sweep(older_than_seconds=-1)
    assert not list(store.root.glob("drafts/*"))


def test_the_manifest_is_for_people_too(store: Store) -> None:
    manifest = json.loads((store.folder(NAME) / MANIFEST).read_text())
    assert manifest["kind"] == "Vectors"
    assert set(manifest["files"]) == {"vectors.npy", "recipe.json"}
