"""Bytes of artifacts, on disk and for a row; a reduction that is said and not done is found by arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.artifacts.vectors import Vectors
from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.plan.prepare import prepare_plan
from harness.record.made import Made
from harness.record.sizes import artifact_sizes, size_mismatches
from harness.record.warnings import warnings
from harness.registry import STAGES
from harness.stage import Runtime

SYSTEMS = """
  small: [{encode: hashing, dim: 64}, {reduce: truncate, dim: 32}, {index: flat}]
  bytes: [{encode: hashing, dim: 64}, {reduce: int8}, {index: flat, similarity: dot}]
  bits: [{encode: hashing, dim: 64}, {reduce: binary}, {index: flat, similarity: dot}]
"""


def executed(suite: Path) -> Made:
    plan, store = prepare_plan(suite, None, None, suite.parent / "store", "cpu", fetch=True)
    outcome = execute(plan, store, Runtime(), Silent())
    assert not outcome.failed
    return Made(plan, outcome.failed, store)


def test_every_artifact_is_weighed(write_suite: Callable[..., Path]) -> None:
    made = executed(write_suite(SYSTEMS))
    targets = made.plan.targets
    assert size_mismatches(made) == []
    for target, bits in zip(targets, (32 * 32, 64 * 8, 64), strict=True):
        found = [q for q in artifact_sizes(made, target) if q.stage and q.stage.startswith("reduce")]
        there = next(q for q in found if q.unit == "bytes/document")
        assert there.n == 60 and bits / 8 <= there.value <= bits / 8 + 200 / 60 + 8
        whole = next(q for q in found if q.unit == "bytes")
        assert whole.value == pytest.approx(there.value * 60)
    stages = {q.stage for q in artifact_sizes(made, targets[0])}
    assert stages == {"encode/hashing", "reduce/truncate", "index/flat"}


def test_a_reduction_that_is_not_done_is_named(
    write_suite: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    truncate = STAGES["reduce/truncate"]
    monkeypatch.setattr(
        truncate, "open", lambda *_: lambda vectors: Vectors(np.ones((len(vectors), 640), np.float32), vectors.rows)
    )
    made = executed(write_suite(SYSTEMS))
    assert warnings(made, [], [], {}) == [
        f"the vectors of 'reduce: truncate' take {found} bytes, but {rows} vectors of 32 dimensions with 32 bits each "
        f"should take {expected}"
        for rows, found, expected in ((12, "30,848", "1,536"), (60, "153,728", "7,680"))
    ]
