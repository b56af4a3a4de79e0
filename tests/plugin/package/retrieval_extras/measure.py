"""A measure of one query: what was found, the best first, and the grades of what was judged."""

from harness.registry import METRICS


@METRICS.register("AllFound", version=1)
def all_found(ranked: list[str], judged: dict[str, int], k: int) -> float:
    """1 where every relevant document stands among the first k."""
    return float(set(ranked[:k]) >= {document for document, grade in judged.items() if grade > 0})
