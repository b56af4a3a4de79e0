"""Which system is best, and which cannot be told from it."""

import numpy as np
import pytest

from harness.compare.comparison import Standing, compare, query_values
from harness.results import Measurement, Results
from harness.results.write import Contents, write_results
from harness.statistics import paired_interval
from tests.unit.results.made_results import make


def results_of(folder, columns, failed=()):
    """Write the values a query of some systems; NaN is a query without a value."""
    import pyarrow as pa

    rows = [Measurement("d", name, None, "AP", float(np.nanmean(column))) for name, column in columns.items()]
    rows += [Measurement("d", name, None, "AP", None, status="failed", reason="broke") for name in failed]
    cells = [
        ("d", name, f"q{i:02d}", "AP", v) for name, c in columns.items() for i, v in enumerate(c) if not np.isnan(v)
    ]
    names = ("dataset", "system", "query_id", "quantity", "value")
    table = pa.table(dict(zip(names, map(list, zip(*cells, strict=True)), strict=True)))
    return Results.load(write_results(folder, Contents({"measures": ["AP"]}, rows, table)))


def standings(comparison):
    return {entry.system: entry.standing for entry in comparison.entries}


def test_the_paired_interval_decides(tmp_path):
    generator = np.random.default_rng(0)
    hard = generator.random(60)
    columns = {
        "far": hard * 0.5,
        "best": hard,
        "near": hard + generator.normal(-0.001, 0.1, 60),
        "same": hard.copy(),
    }
    columns["near"] -= columns["near"].mean() - hard.mean() + 0.001
    comparison = compare(results_of(tmp_path / "r", columns, failed=["gone"]), "d")
    assert [entry.system for entry in comparison.entries] == ["best", "same", "near", "far", "gone"]
    tied, behind, failed = Standing.TIED, Standing.BEHIND, Standing.FAILED
    expected = {"best": Standing.BEST, "same": tied, "near": tied, "far": behind, "gone": failed}
    assert standings(comparison) == expected
    for name in ("near", "far"):
        separable = paired_interval(columns["best"], columns[name]).low > 0
        assert (expected[name] is behind) == separable


def test_pairs_hold_although_rows_stand_in_another_order(tmp_path):
    first, second = np.array([0.1, 0.9, np.nan, 0.5]), np.array([0.05, 0.85, 1.0, np.nan])
    values = query_values(results_of(tmp_path / "r", {"a": first, "b": second}), "d", "AP")
    np.testing.assert_array_equal(values["a"], first)
    np.testing.assert_array_equal(values["b"], second)


def test_a_count_of_judged_documents_has_no_best(tmp_path):
    folder = make(tmp_path / "run", measures=["nDCG@10", "Judged@10"])
    comparison = compare(Results.load(folder), "toy")
    assert comparison.highest("Judged@10") is None
    assert comparison.highest("nDCG@10") == comparison.best.value


def test_a_small_difference_that_every_query_shows_is_separable(tmp_path):
    base = np.random.default_rng(1).random(30)
    comparison = compare(results_of(tmp_path / "r", {"a": base + 0.01, "b": base}), "d")
    assert standings(comparison)["b"] is Standing.BEHIND


def test_without_common_queries_nothing_is_said(tmp_path):
    columns = {"a": np.array([1.0, np.nan]), "b": np.array([np.nan, 0.5])}
    assert standings(compare(results_of(tmp_path / "r", columns), "d"))["b"] is Standing.UNKNOWN


@pytest.mark.parametrize("dataset", ["nowhere", ""])
def test_an_unknown_data_set_has_no_entries(tmp_path, dataset):
    comparison = compare(results_of(tmp_path / "r", {"a": np.array([1.0])}), dataset)
    assert comparison.entries == []
    assert comparison.best is None
