"""The sections about where a run took place and how to repeat it."""

from __future__ import annotations

from typing import Any

from harness.meter import size
from harness.report import numbers
from harness.report.document import Block, Code, Section, pairs, say
from harness.results import Results


def environment(results: Results) -> Section:
    """Describe the machine, the settings of the run and the versions of the libraries."""
    facts = results.facts
    values: dict[str, Any] = {f"machine: {key}": value for key, value in facts.machine.document().items()}
    if facts.machine.memory_bytes is not None:
        values["machine: memory_bytes"] = size(facts.machine.memory_bytes)
    values |= {f"run: {key}": value for key, value in facts.runtime.document().items()}
    values |= {"started": facts.started, "ended": facts.ended}
    table = pairs("The machine and the settings of the run.", [(key, numbers.fact(values[key])) for key in values])
    libraries = "\n".join(f"{name} {numbers.fact(version)}" for name, version in facts.libraries.items())
    return Section("Environment", (table, *([Code(libraries, "Library versions")] if libraries else [])))


def reproduction(results: Results) -> Section:
    """State the version, the command and the suite with which the run can be repeated."""
    harness, suite = results.facts.harness, results.facts.suite
    version = f"retrieval-harness {numbers.fact(harness.version)}, commit {numbers.fact(harness.commit)}"
    blocks: list[Block] = [say(f"With {version}:"), Code(numbers.fact(results.facts.command))]
    if suite.text:
        title = f"The suite, {numbers.fact(suite.file)} ({numbers.short(suite.fingerprint)})"
        blocks.append(Code(suite.text, title))
    return Section("How to repeat it", tuple(blocks))
