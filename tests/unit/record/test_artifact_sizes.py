"""Bytes of artifacts, on disk and for a row; a reduction that is said and not done is found by arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.artifacts.vectors import Vectors
from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.plan import Plan
from harness.plan.prepare import prepare_plan
from harness.record.artifact_sizes import artifact_sizes, mismatches
from harness.registry import STAGES
from harness.stage import Runtime
from harness.store import Store

SYSTEMS = """
  small: [{encode: hashing, dim: 64}, {reduce: truncate, dim: 32}, {index: flat}]
  bytes: [{encode: hashing, dim: 64}, {reduce: int8}, {index: flat, similarity: dot}]
  bits: [{encode: hashing, dim: 64}, {reduce: binary}, {index: flat, similarity: dot}]
"""


def executed(suite: Path) -> tuple[Plan, Store]:
    plan, store = prepare_plan(suite, None, None, suite.parent / "store", "cpu", fetch=True)
    assert not execute(plan, store, Runtime(), Silent()).failed
    return plan, store


def test_every_artifact_is_weighed(write_suite: Callable[..., Path]) -> None:
    plan, store = executed(write_suite(SYSTEMS))
    assert mismatches(plan.targets, store) == []
    for target, bits in zip(plan.targets, (32 * 32, 64 * 8, 64), strict=True):
        found = [q for q in artifact_sizes(target, store) if q.stage and q.stage.startswith("reduce")]
        there = next(q for q in found if q.unit == "bytes/document")
        assert there.n == 60 and bits / 8 <= there.value <= bits / 8 + 200 / 60 + 8
        whole = next(q for q in found if q.unit == "bytes")
        assert whole.value == pytest.approx(there.value * 60)
    stages = {q.stage for q in artifact_sizes(plan.targets[0], store)}
    assert stages == {"encode/hashing", "reduce/truncate", "index/flat"}


def test_a_reduction_that_is_not_done_is_named(
    write_suite: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    truncate = STAGES["reduce/truncate"]
    monkeypatch.setattr(
        truncate, "open", lambda *_: lambda vectors: Vectors(np.ones((len(vectors), 640), np.float32), vectors.rows)
    )
    plan, store = executed(write_suite(SYSTEMS))
    assert mismatches(plan.targets, store) == [
        "the vectors of 'reduce: truncate' take 30,848 bytes, but 12 of 32 dimensions with 32 bits each take 1,536",
        "the vectors of 'reduce: truncate' take 153,728 bytes, but 60 of 32 dimensions with 32 bits each take 7,680",
    ]
