"""The table of quantities: name, unit, meaning and direction of every number in a result that is not a measure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from typing import Literal, NamedTuple, TypeAlias

Mode: TypeAlias = Literal["single", "offline", "server", "cold", "memory", "energy"]
PLACEHOLDERS = {
    "B": r"\d+",
    "k": r"\d+",
    "R": r"[\d.e+-]+",
    "measure": ".+",
    "currency": "[a-z]{3}",
}
"""The parts of a name that vary, as regular expressions: B is a batch size, k a cut-off, R a rate in queries/s."""


class Better(StrEnum):
    """The direction in which a quantity improves."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


class Group(StrEnum):
    """The kinds of quantities, in the order in which they are listed."""

    QUALITY = "quality"
    COUNT = "count"
    LATENCY = "latency"
    THROUGHPUT = "throughput"
    MEMORY = "memory"
    ENERGY = "energy"
    MAKING = "making"
    SIZE = "size"
    CONTEXT = "context"
    TOKENS = "tokens"
    COST = "cost"


@dataclass(frozen=True)
class Quantity:
    """One quantity, or a family of them whose names differ in a number or a measure."""

    pattern: str
    """The name; varying parts are in braces, as in `query_rate@{B}`."""
    units: tuple[str, ...]
    """The unit, or several where it depends on the stage; "" for a share or a ratio."""
    about: str
    """What the number is, in one sentence."""
    better: Better
    group: Group
    mode: Mode | None = None
    """The mode of latency that measures it; None where a run measures it without timing anything."""

    @property
    def name(self) -> str:
        """The name for people, as `query_rate@B`."""
        return re.sub("[{}]", "", self.pattern)

    @property
    def unit(self) -> str:
        """The unit for people, as `documents/s or passages/s`."""
        return " or ".join(self.units)

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """The regular expression of its names, with a group for each varying part."""
        parts = re.split(r"{(\w+)}", self.pattern)
        fixed, varying = map(re.escape, parts[::2]), [f"(?P<{part}>{PLACEHOLDERS[part]})" for part in parts[1::2]]
        return re.compile("".join(a + b for a, b in zip(fixed, [*varying, ""], strict=True)))


class Known(NamedTuple):
    """A quantity that a name stands for, and the varying parts of the name."""

    quantity: Quantity
    parts: dict[str, str]


def _rows(group: Group, better: Better, *rows: tuple[str, str, str], mode: Mode | None = None) -> tuple[Quantity, ...]:
    """Make the quantities of a group from names, units (separated by " or ") and sentences."""
    return tuple(Quantity(name, tuple(unit.split(" or ")), about, better, group, mode) for name, unit, about in rows)


