"""A result folder held against itself: checksums, the stored runs scored again, and what run.json says of them."""

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
from harness.results.layout import MEASUREMENTS, PER_QUERY, RUN
from harness.results.manifest import DAMAGED, MANIFEST, Finding, check_manifest
from harness.results.read import read_facts
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
"""Two calculations of one number on different machines may differ in the last bits."""


def verify(path: Path) -> Verdict:
    """Check every checksum, score the stored runs again, and compare with what was recorded.

    Checksums find every changed byte. The scoring knows nothing of them, so it finds a changed number, judgement or
    order even where somebody wrote the checksums anew. Raises UserError where there is no result folder.
    """
    folder = path.parent if path.name == RUN else path
    verdict = Verdict(relative(folder))
    if (folder / MANIFEST).is_file():
        verdict.differs += check_manifest(folder)
        verdict.checked.append("every file against the checksums of its manifest")
    elif read_facts(folder).get("manifest"):
        verdict.differs.append(Finding(Place(relative(folder / MANIFEST)), "is missing, and run.json names it"))
    else:
        verdict.checked.append("no checksums: the result is older than manifests are, so that only numbers are checked")
    try:
        _Checker(Results.load(folder), verdict).check()
    except UserError as error:
        verdict.differs.append(Finding(error.place or Place(relative(folder)), error.message))
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # of parts that are no longer what they were
        message = f"does not hold what a result holds, so that nothing more can be checked: {error}"
        verdict.differs.append(Finding(Place(relative(folder / RUN)), message))
    return verdict


class _Key(NamedTuple):
    dataset: str
    system: str
    measure: str

    def __str__(self) -> str:
        return f"{self.measure} of {self.system} on {self.dataset}"


