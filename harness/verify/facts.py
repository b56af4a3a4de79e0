"""Compare run.json with its own text and with the measurements."""

from __future__ import annotations

from collections.abc import Iterator

from harness.errors import UserError
from harness.results import Results
from harness.results.facts import CheckFacts
from harness.results.layout import MEASUREMENTS
from harness.suite.suite import read_suite, suite_fingerprint


def fact_differences(results: Results) -> Iterator[str]:
    """Yield where run.json differs from its own text or the measurements: suite fingerprint, checks, status."""
    facts = results.facts
    if _suite_fingerprint(results) != facts.suite.fingerprint:
        yield "the fingerprint under suite is not that of its text"
    for check in facts.checks:
        yield from _check_differences(results, check)
    failed = any(row.failed for row in results.measurements)
    if facts.status != ("failed" if failed else "complete"):
        yield f"status is {facts.status!r}, but {'some' if failed else 'no'} rows failed"


def _suite_fingerprint(results: Results) -> str | None:
    """Return the fingerprint of the text of the suite; None if it is not a suite."""
    suite = results.facts.suite
    try:
        return suite_fingerprint(read_suite(str(suite.text), str(suite.file)).values)
    except (UserError, TypeError, ValueError):
        return None


def _check_differences(results: Results, check: CheckFacts) -> Iterator[str]:
    value = results.value(check.dataset, check.system, check.quantity)
    title = f"the check of {check.quantity} of {check.system} on {check.dataset} says"
    if check.value != value:
        yield f"{title} {check.value!r}, {MEASUREMENTS} {value!r}"
    met = value is not None and abs(value - check.expected) <= check.within
    status = "failed" if value is None else "met" if met else "missed"
    if check.status != status:
        yield f"{title} {check.status!r}, but its numbers say {status!r}"
