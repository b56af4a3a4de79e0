"""The sections beside quality: failures, checks, and all that is needed to trust and to repeat a number."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.meter import size
from harness.report import numbers
from harness.report.document import Block, Cell, Code, Column, Items, Section, Table, pairs, say
from harness.report.sections.artifacts import artifacts
from harness.report.sections.drafts import rewritten
from harness.report.sections.throughput import throughput
from harness.results import Results

RULES = ("ties", "queries", "unjudged", "grades")
"""What measures of a run have in common."""
COUNTED = re.compile(r"(missing|empty|no_relevant)_queries|(tied|unjudged)_at_\d+")
BESIDE = (
    "Judged queries that the system did not answer, found nothing for, or that have no relevant document: each "
    "counts 0. "
    "Tied at k: queries whose documents at ranks k and k + 1 have the same score, so that the tie rule decides. "
    "Unjudged at k: documents in the first k that nobody judged, a query; where it differs much between systems, "
    "so may the numbers, for that reason alone."
)
PROMPTS = (
    "The exact text, and whether the suite or the model's own configuration says it. Of a rewriter it is what its "
    "language model is asked, with the query in the place of {query}."
)
SHORT = 12
"""Characters of a checksum that a table shows; run.json has all."""


def background(results: Results) -> Iterator[Section]:
    """Give the sections that have something to say."""
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
    yield from rewritten(objects(results.run.get("rewritten")))
    yield environment(results)
    yield repeat(results)


def failures(results: Results) -> Iterator[Section]:
    """List what failed, and why."""
    failed: dict[tuple[str, str, str, str], list[str]] = {}
    for row in results.measurements:
        if row.failed:
            key = (row.dataset, row.system, row.stage or "", row.reason or "")
            failed.setdefault(key, []).append(row.quantity)
    if not failed:
        return
    rows = tuple(
        (
            Cell(system),
            Cell(dataset),
            Cell(stage or "whole system"),
            Cell(", ".join(dict.fromkeys(names))),
            Cell(reason),
        )
        for (dataset, system, stage, reason), names in failed.items()
    )
    columns = tuple(map(Column, ("system", "data set", "stage", "quantities", "reason")))
    yield Section("Failures", (Table("What failed has no number, and a reason instead.", columns, rows),))


def tuned(results: Results) -> Iterator[Section]:
    """List the parameters that were chosen by judgements, and by which."""
    rows = []
    for said in objects(results.run.get("tuned")):
        folds = said.get("folds")
        for chosen in objects(said.get("chosen")):
            where = (
                f"folds of {said.get('on')} other than {chosen.get('fold')}" if folds else numbers.fact(said.get("on"))
            )
            what = ", ".join(f"{key} {numbers.fact(value)}" for key, value in _object(chosen.get("candidate")).items())
            texts = (*(numbers.fact(said.get(key)) for key in ("system", "dataset", "stage")), what, where)
            mean = numbers.measure(_number(chosen.get("mean")))
            of = str(len(objects(said.get("candidates"))))
            measure = numbers.fact(said.get("measure"))
            rows.append(tuple(map(Cell, (*texts, measure, mean, numbers.count(chosen.get("queries")), of))))
    if not rows:
        return
    heads = ("system", "data set", "stage", "chosen", "by", "measure", "its mean there", "queries", "candidates")
    columns = tuple(Column(head, numeric=head in ("its mean there", "queries", "candidates")) for head in heads)
    caption = "Each query is answered with parameters that were chosen on other queries."
    yield Section("Tuned parameters", (Table(caption, columns, tuple(rows)),))


def checks(results: Results) -> Iterator[Section]:
    """List the numbers that the suite expects beside those that were measured."""
    rows = []
    for check in objects(results.run.get("checks")):
        status = numbers.fact(check.get("status"))
        number = [numbers.measure(_number(check.get(key))) for key in ("expected", "value")]
        names = [numbers.fact(check.get(key)) for key in ("system", "dataset", "quantity")]
        within = _number(check.get("within"))
        tolerance = numbers.NOTHING if within is None else f"± {within:g}"
        cells = [Cell(text) for text in (*names, number[0], tolerance, number[1])]
        rows.append((*cells, Cell(status, strong=status != "met"), Cell(numbers.fact(check.get("source")))))
    if not rows:
        return
    heads = ("system", "data set", "measure", "expected", "within", "measured", "status", "source")
    columns = tuple(Column(head, numeric=head in ("expected", "within", "measured")) for head in heads)
    yield Section("Checks against published numbers", (Table("What the suite expects.", columns, tuple(rows)),))


def definitions(results: Results) -> Iterator[Section]:
    """Say what each measure means: what two numbers must share to be compared."""
    said = [_object(value) for value in results.part("definitions").values()]
    if not said:
        return
    words = ("measure", "counted", "cutoff", "gain", "relevant_from", "parameters", "calculated_by")
    rows = tuple(tuple(Cell(numbers.fact(one.get(word))) for word in words) for one in said)
    rules = {word: list(dict.fromkeys(numbers.fact(one[word]) for one in said if word in one)) for word in RULES}
    caption = " ".join(f"{word.capitalize()}: {numbers.some(rule)}." for word, rule in rules.items() if rule)
    columns = tuple(Column(word.replace("_", " ")) for word in words)
    yield Section("What the measures mean", (Table(caption, columns, rows),))


def counts(results: Results) -> Iterator[Section]:
    """List what stands beside the measures, for every system: missing and empty queries, ties, unjudged documents."""
    whole = [row for row in results.measurements if row.stage is None and row.value is not None]
    names = list(dict.fromkeys(row.quantity for row in whole if COUNTED.fullmatch(row.quantity)))
    if not names:
        return
    found: dict[tuple[str, str], dict[str, float | None]] = {}
    for row in whole:
        if row.quantity in names:
            found.setdefault((row.dataset, row.system), {})[row.quantity] = row.value
    rows = []
    for (dataset, system), values in found.items():
        texts = (numbers.NOTHING if (v := values.get(name)) is None else f"{v:,.4g}" for name in names)
        rows.append(tuple(map(Cell, (dataset, system, *texts))))
    columns = (Column("data set"), Column("system"), *(Column(n.replace("_", " "), numeric=True) for n in names))
    yield Section("Beside the numbers", (Table(BESIDE, columns, tuple(rows)),))


def datasets(results: Results) -> Iterator[Section]:
    """List the data sets: how large, where from, which content, and what is odd about them."""
    rows, notes = [], []
    for name, said in results.part("datasets").items():
        facts = _object(said)
        settings = numbers.fact(facts.get("settings") or None)
        sizes = (numbers.count(_number(facts.get(key))) for key in ("documents", "queries", "judgements"))
        sums = (_short(facts.get(key)) for key in ("corpus", "queries_checksum", "qrels"))
        rows.append(tuple(map(Cell, (name, numbers.fact(facts.get("source")), settings, *sizes, *sums))))
        found = _object(facts.get("hygiene")).get("findings") or ()
        notes += [f"{name}: {note}" for note in (*(facts.get("notes") or ()), *found)]
    if not rows:
        return
    heads = ("data set", "source", "settings", "documents", "queries", "judgements", "corpus", "query file", "qrels")
    columns = tuple(Column(head, numeric=head in ("documents", "queries", "judgements")) for head in heads)
    caption = f"Checksums are SHA-256 of the content, the first {SHORT} characters; run.json has all of them."
    blocks: list[Block] = [Table(caption, columns, tuple(rows))]
    yield Section("Data sets", (*blocks, *([Items(tuple(notes))] if notes else [])))


def models(results: Results) -> Iterator[Section]:
    """List the models: where from, which content, and whether others would get the same weights."""
    rows = []
    for name, said in results.part("models").items():
        facts = dict(_object(said))
        place, revision = facts.pop("path", None), facts.pop("revision", None)
        checksum = facts.pop("checksum", None) or facts.pop("content", None)
        pinned = facts.pop("pinned", None)
        flag = numbers.NOTHING if pinned is None else "pinned" if pinned else "UNPINNED"
        texts = (name, numbers.fact(place), _short(revision), _short(checksum))
        rest = ", ".join(f"{key}: {numbers.fact(value)}" for key, value in facts.items() if value not in (None, {}))
        rows.append((*map(Cell, texts), Cell(flag, strong=pinned is False), Cell(rest or numbers.NOTHING)))
    if rows:
        columns = tuple(map(Column, ("model", "path", "revision", "content", "weights", "settings")))
        yield Section("Models", (Table("UNPINNED weights may be others tomorrow.", columns, tuple(rows)),))


def systems(results: Results) -> Iterator[Section]:
    """List how each system is made."""
    rows = [
        (Cell(name), Cell(numbers.fact(_object(said).get("provenance"))))
        for name, said in results.part("systems").items()
    ]
    if rows:
        yield Section("Systems", (Table("What each system does.", (Column("system"), Column("chain")), tuple(rows)),))


def prompts(results: Results) -> Iterator[Section]:
    """List which text stood before the queries and the documents of each system that encodes."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, said in results.part("systems").items():
        for one in objects(_object(said).get("prompts")):
            encoder = " ".join(str(one[key]) for key in ("stage", "model") if one.get(key))
            texts = (_prompt(_object(one.get(side))) for side in ("query", "document"))
            found.setdefault((encoder, *texts), []).append(name)
    rows = tuple(tuple(map(Cell, (numbers.some(names), *texts))) for texts, names in found.items())
    if rows:
        columns = tuple(map(Column, ("systems", "stage", "before each query", "before each document")))
        yield Section("Prompts", (Table(PROMPTS, columns, rows),))


