"""The table of quantities: names are found in it, its documentation matches it, and `harness list` prints it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.compare.costs import Costs
from harness.measures.scoring.parse import parse
from harness.results import Results
from harness.results.laps import PERCENTILES
from harness.results.quantities import QUANTITIES, Better, Group, find_quantity, group_of, mode_of
from harness.results.responses import LEVELS

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "results.md"
STORED = sorted((ROOT / "results").glob("scifact/*/run.json"))


def names_in_the_table(results: Results) -> set[str]:
    """Compare every row with the table, and return the names of the quantities that are in it."""
    names = set()
    for row in results.measurements:
        known = find_quantity(row.quantity)
        if known is None:
            assert row.quantity in results.measures and parse(row.quantity), f"{row.quantity} is not in the table"
        else:
            assert row.unit in known.quantity.units, f"{row.quantity} in {row.unit!r}"
            names.add(known.quantity.name)
    return names


@pytest.mark.parametrize("file", STORED, ids=lambda file: file.parent.name)
def test_every_quantity_of_a_stored_result_is_a_measure_or_in_the_table(file: Path) -> None:
    assert {"index_bytes", "encode_rate", "tied_at_k"} <= names_in_the_table(Results.load(file))


@pytest.mark.parametrize(
    ("name", "found", "parts"),
    [
        ("query_rate@32", "query_rate@B", {"B": "32"}),
        ("encode_rate", "encode_rate", {}),
        ("encode_rate@1", "encode_rate@B", {"B": "1"}),
        ("index_recall@10", "index_recall@k", {"k": "10"}),
        ("ceiling@50_P(rel=2)@10", "ceiling@k_measure", {"k": "50", "measure": "P(rel=2)@10"}),
        ("server_p99@0.25", "server_p99@R", {"R": "0.25"}),
        ("server_errors@1e-05", "server_errors@R", {"R": "1e-05"}),
        ("unjudged_at_100", "unjudged_at_k", {"k": "100"}),
        ("eur_per_1m_queries", "currency_per_1m_queries", {"currency": "eur"}),
    ],
)
def test_names_are_found_with_their_parts(name: str, found: str, parts: dict[str, str]) -> None:
    known = find_quantity(name)
    assert known is not None and (known.quantity.name, known.parts) == (found, parts)


@pytest.mark.parametrize("name", ["nDCG@10", "R@100", "Judged@10", "span_recall@5", "query_rate@", "xlatency_p50", ""])
def test_measures_and_other_names_are_not_found(name: str) -> None:
    assert (find_quantity(name), group_of(name), mode_of(name)) == (None, None, None)


def test_no_two_entries_share_a_name() -> None:
    names = [quantity.name for quantity in QUANTITIES]
    assert len(set(names)) == len(names)
    for quantity in QUANTITIES:
        assert re.fullmatch(r"[A-Z0-9][^\n]*\.", quantity.about), quantity.about


def test_names_in_the_code_are_in_the_table() -> None:
    derived = [f"usd_{name}" for name in ("per_1m_queries", "per_1m_documents", "index_build", "reindex", "per_month")]
    costs = Costs("USD", *[1.0] * 5)
    assert [name for name, _ in costs.rows()] == derived
    for name in (*derived, *PERCENTILES, *(f"{level}@8" for level in LEVELS)):
        assert group_of(name) in (Group.COST, Group.LATENCY), name


@pytest.mark.parametrize(
    ("name", "better"),
    [("latency_p50", "lower"), ("query_rate@8", "higher"), ("dimensions", "neither"), ("index_recall@10", "higher")],
)
def test_each_quantity_has_a_direction(name: str, better: str) -> None:
    known = find_quantity(name)
    assert known is not None and known.quantity.better is Better(better)


def test_the_page_lists_the_table() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|([^|]*)\|([^|]+)\|([^|]+)\|$", PAGE.read_text(), re.MULTILINE)
    listed = [tuple(cell.strip() for cell in row) for row in rows]
    assert listed == [(q.name, q.unit, q.about, str(q.better)) for q in QUANTITIES]


def test_the_command_lists_the_table(harness: Callable) -> None:
    done = harness("list", "quantities", "--json")
    assert done.returncode == 0, done.stderr
    items = json.loads(done.stdout)
    assert [item["name"] for item in items] == [quantity.name for quantity in QUANTITIES]
    about = next(item["about"] for item in items if item["name"] == "latency_p50")
    assert about == "Median latency of one query at a time; with a stage, of that stage.  [ms, lower is better]"
