"""The sections after quality, latency and cost: everything needed to trust a number and to reproduce it."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.document import Section
from harness.report.sections.artifacts import artifacts
from harness.report.sections.checks import checks, failures
from harness.report.sections.data import datasets, models
from harness.report.sections.drafts import rewritten
from harness.report.sections.measures import counts, definitions
from harness.report.sections.reproduction import environment, reproduction
from harness.report.sections.systems import prompts, systems, tuned
from harness.report.sections.throughput import throughput
from harness.results import Results


def background(results: Results) -> Iterator[Section]:
    """Yield the sections that have content."""
    yield from throughput(results)
    yield from artifacts(results)
    yield from failures(results)
    yield from tuned(results)
    yield from checks(results)
    yield from definitions(results)
    yield from counts(results)
    yield from datasets(results)
    yield from models(results)
    yield from systems(results)
    yield from prompts(results)
    yield from rewritten(results)
    yield environment(results)
    yield reproduction(results)
