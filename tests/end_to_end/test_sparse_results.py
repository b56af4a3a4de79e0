"""A run with sparse vectors says how sparse they are, and the report shows it beside the memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.errors import SuiteError
from harness.results import Results
from tests.conftest import TEXT
from tests.makers import sparse_models

SYSTEMS = """
  sparse: [{encode: sparse, model: table}, {index: inverted}]
  bm25: [{index: bm25}]
"""
HEAD = "models: {table: {path: weights/model, precision: fp32}}"
Write = Callable[..., Path]


def ran(suite: Path, folder: Path) -> Results:
    sparse_models.table(folder / "weights", dict.fromkeys(TEXT.split(), 1.5))
    return harness.run(suite, results=folder / "results", reports=folder / "reports", store=folder / "store")


def test_density_and_postings_are_recorded_and_shown(write_suite: Write, tmp_path: Path) -> None:
    found = ran(write_suite(SYSTEMS, head=HEAD), tmp_path)
    rows = {(row.system, row.quantity): row for row in found.measurements}
    active, queries = rows["sparse", "active_dims"], rows["sparse", "query_active_dims"]
    assert active.value and queries.value and (active.n, queries.n) == (60, 12)
    assert (active.unit, queries.unit) == ("dimensions/document", "dimensions/query")
    assert rows["sparse", "dimensions"].value == len(TEXT.split()) + len(sparse_models.SPECIAL)
    assert rows["sparse", "vector_bytes"].value == pytest.approx(8 * active.value)
    postings = rows["sparse", "postings_bytes"]
    assert (postings.value, postings.stage) == (pytest.approx(8 * active.value * 60), "index/inverted")
    assert ("bm25", "postings_bytes") in rows and ("bm25", "active_dims") not in rows
    page = next((tmp_path / "reports").rglob("*.md")).read_text()
    assert f"{active.value:,.0f} active, in queries {queries.value:,.0f}" in page


WRONG = {
    "[{encode: sparse, model: table}, {index: flat}]": "takes Vectors or Int8Vectors or BitVectors, not SparseVectors",
    "[{encode: hashing}, {index: inverted}]": "'index: inverted' takes SparseVectors, not Vectors",
    "[{index: inverted}]": "'index: inverted' takes SparseVectors, not Corpus",
    "[{encode: sparse, model: table}, {reduce: truncate, dim: 2}, {index: inverted}]": "takes Vectors, not Sparse",
    "[{encode: sparse, model: table, max_active_dims: 0}, {index: inverted}]": "greater than or equal to 1, found 0",
}


@pytest.mark.parametrize(("stages", "message"), WRONG.items())
def test_wrong_wiring_is_refused(stages: str, message: str, write_suite: Write, tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as error:
        ran(write_suite(f"  wrong: {stages}", head=HEAD), tmp_path)
    assert message in str(error.value)
