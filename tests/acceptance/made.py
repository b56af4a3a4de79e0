"""Runs and judgements by ids for the acceptance tests."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from harness.artifacts.run_lines import RunLines

Found = dict[str, dict[str, float]]
Judged = dict[str, dict[str, int]]


def lines(found: Found) -> RunLines:
    """Bring a dictionary into the form that reading a file gives."""
    queries = sorted(found, key=str.encode)
    documents = sorted({document for some in found.values() for document in some}, key=str.encode)
    number = {document: i for i, document in enumerate(documents)}
    triples = [(i, number[d], s) for i, query in enumerate(queries) for d, s in found[query].items()]
    query, document, scores = (np.array(column) for column in zip(*triples, strict=True))
    ids = (pa.array(some, pa.large_string()) for some in (queries, documents))
    return RunLines.of(*ids, query.astype(np.int32), document.astype(np.int32), scores.astype(np.float32))


def random_case(seed: int, levels: int | None) -> tuple[Found, Judged]:
    """Make a run with gaps, its scores of so many levels, or (None) all apart; grades go from -1 to 3."""
    rng = np.random.default_rng(seed)
    found: Found = {}
    judged: Judged = {}
    for query in (f"q{i}" for i in range(12)):
        some = rng.choice(60, rng.integers(1, 60), replace=False)
        if rng.random() < 0.85 or not found:
            scores = rng.permutation(len(some)) if levels is None else rng.integers(0, levels, len(some))
            found[query] = {f"d{i}": float(s) for i, s in zip(some, scores, strict=True)}
        if rng.random() < 0.85 or not judged:
            some = rng.choice(60, rng.integers(1, 30), replace=False)
            judged[query] = {f"d{i}": int(rng.integers(-1, 4)) for i in some}
    return found, judged


def relabelled(found: Found, judged: Judged, rng: np.random.Generator) -> tuple[Found, Judged]:
    """Give every document another name, in another order."""
    names = {f"d{i}": f"n{j}" for i, j in enumerate(rng.permutation(60))}
    return tuple({q: {names[d]: v for d, v in some.items()} for q, some in one.items()} for one in (found, judged))  # type: ignore[return-value]