QUALITY = _rows(
    Group.QUALITY, Better.HIGHER,
    ("index_recall@{k}", "", "Share of the first k documents of exact search that an approximate index finds too."),
    ("ceiling@{k}_{measure}", "", "Value of the measure for the best order of a reranker's first k candidates."),
    ("context_span_recall", "", "Share of the characters of the gold spans that are in the reader's texts."),
    ("context_span_precision", "", "Share of the characters of the reader's texts that are in gold spans."),
    ("context_span_iou", "", "Characters in both the reader's texts and the gold spans, over those in either."),
)  # fmt: skip
COUNT = (
    *_rows(
        Group.COUNT, Better.LOWER,
        ("missing_queries", "queries", "Judged queries that are missing from the run; each scores 0."),
        ("empty_queries", "queries", "Judged queries that were asked and retrieved nothing; each scores 0."),
    ),
    *_rows(
        Group.COUNT, Better.NEITHER,
        ("no_relevant_queries", "queries", "Judged queries without a document of grade 1 or higher; each scores 0."),
        ("tied_at_{k}", "queries", "Queries whose documents at ranks k and k + 1 have the same score."),
        ("unjudged_at_{k}", "documents/query", "Mean number of unjudged documents in the first k."),
    ),
)  # fmt: skip
LATENCY = (
    *_rows(
        Group.LATENCY, Better.LOWER,
        ("latency_p50", "ms", "Median latency of one query at a time; with a stage, of that stage."),
        ("latency_p90", "ms", "90th percentile of the latency of one query at a time."),
        ("latency_p95", "ms", "95th percentile of the latency of one query at a time."),
        ("latency_p99", "ms", "99th percentile of the latency of one query at a time."),
        ("latency_max", "ms", "Highest latency of one query at a time, if there are too few laps for p99."),
        ("latency_mean", "ms", "Mean latency of one query at a time."),
        ("latency_ratio", "", "Median ratio of the latency to the latency of the reference, over pairs of laps."),
        ("latency_noise_floor", "", "Half-width of the interval of the reference's ratio to itself."),
        mode="single",
    ),
    *_rows(
        Group.LATENCY, Better.LOWER,
        ("server_p50@{R}", "ms", "Median response time when R queries/s arrive at random."),
        ("server_p95@{R}", "ms", "95th percentile of response times when R queries/s arrive at random."),
        ("server_p99@{R}", "ms", "99th percentile of response times when R queries/s arrive at random."),
        ("server_errors@{R}", "", "Share of requests that failed or timed out when R queries/s arrive at random."),
        mode="server",
    ),
    *_rows(
        Group.LATENCY, Better.LOWER,
        ("cold_import", "s", "Median time in which a fresh process imports the libraries of the system."),
        ("cold_open", "s", "Median time in which a fresh process loads the models and indexes of the system."),
        ("cold_first_query", "s", "Median time in which a fresh process answers its first query."),
        ("cold_total", "s", "Median time from the start of a process to its first answer."),
        mode="cold",
    ),
)  # fmt: skip
THROUGHPUT = (
    *_rows(
        Group.THROUGHPUT, Better.HIGHER,
        ("query_rate@{B}", "queries/s", "Queries per second, B at a time; with a stage, through that stage."),
        ("encode_rate@{B}", "documents/s or passages/s", "Documents per second through an encoder, B at a time."),
        ("chunk_rate", "documents/s or passages/s", "Documents per second through a chunker."),
        ("reduce_rate", "documents/s or passages/s", "Documents per second through a reduction of vectors."),
        ("index_rate", "documents/s or passages/s", "Documents per second that are added to an index."),
        mode="offline",
    ),
    *_rows(
        Group.THROUGHPUT, Better.HIGHER,
        ("server_max_rate", "queries/s", "Highest rate of random arrivals whose p99 keeps within the bound."),
        mode="server",
    ),
)  # fmt: skip
MEMORY = _rows(
    Group.MEMORY, Better.LOWER,
    ("peak_rss_bytes", "bytes", "Peak resident memory of a fresh process that runs only this stage."),
    ("peak_pss_bytes", "bytes", "Peak proportional set size of such a process; shared pages count in part."),
    ("peak_gpu_bytes", "bytes", "Peak GPU memory that torch reserved in such a process."),
    ("gpu_by_driver_bytes", "bytes", "GPU memory of such a process according to the driver."),
    mode="memory",
)  # fmt: skip
ENERGY = _rows(
    Group.ENERGY, Better.LOWER,
    ("energy_j_per_query", "J", "Energy per query above that of the idle machine, from hardware counters."),
    mode="energy",
)  # fmt: skip
MAKING = (
    *_rows(
        Group.MAKING, Better.HIGHER,
        ("encode_rate", "documents/s or passages/s", "Documents per second of the encoder when the vectors were made."),
    ),
    *_rows(
        Group.MAKING, Better.LOWER,
        ("build_seconds", "s", "Time that building the index took."),
        ("chunk_seconds", "s", "Time that chunking the documents took."),
        ("reduce_seconds", "s", "Time that reducing the vectors took."),
        ("reindex_seconds", "s", "Time of a stage that has to be repeated when a model changes."),
        ("gpu_seconds", "s", "Time of a stage on a machine whose GPU was in use."),
        ("halved_batches", "times", "Number of times that a batch did not fit in memory and was halved."),
    ),
)  # fmt: skip
SIZE = (
    *_rows(
        Group.SIZE, Better.LOWER,
        ("index_bytes", "bytes", "Size of all indexes of the system on disk."),
        ("index_memory_bytes", "bytes", "Size of the arrays of all indexes of the system in memory."),
        ("postings_bytes", "bytes", "Size of the postings of an inverted index."),
        ("vector_bytes", "bytes/document or bytes/passage", "Size of the vectors of one document or passage."),
        ("artifact_bytes", "bytes", "Size on disk of what a stage produced."),
        ("artifact_bytes_per_row", "bytes/document or bytes/passage", "Size on disk of that, per document or passage."),
    ),
    *_rows(
        Group.SIZE, Better.NEITHER,
        ("dimensions", "dimensions", "Dimensions of a vector."),
        ("tokens", "tokens/document or tokens/passage", "Mean number of token vectors of a document or passage."),
        ("active_dims", "dimensions/document or dimensions/passage", "Mean number of non-zero dimensions."),
        ("query_active_dims", "dimensions/query", "Mean number of non-zero dimensions of a query."),
    ),
)  # fmt: skip
CONTEXT = _rows(
    Group.CONTEXT, Better.NEITHER,
    ("context_tokens", "tokens/query", "Mean number of tokens that the reader gets."),
    ("context_budget", "tokens/query", "Largest number of tokens that the reader may get."),
    ("context_texts", "texts/query", "Mean number of texts that the reader gets."),
    ("context_documents", "documents/query", "Mean number of documents from which these texts come."),
)  # fmt: skip
TOKENS = _rows(
    Group.TOKENS, Better.LOWER,
    ("query_tokens", "tokens/query", "Mean number of tokens that a model reads or a service bills."),
    ("document_tokens", "tokens/document", "Mean number of tokens that a model reads or a service bills."),
    ("query_truncated", "", "Share of queries that are longer than the model reads."),
    ("document_truncated", "", "Share of documents that are longer than the model reads."),
    ("written_tokens", "tokens/query", "Mean number of tokens that a language model writes per query."),
    ("api_tokens", "tokens", "Tokens that a service billed when the artifacts were made."),
    ("api_usd", "USD", "Money that a service billed when the artifacts were made."),
    ("malformed_answers", "answers", "Answers of a language model that could not be read."),
)  # fmt: skip
COST = _rows(
    Group.COST, Better.LOWER,
    ("{currency}_per_1m_queries", "the currency", "Cost of a million queries, derived from a price file."),
    ("{currency}_per_1m_documents", "the currency", "Cost of indexing a million documents, derived from a price file."),
    ("{currency}_index_build", "the currency", "Cost of building the index as measured, derived from a price file."),
    ("{currency}_reindex", "the currency", "Cost of rebuilding what depends on a model, derived from a price file."),
    ("{currency}_per_month", "the currency", "Cost of a month at the load of the price file, indexing not included."),
)  # fmt: skip
QUANTITIES: tuple[Quantity, ...] = (
    *QUALITY, *COUNT, *LATENCY, *THROUGHPUT, *MEMORY, *ENERGY, *MAKING, *SIZE, *CONTEXT, *TOKENS, *COST,
)  # fmt: skip
"""All quantities besides the measures. Numbers derived from prices are never stored in results."""


@cache
def find_quantity(name: str) -> Known | None:
    """Return the quantity of a name in a result; None for a measure.

    >>> known = find_quantity("query_rate@32")
    >>> known.quantity.name, known.quantity.unit, known.parts
    ('query_rate@B', 'queries/s', {'B': '32'})
    >>> find_quantity("nDCG@10") is None
    True
    """
    for quantity in QUANTITIES:
        if match := quantity.expression.fullmatch(name):
            return Known(quantity, match.groupdict())
    return None


def group_of(name: str) -> Group | None:
    """Return the group of a quantity; None for a measure."""
    known = find_quantity(name)
    return known.quantity.group if known else None


def mode_of(name: str) -> Mode | None:
    """Return the mode of latency that measures a quantity; None for measures and for what needs no timing."""
    known = find_quantity(name)
    return known.quantity.mode if known else None
