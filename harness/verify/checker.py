"""Check a result folder against itself: checksums, the stored runs scored again, and run.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.artifacts.judgements import Qrels
from harness.artifacts.trec.write import lines_checksum
from harness.errors import DataError, Place, UserError, relative
from harness.measures.scoring.names import Measure
from harness.measures.scoring.parse import of_spans, parse
from harness.results import Measurement, Results
from harness.results.facts import DatasetFacts
from harness.results.files import read_run_json
from harness.results.layout import MEASUREMENTS, PER_QUERY, RUN
from harness.results.manifest import DAMAGED, MANIFEST, Finding, check_manifest
from harness.statistics import mean_interval
from harness.verify.facts import fact_differences
from harness.verify.laps import lap_differences
from harness.verify.passages import read_evidence
from harness.verify.rescore import (
    Renaming,
    Rescored,
    as_written,
    read_qrels,
    read_run,
    rescore,
    rescore_passages,
    with_spaces,
)
from harness.verify.verdict import Verdict

TOLERANCE = 1e-12
"""The largest difference that is ignored: machines may differ in the last bits of a number."""


def verify(path: Path) -> Verdict:
    """Check every checksum, score the stored runs again, and compare the scores with the recorded numbers.

    Checksums find every changed byte. Scoring does not depend on them, so it finds a changed number, judgement or
    ranking even if the checksums were rewritten. Raises UserError if there is no result folder.
    """
    folder = path.parent if path.name == RUN else path
    verdict = Verdict(relative(folder))
    if (folder / MANIFEST).is_file():
        verdict.differs += check_manifest(folder)
        verdict.checked.append("every file against the checksums of its manifest")
    elif read_run_json(folder).get("manifest"):
        verdict.differs.append(Finding(Place(relative(folder / MANIFEST)), "is missing, although run.json names it"))
    else:
        verdict.checked.append("no checksums, because the result is older than manifests: only the numbers")
    try:
        _Checker(Results.load(folder), verdict).check()
    except UserError as error:
        verdict.differs.append(Finding(error.place or Place(relative(folder)), error.message))
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # from parts that no longer fit together
        message = f"is not consistent with the other files, so nothing more can be checked: {error}"
        verdict.differs.append(Finding(Place(relative(folder / RUN)), message))
    return verdict


class _Key(NamedTuple):
    dataset: str
    system: str
    measure: str

    def __str__(self) -> str:
        return f"{self.measure} of {self.system} on {self.dataset}"


class _Checker:
    """Scores every stored run of one result folder and compares the recorded numbers with the scores."""

    def __init__(self, results: Results, verdict: Verdict) -> None:
        self.results, self.verdict = results, verdict
        self.files = results.facts.files

    def differs(self, name: str, message: str, line: int | None = None) -> None:
        finding = Finding(Place(relative(self.results.folder / name), line), message)
        if finding not in self.verdict.differs:
            self.verdict.differs.append(finding)

    def check(self) -> None:
        before = len(self.verdict.differs)
        measures = self.measures()
        self.lines()
        scored = {dataset: self.dataset(dataset, measures) for dataset in self.files.runs}
        for dataset, systems in scored.items():
            for system, values in systems.items():
                for measure in self.results.measures:
                    self.number(_Key(dataset, system, measure), values)
                if values is not None:
                    self.counts(dataset, system, values)
        for message, line in lap_differences(self.results, self.numbered):
            self.differs(MEASUREMENTS, message, line)
        self.without_run({(dataset, system) for dataset, systems in scored.items() for system in systems})
        for message in fact_differences(self.results):
            self.differs(RUN, message)
        runs = sum(map(len, scored.values()))
        if len(self.verdict.differs) == before:
            self.verdict.checked.append(
                f"{len(measures)} measures of {runs} runs scored again: means, intervals, counts and values per query"
            )
            if self.results.facts.latency:
                self.verdict.checked.append("latency: percentiles, means and ratios computed again from the laps")

    def lines(self) -> None:
        """Compare the lines of the TREC files with the checksums in run.json, a second record besides the manifest."""
        for path, checksum in self.files.sha256.items():
            try:
                if lines_checksum(self.results.folder / path) != checksum:
                    self.differs(path, f"the checksum of its lines is not the one that {RUN} gives under files")
            except DAMAGED as error:
                self.differs(path, f"cannot be unpacked: {error}")

    def measures(self) -> dict[str, Measure]:
        """Return the measures that can be computed here."""
        measures = {}
        for name in self.results.measures:
            try:
                measures[name] = parse(name)
            except UserError as error:
                self.verdict.unchecked.append(f"{name} is not scored again, only averaged: {error}")
        return measures

    def dataset(self, dataset: str, measures: Mapping[str, Measure]) -> dict[str, Rescored | None]:
        """Score all runs of a data set, by system; None for a run that cannot be read."""
        runs = self.files.runs[dataset]
        path = self.files.qrels.get(dataset)
        try:
            if path is None:
                raise DataError(f"names no judgements of {dataset!r}", Place(relative(self.results.folder / RUN)))
            qrels, renamed = self.qrels(dataset, self.results.folder / path)
        except DataError as error:
            self.note(error)
            return dict.fromkeys(runs)
        return {system: self.score(dataset, system, qrels, renamed, list(measures.values())) for system in runs}

    def score(
        self, dataset: str, system: str, qrels: Qrels, renamed: Renaming, measures: list[Measure]
    ) -> Rescored | None:
        """Score the run of a system, and its run of passages if they are measured; None for a damaged file."""
        of_passages = [measure for measure in measures if of_spans(measure)]
        try:
            run = read_run(self.results.folder / self.files.runs[dataset][system], renamed)
            scored = rescore(run, qrels, [measure for measure in measures if measure not in of_passages])
            if not of_passages:
                return scored
            path = self.files.passages.get(dataset, {}).get(system)
            run = read_run(self.results.folder / path, renamed) if path else run
            passages = rescore_passages(read_evidence(self.results, dataset, system, run), of_passages)
        except DataError as error:
            self.note(error)
            return None
        except UserError as error:
            passages = Rescored({}, {str(measure): str(error) for measure in of_passages}, {})
        return Rescored(scored.values | passages.values, scored.failed | passages.failed, scored.counts)

    def note(self, error: DataError) -> None:
        self.verdict.differs.append(Finding(error.place or Place(self.verdict.folder), error.message))

    def qrels(self, dataset: str, file: Path) -> tuple[Qrels, Renaming]:
        """Read the judgements and compare them with their checksum in run.json; return also how ids have to be read."""
        checksum = self.results.facts.datasets.get(dataset, DatasetFacts()).qrels
        for renamed in (with_spaces, as_written):
            qrels = read_qrels(file, renamed)
            if qrels.checksum() == checksum:
                return qrels, renamed
        name = file.relative_to(self.results.folder).as_posix()
        self.differs(name, f"the checksum of the judgements is not the one that {RUN} gives for {dataset}")
        return read_qrels(file, with_spaces), with_spaces

    @cached_property
    def numbered(self) -> list[tuple[int, Measurement]]:
        """All measurements with their line numbers."""
        text = (self.results.folder / MEASUREMENTS).read_bytes()
        numbers = [number for number, line in enumerate(text.split(b"\n"), 1) if line.strip()]
        return list(zip(numbers, self.results.measurements, strict=True))

    @cached_property
    def rows(self) -> dict[_Key, list[tuple[int, Measurement]]]:
        """The measurements of whole systems, with their line numbers."""
        rows: dict[_Key, list[tuple[int, Measurement]]] = {}
        for number, row in self.numbered:
            if row.stage is None:
                rows.setdefault(_Key(row.dataset, row.system, row.quantity), []).append((number, row))
        return rows

    @cached_property
    def kept(self) -> dict[_Key, dict[str, float]]:
        """The values of per_query.parquet, by query."""
        table = self.results.per_query()
        kept: dict[_Key, dict[str, float]] = {}
        columns = (table[name].to_pylist() for name in ("dataset", "system", "quantity", "query_id", "value"))
        for dataset, system, measure, query, value in zip(*columns, strict=True):
            values = kept.setdefault(_Key(dataset, system, measure), {})
            if query in values:
                self.differs(PER_QUERY, f"{_Key(dataset, system, measure)} is listed twice for the query {query!r}")
            values[query] = value
        return kept

    def number(self, key: _Key, scored: Rescored | None) -> None:
        """Compare the values per query and their mean with the scores; without scores, the mean with the values."""
        rows = [(line, row) for line, row in self.rows.get(key, []) if not row.failed]
        if not self.rows.get(key):
            self.differs(MEASUREMENTS, f"{key} is missing, although there is a run")
        if not rows:
            return
        kept = self.kept.get(key, {})
        if scored is not None and key.measure in scored.failed:
            self.verdict.unchecked.append(f"{key} cannot be scored again: {scored.failed[key.measure]}")
        if scored is not None and key.measure in scored.values:
            values = scored.values[key.measure]
            self.per_query(key, kept, values)
        else:
            values = kept
        expected = mean_interval(np.array([values[query] for query in sorted(values)]))
        for line, row in rows:
            for name, end in (("value", expected.mean), ("low", expected.low), ("high", expected.high)):
                self.compare(f"{key}: {name}", getattr(row, name), end, line)
            if row.n != expected.n:
                self.differs(MEASUREMENTS, f"{key}: n is {row.n}, but {expected.n} queries are judged", line)

    def counts(self, dataset: str, system: str, scored: Rescored) -> None:
        """Compare the recorded counts of queries, ties and unjudged documents with those of the files."""
        missing = self.results.value(dataset, system, "missing_queries") or 0
        for quantity, count in scored.counts.items():
            expected = count - missing if quantity == "empty_queries" else count
            for line, row in self.rows.get(_Key(dataset, system, quantity), []):
                self.compare(f"{quantity} of {system} on {dataset}", row.value, expected, line)

    def compare(self, name: str, recorded: float | None, expected: float, line: int) -> None:
        if recorded is None or not abs(recorded - expected) <= TOLERANCE:
            self.differs(MEASUREMENTS, f"{name} is {recorded!r}, but the stored run gives {expected!r}", line)

    def per_query(self, key: _Key, kept: Mapping[str, float], expected: Mapping[str, float]) -> None:
        """Report the first value that differs, and the number of others."""
        wrong = list(_differences(kept, expected))
        if wrong:
            more = f", and {len(wrong) - 1} more queries differ" if len(wrong) > 1 else ""
            self.differs(PER_QUERY, f"{key}: {wrong[0]}{more}")

    def without_run(self, scored: set[tuple[str, str]]) -> None:
        """Report numbers that no stored run supports."""
        measures = set(self.results.measures)
        for key, rows in self.rows.items():
            if key.measure in measures and (key.dataset, key.system) not in scored:
                for line, row in rows:
                    if not row.failed:
                        self.differs(MEASUREMENTS, f"{key}: {RUN} names no run file for it", line)
        for key in self.kept:
            if key not in self.rows:
                self.differs(PER_QUERY, f"{key} is here but not in {MEASUREMENTS}")


def _differences(kept: Mapping[str, float], expected: Mapping[str, float]) -> Iterator[str]:
    for query in sorted({*kept, *expected}):
        if query not in kept:
            yield f"the query {query!r} is missing"
        elif query not in expected:
            yield f"the query {query!r} is not judged"
        elif not abs(kept[query] - expected[query]) <= TOLERANCE:
            yield f"the query {query!r} has {kept[query]!r}, but the stored run gives {expected[query]!r}"
