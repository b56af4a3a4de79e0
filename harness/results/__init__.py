"""The result folder: its layout, and how it is written, read and queried."""

from harness.results.layout import (
    CONTEXTS_SCHEMA,
    LATENCY_SCHEMA,
    PASSAGES_SCHEMA,
    PER_QUERY_SCHEMA,
    SPANS_SCHEMA,
    TAGS_SCHEMA,
)
from harness.results.measurement import Measurement
from harness.results.read import Results, query

__all__ = [
    "CONTEXTS_SCHEMA",
    "LATENCY_SCHEMA",
    "PASSAGES_SCHEMA",
    "PER_QUERY_SCHEMA",
    "SPANS_SCHEMA",
    "TAGS_SCHEMA",
    "Measurement",
    "Results",
    "query",
]
