"""What is odd about a collection: looked for once, when it is taken in, and told with every number measured on it."""

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
EXAMPLES = 3
MANY_SHARED = 0.01
"""Beyond this share of the queries, an id that is a document's too is no accident."""
HIGHEST = 4
"""A grade above it is rare in published judgements."""
SAID: dict[str, str] = {
    "judged_documents_missing": "judgements of documents that the corpus does not hold, which no system can find",
    "judged_queries_missing": "judged queries that are not among the queries and are not asked",
    "empty_documents": "documents without text",
    "empty_queries": "queries without text, for which nothing can be found and which count 0",
    "duplicate_documents": "documents with the text of another one, ranked beside it by id whether judged or not",
    "duplicate_queries": "queries with the text of another one",
    "queries_without_relevant": "queries without a relevant document, which count 0 for every system",
    "positives_equal_to_query": "judgements above 0 of a document that has the text of its query",
}
"""What is counted, and how it is told. A duplicate is told from the first of its kind by id, and is not empty."""


@dataclass(frozen=True)
class Hygiene:
    """What was found; a collection without `findings` raises no question."""

    counts: dict[str, int]
    """By the words of `SAID`; `shared_ids` are query ids that are document ids too, `judged_themselves` queries for
    which the document of the same id is judged above 0."""
    grades: dict[str, int]
    """How many judgements bear each grade, as it is read."""
    examples: dict[str, list[str]]
    """Some ids for each count above 0."""
    findings: list[str]
    """What should be known of it, in sentences."""

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def examine(corpus: Corpus, queries: Queries, qrels: Qrels, *, ignore_identical_ids: bool = False) -> Hygiene:
    """Look at a collection, in bounded memory; the texts are read once."""
    found = dict(_look(corpus, queries, qrels))
    grades, times = np.unique(qrels.grades, return_counts=True)
    counts = {name: len(ids) for name, ids in found.items()}
    examples = {name: ids[:EXAMPLES].to_pylist() for name, ids in found.items() if len(ids)}
    findings = [
        *_say(counts, examples),
        *_say_shared(counts, len(queries), ignored=ignore_identical_ids),
        *_say_grades(grades.tolist()),
    ]
    held = {str(grade): int(count) for grade, count in zip(grades, times, strict=True)}
    return Hygiene(counts, held, examples, findings)


def _look(corpus: Corpus, queries: Queries, qrels: Qrels) -> Iterator[tuple[str, pa.Array]]:
    """Give the ids of what is odd, by kind."""
    table = qrels.table.combine_chunks()
    asked, judged = queries.find(table["query_id"]), corpus.find(table["doc_id"])
    positive = pc.greater(table["grade"], 0).combine_chunks()
    yield "judged_documents_missing", _ids(table["doc_id"].filter(pc.is_null(judged)))
    yield "judged_queries_missing", pc.unique(_ids(table["query_id"].filter(pc.is_null(asked))))
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
    whole = pc.and_(pc.and_(pc.is_valid(asked), pc.is_valid(judged)), positive)
    alike = _alike(queries, corpus, asked.filter(whole), judged.filter(whole))
    yield "positives_equal_to_query", _ids(table["query_id"].filter(whole)).filter(alike)


def _ids(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _repeats(texts: Texts) -> tuple[pa.Array, pa.Array]:
    """Return the ids of empty texts, and of those that say what one before them says; by 128 bits of a hash each."""
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


def _alike(queries: Queries, corpus: Corpus, asked: pa.Array, judged: pa.Array) -> pa.Array:
    """Tell of pairs of rows whether query and document have the same text, capitals and white space apart."""
    alike = np.zeros(len(asked), bool)
    for start in range(0, len(asked), BATCH):
        pairs = [
            texts.table["text"].take(rows.slice(start, BATCH)).to_pylist()
            for texts, rows in ((queries, asked), (corpus, judged))
        ]
        alike[start : start + BATCH] = [_plain(one) == _plain(two) for one, two in zip(*pairs, strict=True)]
    return pa.array(alike)


def _plain(text: str) -> list[str]:
    return text.casefold().split()


def _say(counts: dict[str, int], examples: dict[str, list[str]]) -> Iterator[str]:
    """Put into sentences what somebody who reads a number should know."""
    for name, what in SAID.items():
        if count := counts[name]:
            some = ", ".join(map(repr, examples[name])) + (", …" if count > EXAMPLES else "")
            yield f"{what}: {count:,} ({some})"


def _say_shared(counts: dict[str, int], queries: int, *, ignored: bool) -> Iterator[str]:
    """Explain ids that queries share with documents, where there are many or such a document is judged."""
    if not counts["shared_ids"]:
        return
    share = counts["shared_ids"] / max(queries, 1)
    said = f"{counts['shared_ids']:,} query ids ({share:.1%}) are document ids too"
    if ignored:
        yield f"{said}: such a document is taken out of what its query finds (ignore_identical_ids)"
    elif share > MANY_SHARED:
        yield (
            f"{said}: if the queries stand in the corpus, each finds itself first and every number sinks; "
            "`ignore_identical_ids: true` takes a document that bears its query's id out, before the cut. "
            "If the ids are merely alike, leave it"
        )
    if count := counts["judged_themselves"]:
        what = "it can never be found" if ignored else "any system finds it by its text, if that is the query's"
        yield f"queries whose document of the same id is judged relevant: {count:,}; {what}"


def _say_grades(grades: list[int]) -> Iterator[str]:
    """Say what is out of the ordinary about the grades that occur, ascending."""
    if not grades:
        return
    listed = ", ".join(map(str, grades[:12])) + (", …" if len(grades) > 12 else "")
    if grades[0] < 0:
        yield f"some grades are negative ({listed}): they count as not relevant, and gain nothing"
    if grades[-1] > HIGHEST:
        yield f"the grades go up to {grades[-1]} ({listed}): check that more is better, and so much better"
    if missing := sorted(set(range(1, min(grades[-1], 1000))) - set(grades)):
        which = ", ".join(map(str, missing[:6])) + (", …" if len(missing) > 6 else "")
        yield f"no judgement bears the grade {which}, though higher ones occur ({listed})"
    if grades[-1] <= 0:
        yield f"no grade is above 0 ({listed}): nothing is relevant, and every measure is 0"
