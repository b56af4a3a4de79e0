"""Anomalies of a collection: found once, when it is imported, and reported with every number measured on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.judgements import Qrels
from harness.artifacts.text import Corpus, Queries, Texts

BATCH = 65_536
"""The number of texts that are read at a time."""
EXAMPLES = 3
"""The number of ids that are kept as examples of an anomaly."""
MANY_SHARED = 0.01
"""The share of queries above which shared ids are unlikely to be an accident."""
HIGHEST = 4
"""The highest grade that is common in published judgements."""
ANOMALIES: dict[str, str] = {
    "judged_documents_missing": "judgements of documents that are not in the corpus, so that no system can find them",
    "judged_queries_missing": "judged queries that are not among the queries, so that they are not run",
    "empty_documents": "documents without text",
    "empty_queries": "queries without text, which find nothing and count 0",
    "duplicate_documents": "documents with the same text as another one; they rank next to it by id, judged or not",
    "duplicate_queries": "queries with the same text as another one",
    "queries_without_relevant": "queries without a relevant document, which count 0 for every system",
    "positives_equal_to_query": "judgements above 0 of a document with the same text as its query",
}
"""What each count is of. The first of equal texts by id is not a duplicate, and neither is an empty text."""


@dataclass(frozen=True)
class Hygiene:
    """The anomalies of a collection; `findings` is empty for a clean one."""

    counts: dict[str, int]
    """By the names of `ANOMALIES`, and two more: `shared_ids`, query ids that are also document ids, and
    `judged_themselves`, queries for which the document with the same id is judged above 0."""
    grades: dict[str, int]
    """The number of judgements with each grade, after `grades` of the data set was applied."""
    examples: dict[str, list[str]]
    """Some ids for each count above 0."""
    findings: list[str]
    """What a reader of the numbers should know, one sentence each."""

    def document(self) -> dict[str, Any]:
        """Return the anomalies for JSON."""
        return asdict(self)


def examine(corpus: Corpus, queries: Queries, qrels: Qrels, *, ignore_identical_ids: bool = False) -> Hygiene:
    """Look for anomalies in a collection, in bounded memory; the texts are read once."""
    found = dict(_find(corpus, queries, qrels))
    grades, times = np.unique(qrels.grades, return_counts=True)
    counts = {name: len(ids) for name, ids in found.items()}
    examples = {name: ids[:EXAMPLES].to_pylist() for name, ids in found.items() if len(ids)}
    findings = [
        *_describe(counts, examples),
        *_describe_shared_ids(counts, len(queries), ignored=ignore_identical_ids),
        *_describe_grades(grades.tolist()),
    ]
    by_grade = {str(grade): int(count) for grade, count in zip(grades, times, strict=True)}
    return Hygiene(counts, by_grade, examples, findings)


def _find(corpus: Corpus, queries: Queries, qrels: Qrels) -> Iterator[tuple[str, pa.Array]]:
    """Yield the name of each count and the ids counted."""
    table = qrels.table.combine_chunks()
    query_rows, doc_rows = queries.find(table["query_id"]), corpus.find(table["doc_id"])
    positive = pc.greater(table["grade"], 0).combine_chunks()
    yield "judged_documents_missing", _ids(table["doc_id"].filter(pc.is_null(doc_rows)))
    yield "judged_queries_missing", pc.unique(_ids(table["query_id"].filter(pc.is_null(query_rows))))
    for texts, name in ((corpus, "documents"), (queries, "queries")):
        empty, repeated = _repeats(texts)
        yield f"empty_{name}", empty
        yield f"duplicate_{name}", repeated
    ids = _ids(queries.table["id"])
    answered = pc.is_in(ids, value_set=pc.unique(table["query_id"].filter(positive)))
    yield "queries_without_relevant", ids.filter(pc.invert(answered))
    yield "shared_ids", ids.filter(pc.is_valid(corpus.find(queries.table["id"])))
    same = pc.and_(pc.equal(table["query_id"], table["doc_id"]), positive)
    yield "judged_themselves", _ids(table["query_id"].filter(same))
    present = pc.and_(pc.and_(pc.is_valid(query_rows), pc.is_valid(doc_rows)), positive)
    equal = _equal_texts(queries, corpus, query_rows.filter(present), doc_rows.filter(present))
    yield "positives_equal_to_query", _ids(table["query_id"].filter(present)).filter(equal)


def _ids(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _repeats(texts: Texts) -> tuple[pa.Array, pa.Array]:
    """Return the ids of empty texts and of texts equal to an earlier one, compared by 128-bit hashes."""
    hashes, blank = bytearray(), np.zeros(len(texts), bool)
    for start in range(0, len(texts), BATCH):
        part = texts.take(slice(start, start + BATCH)).texts
        for place, text in enumerate(part, start):
            if not text or text.isspace():
                blank[place] = True
            hashes += hashlib.blake2b(text.encode(), digest_size=16).digest()
    halves = np.frombuffer(bytes(hashes), dtype=np.uint64).reshape(-1, 2)
    order = np.lexsort((np.arange(len(halves)), halves[:, 1], halves[:, 0]))
    equal = (halves[order[1:]] == halves[order[:-1]]).all(axis=1)
    repeated = np.zeros(len(texts), bool)
    repeated[order[1:]] = equal
    ids = texts.table["id"]
    return _ids(ids.filter(pa.array(blank))), _ids(ids.filter(pa.array(repeated & ~blank)))


def _equal_texts(queries: Queries, corpus: Corpus, query_rows: pa.Array, doc_rows: pa.Array) -> pa.Array:
    """Return for each pair of rows whether the texts are equal, ignoring case and white space; bool[pairs]."""
    equal = np.zeros(len(query_rows), bool)
    for start in range(0, len(query_rows), BATCH):
        pairs = [
            texts.table["text"].take(rows.slice(start, BATCH)).to_pylist()
            for texts, rows in ((queries, query_rows), (corpus, doc_rows))
        ]
        equal[start : start + BATCH] = [_plain(query) == _plain(doc) for query, doc in zip(*pairs, strict=True)]
    return pa.array(equal)


def _plain(text: str) -> list[str]:
    return text.casefold().split()


def _describe(counts: dict[str, int], examples: dict[str, list[str]]) -> Iterator[str]:
    """Yield one finding for each kind of anomaly that occurs."""
    for name, description in ANOMALIES.items():
        if count := counts[name]:
            some = ", ".join(map(repr, examples[name])) + (", …" if count > EXAMPLES else "")
            yield f"{description}: {count:,} ({some})"


def _describe_shared_ids(counts: dict[str, int], queries: int, *, ignored: bool) -> Iterator[str]:
    """Explain ids that queries share with documents, if there are many or if such a document is judged relevant."""
    if not counts["shared_ids"]:
        return
    share = counts["shared_ids"] / max(queries, 1)
    finding = f"query ids that are also document ids: {counts['shared_ids']:,} ({share:.1%} of the queries)"
    if ignored:
        yield f"{finding}; these documents are removed from the results of their queries (ignore_identical_ids)"
    elif share > MANY_SHARED:
        yield (
            f"{finding}; if the queries are part of the corpus, each finds itself first, which lowers every value: "
            "`ignore_identical_ids: true` removes the document with the id of the query, before any cut-off. "
            "If the ids are equal by coincidence, leave the setting as it is"
        )
    if count := counts["judged_themselves"]:
        why = "it can never be found" if ignored else "any system finds it by its text, if that is the query's"
        yield f"queries whose document of the same id is judged relevant: {count:,}; {why}"


def _describe_grades(grades: list[int]) -> Iterator[str]:
    """Yield what is unusual about the grades that occur, given in ascending order."""
    if not grades:
        return
    listed = ", ".join(map(str, grades[:12])) + (", …" if len(grades) > 12 else "")
    if grades[0] < 0:
        yield f"some grades are negative ({listed}): they count as not relevant and have no gain"
    if grades[-1] > HIGHEST:
        yield f"the grades go up to {grades[-1]} ({listed}): check that higher is better, and that the gains are right"
    if missing := sorted(set(range(1, min(grades[-1], 1000))) - set(grades)):
        which = ", ".join(map(str, missing[:6])) + (", …" if len(missing) > 6 else "")
        yield f"no judgement has the grade {which}, although higher ones occur ({listed})"
    if grades[-1] <= 0:
        yield f"no grade is above 0 ({listed}): nothing is relevant, and every measure is 0"
