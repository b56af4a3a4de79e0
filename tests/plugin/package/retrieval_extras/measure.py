"""A measure of one query, from its ranked documents and the grades of its judged documents."""

from harness.registry import METRICS


@METRICS.register("AllFound", version=1)
def all_found(ranked: list[str], judged: dict[str, int], k: int) -> float:
    """Returns 1 if all relevant documents are among the first k, else 0."""
    return float(set(ranked[:k]) >= {document for document, grade in judged.items() if grade > 0})
