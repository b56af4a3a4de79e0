"""What a value means, stored with every number: ties, gain, threshold, queries, and what calculated it."""

from __future__ import annotations

from typing import Any

from harness.measures.scoring.names import Measure
from harness.measures.scoring.parse import is_native, of_spans, parse, provider, settings

TIES = "score (float32) descending, then document id descending"
QUERIES = (
    "all judged queries; a query counts 0 if the run lacks it, if nothing was retrieved or if no document is relevant"
)
UNJUDGED = "not relevant"
SPAN_QUERIES = "all queries with a gold span; a query counts 0 if nothing was retrieved"
SPAN_GRADES = "3 if a passage and a gold span share all of the shorter one, 2 for at least half, 1 for any character"
GAIN = {"log2": "the grade; a negative grade gains 0", "exp-log2": "2^grade - 1; a negative grade gains 0"}


def definition(measure: Measure | str) -> dict[str, Any]:
    """Return what a value of this measure means: everything that two values must share to be comparable.

    >>> definition("P(rel=2)@10")["relevant_from"], definition("nDCG@10")["calculated_by"]
    (2, 'harness/1 (kernel nDCG)')
    """
    measure = parse(measure) if isinstance(measure, str) else measure
    facts: dict[str, Any] = {"measure": str(measure), "counted": "documents", "ties": TIES, "queries": QUERIES}
    facts["unjudged"] = UNJUDGED
    if measure.passages:
        facts |= {"queries": SPAN_QUERIES, "counted": "passages, as chunked", "grades": SPAN_GRADES}
    elif of_spans(measure):
        unjudged = "characters outside the spans are not relevant"
        facts |= {"queries": SPAN_QUERIES, "unjudged": unjudged, "counted": "characters"}
    facts["cutoff"] = measure.at
    by = provider(measure)
    if not is_native(measure):
        return facts | {"parameters": dict(measure.parameters), "calculated_by": by}
    given = settings(measure)
    given.pop("k", None)
    if "rel" in given:
        facts["relevant_from"] = given.pop("rel")
    if "dcg" in given:
        facts["gain"] = GAIN[given.pop("dcg")]
    return facts | {"parameters": given, "calculated_by": f"{by} (kernel {measure.base})"}
