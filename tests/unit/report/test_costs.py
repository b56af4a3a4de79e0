"""Money in a report: derived anew from any price file, without a new run."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import run as run_suite
from harness.compare.costs import money_of
from harness.errors import UserError
from harness.prices import Prices
from harness.report import render
from harness.results import Results
from tests.unit.results.made_results import make

WORDS: dict[str, Any] = {"host": "0.36 USD/h"}


def drawn(results: Results, out: Path, prices: Prices | None = None) -> dict[str, str]:
    return {page.suffix: page.read_text("utf-8") for page in render([results], out, prices)}


def section(text: str) -> str:
    return text.split("## Cost\n")[1].split("\n## ")[0]


def test_the_prices_of_the_run_are_in_the_report(tmp_path: Path) -> None:
    pages = drawn(Results.load(make(tmp_path / "run", prices=WORDS)), tmp_path / "out")
    text = section(pages[".md"])
    # 200 documents / 812.5 documents/s = 0.246 s x 0.0001 USD/s; for a million 5,000 times that
    assert "| toy | dense-384-cosine | 0.123 USD | 0.0000246 USD |" in text
    assert "| host | 0.36 USD/h | undated | set by the suite |" in text
    assert "queries: the system was not timed" in text
    assert ">Cost</h" in pages[".html"]


def test_other_prices_give_other_money_from_the_same_run(tmp_path: Path) -> None:
    results = Results.load(make(tmp_path / "run", prices=WORDS))
    other = Prices.model_validate(
        {
            "date": "2026-06-17",
            "source": "https://example.org/prices",
            "hosts": {"big": {"price": "3.6 EUR/h"}},
            "host": "big",
            "storage": {"price": "1 EUR/GB-month", "example": True},
        }
    )
    text = section(drawn(results, tmp_path / "out", other)[".md"])
    assert "| toy | dense-384-cosine | 1.23 EUR | 0.000246 EUR |" in text
    assert "| host big (in use) | 3.6 EUR/h | 2026-06-17 | https://example.org/prices |" in text
    assert "| storage | 1 EUR/GB-month | 2026-06-17 | EXAMPLE VALUE, not a published price |" in text


def test_a_run_without_prices_has_no_section_about_money(tmp_path: Path) -> None:
    pages = drawn(Results.load(make(tmp_path / "run")), tmp_path / "out")
    assert "## Cost" not in pages[".md"]
    assert "usd" not in pages[".csv"]


def test_money_stands_in_the_csv_and_never_in_the_measurements(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", prices=WORDS)
    rows = list(csv.DictReader(drawn(Results.load(folder), tmp_path / "out")[".csv"].splitlines()))
    found = [r for r in rows if r["quantity"] == "usd_per_1m_documents" and r["system"] == "dense-384-cosine"]
    assert [(r["dataset"], r["unit"], round(float(r["value"]), 4)) for r in found] == [("toy", "USD", 0.1231)]
    assert "usd" not in (folder / "measurements.jsonl").read_text()


def test_from_python_a_price_file_stands_for_that_of_the_suite(
    write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    suite = write_suite("  bm25: [{index: bm25}]", head="prices: {host: 0.36 USD/h}")
    (tmp_path / "prices.yaml").write_text("{date: 2026-06-17, source: a page, host: 7.2 EUR/h}")
    folders: dict[str, Any] = {"results": tmp_path / "results", "store": tmp_path / "store", "device": "cpu"}
    plain = run_suite(suite, **folders)
    priced = run_suite(suite, prices=tmp_path / "prices.yaml", **folders)
    assert plain.run["prices"] == {"host": "0.36 USD/h"}
    assert priced.run["prices"] == {"date": "2026-06-17", "source": "a page", "host": "7.2 EUR/h"}
    assert priced.run["suite"]["fingerprint"] == plain.run["suite"]["fingerprint"]
    built = next(row.value for row in plain.measurements if row.quantity == "build_seconds")
    money = money_of(priced)
    # 7.2 EUR/h / 3,600 = 0.002 EUR/s
    assert money is not None and money.costs["toy", "bm25"].index_build == pytest.approx(built * 0.002)


def test_damaged_prices_of_a_run_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"run\.json: prices: "):
        money_of(Results.load(make(tmp_path / "run", prices={"host": "much"})))


def test_the_command_derives_money_anew(
    harness: Callable[..., Any], write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    suite = write_suite("  bm25: [{index: bm25}]", head="prices: {host: 0.36 USD/h}")
    ran = harness("run", suite)
    assert ran.returncode == 0, ran.stderr
    folder = next((tmp_path / "results" / "toy").iterdir())
    run = json.loads((folder / "run.json").read_text())
    assert (run["prices"], run["services"]) == ({"host": "0.36 USD/h"}, {})
    assert "0.36 USD/h" in section((tmp_path / "reports" / "toy" / folder.name / "report.md").read_text())

    (tmp_path / "prices.yaml").write_text("{date: 2026-06-17, source: a page, host: 7.2 EUR/h}")
    again = harness("report", folder, "--prices", "prices.yaml", "--out", "again")
    assert again.returncode == 0, again.stderr
    assert "7.2 EUR/h | 2026-06-17 | a page" in (tmp_path / "again" / "report.md").read_text()

    (tmp_path / "prices.yaml").write_text("date: 2026-06-17\nhsot: 7.2 EUR/h\n")
    wrong = harness("report", folder, "--prices", "prices.yaml")
    assert wrong.returncode == 2
    assert "prices.yaml:2:1: unknown key 'hsot'; did you mean 'host'?" in wrong.stderr
    assert "Traceback" not in wrong.stderr
