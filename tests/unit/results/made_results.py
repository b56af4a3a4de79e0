"""Makes a small result folder through the writer itself: 9 systems, 40 queries with tags, one failure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from harness.artifacts.judgements import Judgement, Qrels
from harness.artifacts.run import Run
from harness.results import Measurement
from harness.results.write import Contents, RunFile, write_results
from harness.statistics import mean_interval

QUERIES, DOCUMENTS, DEPTH = 40, 200, 20
MEASURES = ("nDCG@10", "RR@10", "R@100")
DENSE = {
    f"dense-{dim}-{similarity}": (dim, similarity) for dim in (384, 128, 64) for similarity in ("cosine", "euclidean")
}
SYSTEMS = ("bm25", *DENSE, "copy", "broken")
REASON = "MemoryError: 12 GiB <wanted> | none left\nat index"
HOSTILE = "<script>alert(1)</script>|`x`\n*b* [l](javascript:x) &amp; \x1b[31m"


class Names(NamedTuple):
    """How a data set and two systems are called, so that tests can call them badly."""

    dataset: str = "toy"
    first: str = "bm25"
    tag: str = "how-to"


USUAL = Names()


def make(folder: Path, names: Names = USUAL, **changes: Any) -> Path:
    """Write the folder; `changes` replace parts of run.json, None takes one away."""
    systems = [names.first if name == "bm25" else name for name in SYSTEMS]
    values = quality(systems)
    said = facts(names, systems) | changes
    contents = Contents(
        facts={key: value for key, value in said.items() if value is not None},
        measurements=measurements(names, systems, values),
        per_query=per_query(names, values),
        tags=pa.table(
            {"dataset": [names.dataset] * 20, "query_id": query_ids()[:20], "tag": [names.tag, "error"] * 10}
        ),
        runs=[RunFile(names.dataset, system, query_ids(), doc_ids(), run(i)) for i, system in enumerate(systems[:-1])],
        qrels={names.dataset: qrels()},
    )
    return write_results(folder, contents)


def query_ids() -> list[str]:
    return [f"q{i:03d}" for i in range(QUERIES)]


def doc_ids() -> list[str]:
    return [f"d{i:04d}" for i in range(DOCUMENTS)]


def run(seed: int) -> Run:
    """Draw scores with ties, and some documents that were not found."""
    generator = np.random.default_rng(seed)
    scores = generator.choice([0.1, 1 / 3, 2.5e-8, 7.25, -1.5], (QUERIES, DOCUMENTS)).astype(np.float32)
    scores[:, 5:] = np.where(generator.random((QUERIES, DOCUMENTS - 5)) < 0.9, -np.inf, scores[:, 5:])
    return Run.top(scores, DEPTH)


def qrels() -> Qrels:
    generator = np.random.default_rng(7)
    return Qrels.of(
        Judgement(query, doc, int(generator.integers(0, 3)))
        for query in query_ids()
        for doc in generator.choice(doc_ids(), 12, replace=False).tolist()
    )


def quality(systems: Sequence[str]) -> dict[tuple[str, str], np.ndarray]:
    """Draw a value a query, better for more dimensions; `copy` is the best dense system again."""
    generator = np.random.default_rng(3)
    hard = generator.beta(2, 2, QUERIES)
    found = {}
    for measure in MEASURES:
        for system in systems[:-1]:
            lift = 0.2 if system not in DENSE else 0.12 * np.log2(DENSE[system][0] / 32)
            noise = generator.normal(0, 0.06, QUERIES)
            found[system, measure] = np.clip(0.5 * hard + lift + noise, 0, 1)
        found["copy", measure] = found["dense-384-cosine", measure]
    return found


def measurements(names: Names, systems: Sequence[str], values: dict[tuple[str, str], np.ndarray]) -> list[Measurement]:
    rows = []
    for (system, measure), column in values.items():
        mean, low, high, n = mean_interval(column)
        rows.append(Measurement(names.dataset, system, None, measure, mean, "", n, low, high, fingerprint="f" * 64))
    rows += [
        Measurement(names.dataset, systems[-1], None, measure, None, status="failed", reason=REASON)
        for measure in MEASURES
    ]
    for system in systems[:-1]:
        dimensions = DENSE.get(system, (0, ""))[0]
        size = dimensions * 4 * DOCUMENTS * 25 or 120_000
        rows.append(Measurement(names.dataset, system, None, "index_bytes", size, "bytes"))
        if dimensions:
            rows.append(Measurement(names.dataset, system, None, "dimensions", dimensions, "dimensions"))
            rate = Measurement(names.dataset, system, "encode/dense", "encode_rate", 812.5, "documents/s", DOCUMENTS)
            rows.append(Measurement(**{**vars(rate), "fingerprint": "e" * 64, "machine": "laptop-7f3a"}))
    return rows


def per_query(names: Names, values: dict[tuple[str, str], np.ndarray]) -> pa.Table:
    rows = [
        (names.dataset, system, query, measure, float(value))
        for (system, measure), column in values.items()
        for query, value in zip(query_ids(), column, strict=True)
    ]
    columns = ("dataset", "system", "query_id", "quantity", "value")
    return pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))


def facts(names: Names, systems: Sequence[str]) -> dict[str, Any]:
    stages: dict[str, list[dict[str, Any]]] = {system: [{"index": "bm25", "k1": 0.9}] for system in systems}
    for system, (dim, similarity) in DENSE.items():
        encode, index = {"encode": "dense", "model": "minilm"}, {"index": "flat", "similarity": similarity}
        stages[system] = [encode, {"reduce": "truncate", "dim": dim}, index]
    return {
        "run": "20250101T000000Z-abc123",
        "suite": {
            "name": "quickstart",
            "file": "quickstart.yaml",
            "text": "name: quickstart\n# ```\n# <b>\n",
            "fingerprint": "9" * 64,
        },
        "harness": {"version": "0.1.0", "commit": "c0ffee"},
        "command": "harness run suites/quickstart.yaml",
        "started": "2025-01-01T00:00:00+00:00",
        "ended": "2025-01-01T00:00:09+00:00",
        "status": "failed",
        "machine": {"id": "laptop-7f3a", "cpu": "Some CPU", "cores": 8, "memory_bytes": 16_000_000_000, "gpu": None},
        "runtime": {"device": "cpu", "threads": 8},
        "libraries": {"numpy": "2.1.0", "torch": "2.5.0"},
        "datasets": {
            names.dataset: {
                "source": "beir",
                "settings": {"path": "data/toy", "split": "test"},
                "documents": DOCUMENTS,
                "queries": QUERIES,
                "judgements": 480,
                "corpus": "1" * 64,
                "queries_checksum": "2" * 64,
                "qrels": "3" * 64,
                "notes": ["2 judged documents are not in the corpus"],
            }
        },
        "models": {
            "minilm": {"path": "bundled:all-MiniLM-L6-v2", "content": "a" * 64, "pinned": True, "precision": "fp32"},
            "hub": {"path": "org/model", "revision": "b" * 40, "pinned": False},
        },
        "measures": list(MEASURES),
        "systems": {
            system: {"stages": stages[system], "provenance": f"index {system} → search"} for system in systems
        },
        "checks": [
            {"dataset": names.dataset, "system": names.first, "quantity": "nDCG@10", "expected": 0.6789, "within": 0.01,
             "value": 0.41, "source": "Thakur et al. 2021, table 2", "status": "missed"},
        ],
        "warnings": ["the model 'hub' is unpinned; set its revision, so that everyone gets the same weights"],
    }  # fmt: skip
