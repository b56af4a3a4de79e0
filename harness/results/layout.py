"""The files of a result folder: their names, their schemas, and the format number."""

from __future__ import annotations

import pyarrow as pa

FORMAT = 1
"""The number of the format. Raise it if a reader of the old format would misread the new one, and keep reading both."""
RUN, MEASUREMENTS, PER_QUERY, TAGS = "run.json", "measurements.jsonl", "per_query.parquet", "tags.parquet"
CONTEXTS = "contexts.parquet"
SPANS, PASSAGES = "spans.parquet", "passages.parquet"
LATENCY = "latency.parquet"
PER_QUERY_SCHEMA = pa.schema(
    [(name, pa.large_string()) for name in ("dataset", "system", "query_id", "quantity")] + [("value", pa.float64())]
)
TAGS_SCHEMA = pa.schema([(name, pa.large_string()) for name in ("dataset", "query_id", "tag")])
CONTEXTS_SCHEMA = pa.schema(
    [
        *((name, pa.large_string()) for name in ("dataset", "system", "query_id")),
        ("position", pa.int32()),
        ("doc_id", pa.large_string()),
        *((name, pa.int64()) for name in ("start", "end")),
        ("rank", pa.int32()),
        ("score", pa.float32()),
        ("tokens", pa.int32()),
    ]
)
"""The columns of contexts.parquet. `position` counts the texts that the reader gets, from 1; a text is the characters
[start, end) of its document; `rank` and `score` are those it had in the run."""
PLACE = [("start", pa.int64()), ("end", pa.int64())]
SPANS_SCHEMA = pa.schema([(name, pa.large_string()) for name in ("dataset", "query_id", "doc_id")] + PLACE)
PASSAGES_SCHEMA = pa.schema(
    [(name, pa.large_string()) for name in ("dataset", "system", "passage_id", "doc_id")] + PLACE
)
LATENCY_SCHEMA = pa.schema(
    [(name, pa.large_string()) for name in ("dataset", "system", "arm", "mode", "query_id")]
    + [("query_chars", pa.int32()), ("block", pa.int32()), ("order", pa.int32()), ("stage", pa.large_string())]
    + [("ns", pa.int64()), ("load", pa.float32()), ("steal", pa.float32())]
    + [("throttled", pa.int32()), ("switches", pa.int32())]
)
"""The columns of latency.parquet: one row per lap (`stage` null) and one per stage within it. `arm` is "again" for the
second measurement of the reference. `load`, `steal` and `throttled` describe the block, `switches` the lap; they are
null if the operating system does not report them."""
SCHEMAS = {
    PER_QUERY: PER_QUERY_SCHEMA,
    TAGS: TAGS_SCHEMA,
    CONTEXTS: CONTEXTS_SCHEMA,
    SPANS: SPANS_SCHEMA,
    PASSAGES: PASSAGES_SCHEMA,
    LATENCY: LATENCY_SCHEMA,
}
