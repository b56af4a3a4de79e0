"""The sections about systems: their chains, their tuned parameters and their prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.report import numbers
from harness.report.document import Cell, Column, Section, Table
from harness.results import Results
from harness.results.facts import ChoiceFacts, PromptFacts, TunedFacts

PROMPTS = (
    "The exact text, and whether the suite or the model's own configuration sets it. For a rewriter it is the "
    "instruction to its language model; {query} stands for the query."
)


def systems(results: Results) -> Iterator[Section]:
    """List the chain of every system; no section if there are none."""
    rows = tuple((Cell(name), Cell(numbers.fact(system.provenance))) for name, system in results.facts.systems.items())
    if rows:
        columns = (Column("system"), Column("chain"))
        yield Section("Systems", (Table("The stages of each system, in order.", columns, rows),))


def tuned(results: Results) -> Iterator[Section]:
    """List the parameters that were chosen by judgements, and the judgements they rest on; no section for none."""
    rows = tuple(_chosen(tuned, choice) for tuned in results.facts.tuned for choice in tuned.chosen)
    if rows:
        heads = ("system", "data set", "stage", "chosen", "judgements", "measure", "mean", "queries", "candidates")
        columns = tuple(Column(head, numeric=head in ("mean", "queries", "candidates")) for head in heads)
        caption = (
            "Each query is answered with parameters that were chosen on other queries. Mean: that of the measure on "
            "those queries."
        )
        yield Section("Tuned parameters", (Table(caption, columns, rows),))


def _chosen(tuned: TunedFacts, choice: ChoiceFacts) -> tuple[Cell, ...]:
    judgements = f"folds of {tuned.on} other than {choice.fold}" if tuned.folds else tuned.on
    parameters = ", ".join(f"{name} {numbers.fact(value)}" for name, value in choice.candidate.items())
    names = (tuned.system, tuned.dataset, tuned.stage, parameters, judgements, tuned.measure)
    counts = (numbers.measure(choice.mean), numbers.count(choice.queries), str(len(tuned.candidates)))
    return tuple(map(Cell, (*names, *counts)))


def prompts(results: Results) -> Iterator[Section]:
    """List the text before the queries and documents of each system that encodes; no section if there is none."""
    systems_of: dict[tuple[str, ...], list[str]] = {}
    for name, system in results.facts.systems.items():
        for stage in system.prompts:
            encoder = " ".join(part for part in (stage.stage, stage.model) if part)
            key = (encoder, _prompt(stage.for_queries), _prompt(stage.for_documents))
            systems_of.setdefault(key, []).append(name)
    rows = tuple(tuple(map(Cell, (numbers.some(names), *texts))) for texts, names in systems_of.items())
    if rows:
        columns = tuple(map(Column, ("systems", "stage", "before each query", "before each document")))
        yield Section("Prompts", (Table(PROMPTS, columns, rows),))


def _prompt(prompt: PromptFacts | None) -> str:
    if prompt is None:
        return numbers.NOTHING
    if prompt.text is None:
        return "not known"
    text = json.dumps(prompt.text, ensure_ascii=False) if prompt.text else "none"
    return f"{text} ({numbers.fact(prompt.set_by)})"
