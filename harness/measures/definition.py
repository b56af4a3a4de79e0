"""What a number means, in words that are stored with it: ties, gain, threshold, queries, and what calculated it."""

from __future__ import annotations

from typing import Any

from harness.measures.names import Measure
from harness.measures.parse import is_native, of_spans, parse, provider, settings

TIES = "score (float32) descending, then document id descending"
QUERIES = "all judged queries; one that the run lacks, finds nothing for, or has nothing relevant to it counts 0"
UNJUDGED = "not relevant"
SPANNED = "all queries with a gold span; one for which nothing was found counts 0"
JUDGED = "1 where a passage and a gold span share a character, 2 half of the shorter of the two, 3 all of it"
GAIN = {"log2": "the grade; a negative one gains 0", "exp-log2": "2^grade - 1; a negative grade gains 0"}


def definition(measure: Measure | str) -> dict[str, Any]:
    """Return what a number of this measure means: all that two numbers must share to be compared.

    >>> definition("P(rel=2)@10")["relevant_from"], definition("nDCG@10")["calculated_by"]
    (2, 'harness/1 (kernel nDCG)')
    """
    wanted = parse(measure) if isinstance(measure, str) else measure
    said: dict[str, Any] = {"measure": str(wanted), "counted": "documents", "ties": TIES, "queries": QUERIES}
    said["unjudged"] = UNJUDGED
    if wanted.passages:
        said |= {"queries": SPANNED, "counted": "passages, as chunked", "grades": JUDGED}
    elif of_spans(wanted):
        unjudged = "characters outside the spans are not relevant"
        said |= {"queries": SPANNED, "unjudged": unjudged, "counted": "characters"}
    said["cutoff"] = wanted.at
    by = provider(wanted)
    if not is_native(wanted):
        return said | {"parameters": dict(wanted.parameters), "calculated_by": by}
    given = settings(wanted)
    given.pop("k", None)
    if "rel" in given:
        said["relevant_from"] = given.pop("rel")
    if "dcg" in given:
        said["gain"] = GAIN[given.pop("dcg")]
    return said | {"parameters": given, "calculated_by": f"{by} (kernel {wanted.base})"}
