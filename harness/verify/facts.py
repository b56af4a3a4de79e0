"""run.json held against the numbers beside it, and against itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.errors import UserError
from harness.results import Results
from harness.results.layout import MEASUREMENTS
from harness.suite.suite import read_suite, suite_fingerprint


def fact_differences(results: Results) -> Iterator[str]:
    """Say what run.json tells otherwise than its text and the measurements do: name of the suite, checks, status."""
    suite = results.part("suite")
    try:
        named = suite_fingerprint(read_suite(str(suite.get("text")), str(suite.get("file"))).values)
    except (UserError, TypeError, ValueError):
        named = None
    if named != suite.get("fingerprint"):
        yield "the fingerprint under suite is not that of its text"
    for check in results.run.get("checks") or ():
        yield from _expectation(results, check)
    failed = any(row.failed for row in results.measurements)
    if results.run.get("status") != ("failed" if failed else "complete"):
        yield f"status is {results.run.get('status')!r}, but {'some' if failed else 'no'} rows failed"


def _expectation(results: Results, check: Mapping[str, Any]) -> Iterator[str]:
    dataset, system, quantity = (str(check.get(name)) for name in ("dataset", "system", "quantity"))
    value = results.value(dataset, system, quantity)
    title = f"the check of {quantity} of {system} on {dataset} says"
    if check.get("value") != value:
        yield f"{title} {check.get('value')!r}, {MEASUREMENTS} {value!r}"
    try:
        met = value is not None and abs(value - check["expected"]) <= check["within"]
    except (KeyError, TypeError):
        met = False
    status = "failed" if value is None else "met" if met else "missed"
    if check.get("status") != status:
        yield f"{title} {check.get('status')!r}; by its numbers it is {status!r}"