class _Checker:
    """Scores every stored run of one result folder and holds the recorded numbers against the scores."""

    def __init__(self, results: Results, verdict: Verdict) -> None:
        self.results, self.verdict = results, verdict
        self.files = results.part("files")

    def differs(self, name: str, message: str, line: int | None = None) -> None:
        found = Finding(Place(relative(self.results.folder / name), line), message)
        if found not in self.verdict.differs:
            self.verdict.differs.append(found)

    def check(self) -> None:
        before = len(self.verdict.differs)
        measures = self.measures()
        self.lines()
        scored = {dataset: self.dataset(dataset, measures) for dataset in self.files.get("runs", {})}
        for dataset, systems in scored.items():
            for system, values in systems.items():
                for measure in self.results.measures:
                    self.number(_Key(dataset, system, measure), values)
                if values is not None:
                    self.counts(dataset, system, values)
        for message, line in lap_differences(self.results, self.numbered):
            self.differs(MEASUREMENTS, message, line)
        self.strangers({(dataset, system) for dataset, systems in scored.items() for system in systems})
        for message in fact_differences(self.results):
            self.differs(RUN, message)
        runs = sum(map(len, scored.values()))
        if len(self.verdict.differs) == before:
            self.verdict.checked.append(
                f"{len(measures)} measures of {runs} runs scored again: means, intervals, counts and values a query"
            )
            if self.results.part("latency"):
                self.verdict.checked.append("latency: percentiles, means and ratios calculated again from the laps")

    def lines(self) -> None:
        """Hold the lines of the TREC files against what run.json says of them: a second record, beside the manifest."""
        for place, checksum in self.files.get("sha256", {}).items():
            try:
                if lines_checksum(self.results.folder / place) != checksum:
                    self.differs(place, f"its lines are not those whose checksum {RUN} gives under files")
            except DAMAGED as error:
                self.differs(place, f"cannot be unpacked: {error}")

    def measures(self) -> dict[str, Measure]:
        """Return the measures that can be calculated here."""
        found = {}
        for name in self.results.measures:
            try:
                found[name] = parse(name)
            except UserError as error:
                self.verdict.unchecked.append(f"{name} is not scored again, only averaged: {error}")
        return found

    def dataset(self, dataset: str, measures: Mapping[str, Measure]) -> dict[str, Rescored | None]:
        """Score all runs of a data set; None for a run that cannot be read."""
        runs = self.files["runs"][dataset]
        place = self.files.get("qrels", {}).get(dataset)
        try:
            if place is None:
                raise DataError(f"names no judgements of {dataset!r}", Place(relative(self.results.folder / RUN)))
            qrels, renamed = self.qrels(dataset, self.results.folder / place)
        except DataError as error:
            self.note(error)
            return dict.fromkeys(runs)
        return {system: self.score(dataset, system, qrels, renamed, list(measures.values())) for system in runs}

    def score(
        self, dataset: str, system: str, qrels: Qrels, renamed: Renaming, measures: list[Measure]
    ) -> Rescored | None:
        """Score the run of a system, and that of its passages where these are measured; None for a damaged file."""
        place, of_passages = self.files["runs"][dataset][system], [one for one in measures if of_spans(one)]
        try:
            run = read_run(self.results.folder / place, renamed)
            found = rescore(run, qrels, [one for one in measures if one not in of_passages])
            if not of_passages:
                return found
            place = self.files.get("passages", {}).get(dataset, {}).get(system)
            run = read_run(self.results.folder / place, renamed) if place else run
            beside = rescore_passages(read_evidence(self.results, dataset, system, run), of_passages)
        except DataError as error:
            self.note(error)
            return None
        except UserError as error:
            beside = Rescored({}, {str(one): str(error) for one in of_passages}, {})
        return Rescored(found.values | beside.values, found.failed | beside.failed, found.counts)

    def note(self, error: DataError) -> None:
        self.verdict.differs.append(Finding(error.place or Place(self.verdict.folder), error.message))

    def qrels(self, dataset: str, file: Path) -> tuple[Qrels, Renaming]:
        """Read the judgements, hold them against what run.json says of them, and say how ids are to be read."""
        said = self.results.part("datasets").get(dataset, {})
        for renamed in (with_spaces, as_written):
            qrels = read_qrels(file, renamed)
            if qrels.checksum() == said.get("qrels"):
                return qrels, renamed
        name = file.relative_to(self.results.folder).as_posix()
        self.differs(name, f"the checksum of the judgements is not the one that {RUN} gives for {dataset}")
        return read_qrels(file, with_spaces), with_spaces

    @cached_property
    def numbered(self) -> list[tuple[int, Measurement]]:
        """All measurements, with their lines."""
        text = (self.results.folder / MEASUREMENTS).read_bytes()
        numbers = [number for number, line in enumerate(text.split(b"\n"), 1) if line.strip()]
        return list(zip(numbers, self.results.measurements, strict=True))

    @cached_property
    def rows(self) -> dict[_Key, list[tuple[int, Measurement]]]:
        """The measurements of whole systems, with their lines."""
        found: dict[_Key, list[tuple[int, Measurement]]] = {}
        for number, row in self.numbered:
            if row.stage is None:
                found.setdefault(_Key(row.dataset, row.system, row.quantity), []).append((number, row))
        return found

    @cached_property
    def kept(self) -> dict[_Key, dict[str, float]]:
        """The values a query of per_query.parquet."""
        table = self.results.per_query()
        found: dict[_Key, dict[str, float]] = {}
        columns = (table[name].to_pylist() for name in ("dataset", "system", "quantity", "query_id", "value"))
        for dataset, system, measure, query, value in zip(*columns, strict=True):
            values = found.setdefault(_Key(dataset, system, measure), {})
            if query in values:
                self.differs(PER_QUERY, f"{_Key(dataset, system, measure)} stands twice for the query {query!r}")
            values[query] = value
        return found

    def number(self, key: _Key, scored: Rescored | None) -> None:
        """Hold the values a query and their mean against the scores; without those, the mean against the values."""
        rows = [(line, row) for line, row in self.rows.get(key, []) if not row.failed]
        if not self.rows.get(key):
            self.differs(MEASUREMENTS, f"{key} is missing, and there is a run of it")
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
            for name, due in (("value", expected.mean), ("low", expected.low), ("high", expected.high)):
                self.compare(f"{key}: {name}", getattr(row, name), due, line)
            if row.n != expected.n:
                self.differs(MEASUREMENTS, f"{key}: n is {row.n}, but {expected.n} queries are judged", line)

    def counts(self, dataset: str, system: str, scored: Rescored) -> None:
        """Hold the counts that stand beside the measures against those of the files."""
        missing = self.results.value(dataset, system, "missing_queries") or 0
        for quantity, count in scored.counts.items():
            due = (
                count - missing if quantity == "empty_queries" else missing if quantity == "missing_queries" else count
            )
            for line, row in self.rows.get(_Key(dataset, system, quantity), []):
                self.compare(f"{quantity} of {system} on {dataset}", row.value, due, line)

    def compare(self, what: str, found: float | None, due: float, line: int) -> None:
        if found is None or not abs(found - due) <= TOLERANCE:
            self.differs(MEASUREMENTS, f"{what} is {found!r}, but the stored run gives {due!r}", line)

    def per_query(self, key: _Key, kept: Mapping[str, float], due: Mapping[str, float]) -> None:
        """Name the first value that differs, and how many more."""
        wrong = list(_differences(kept, due))
        if wrong:
            more = f", and {len(wrong) - 1} more queries differ" if len(wrong) > 1 else ""
            self.differs(PER_QUERY, f"{key}: {wrong[0]}{more}")

    def strangers(self, scored: set[tuple[str, str]]) -> None:
        """Name numbers that no stored run stands behind."""
        measures = set(self.results.measures)
        for key, rows in self.rows.items():
            if key.measure in measures and (key.dataset, key.system) not in scored:
                for line, row in rows:
                    if not row.failed:
                        self.differs(MEASUREMENTS, f"{key}: {RUN} names no run file behind it", line)
        for key in self.kept:
            if key not in self.rows:
                self.differs(PER_QUERY, f"{key} stands here and not in {MEASUREMENTS}")


def _differences(kept: Mapping[str, float], due: Mapping[str, float]) -> Iterator[str]:
    for query in sorted({*kept, *due}):
        if query not in kept:
            yield f"the query {query!r} is missing"
        elif query not in due:
            yield f"the query {query!r} is not judged"
        elif not abs(kept[query] - due[query]) <= TOLERANCE:
            yield f"the query {query!r} has {kept[query]!r}, but the stored run gives {due[query]!r}"