def _prompt(said: Mapping[str, Any]) -> str:
    if not said:
        return numbers.NOTHING
    text = said.get("text")
    if not isinstance(text, str):
        return "not known"
    return f"{json.dumps(text, ensure_ascii=False) if text else 'none'} ({numbers.fact(said.get('from'))})"


def environment(results: Results) -> Section:
    """Say where and with what it ran."""
    facts = {f"machine: {key}": value for key, value in results.part("machine").items()}
    if isinstance(memory := facts.get("machine: memory_bytes"), int):
        facts["machine: memory_bytes"] = size(memory)
    facts |= {f"run: {key}": value for key, value in results.part("runtime").items()}
    facts |= {key: results.run.get(key) for key in ("started", "ended")}
    table = pairs("Where and how it ran.", [(key, numbers.fact(value)) for key, value in facts.items()])
    libraries = "\n".join(f"{name} {numbers.fact(version)}" for name, version in results.part("libraries").items())
    return Section("Environment", (table, *([Code(libraries, "Library versions")] if libraries else [])))


def repeat(results: Results) -> Section:
    """Say how to get the same numbers again."""
    harness, suite = results.part("harness"), results.part("suite")
    said = f"retrieval-harness {numbers.fact(harness.get('version'))}, commit {numbers.fact(harness.get('commit'))}"
    blocks: list[Block] = [say(f"With {said}:")]
    blocks.append(Code(numbers.fact(results.run.get("command"))))
    if text := suite.get("text"):
        blocks.append(
            Code(str(text), f"The suite, {numbers.fact(suite.get('file'))} ({_short(suite.get('fingerprint'))})")
        )
    return Section("How to repeat it", tuple(blocks))


def _short(checksum: Any) -> str:
    return numbers.fact(checksum)[:SHORT] if checksum else numbers.NOTHING


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def objects(values: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list of run.json, and none where it is something else."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
