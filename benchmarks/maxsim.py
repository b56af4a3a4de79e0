"""MaxSim over a real corpus: against a naive double loop, in memory, and beside the library's similarity per pair.

    python benchmarks/maxsim.py --data BEIR_FOLDER --vectors FOLDER [--queries N] [--pairs N] [--rounds N] [--threads N]

`--queries` are those that meet every document; all of them are reranked.

Token vectors of the bundled model (bf16) are kept in FOLDER and made where they are not there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness.artifacts.model import Model
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.token_vectors import TokenVectors
from harness.execute.threads import thread_pools
from harness.meter import peak_rss_bytes
from harness.models.weights import bundled_folder
from harness.registry import DATASETS, STAGES
from harness.search.maxsim import MaxSim, tensor
from harness.stage import Runtime

CHUNK = 1024


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--vectors", required=True, type=Path)
    for name, default in (("queries", 50), ("pairs", 200), ("rounds", 5), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    said = parser.parse_args()
    with thread_pools(said.threads):
        measure(said)


def measure(said: argparse.Namespace) -> None:
    """Run the benchmark and print its results."""
    runtime = Runtime(threads=said.threads)
    data: Any = DATASETS["beir"].model_validate({"path": said.data, "split": "test"})
    corpus, asked = data.corpus(), data.queries()
    documents, queries = (vectors(part, said.vectors / part.kind, runtime) for part in (corpus, asked))
    for what, found in (("documents", documents), ("queries", queries)):
        print(f"{len(found)} {what} of {len(found.array) / len(found):.0f} tokens")
    whole(documents, queries.take(slice(0, said.queries)), said.pairs, runtime)
    rerank(documents, queries, candidates(corpus, asked, runtime), said.rounds, runtime)


def vectors(texts: Corpus | Queries, folder: Path, runtime: Runtime) -> TokenVectors:
    """Load token vectors, or make them, a chunk at a time."""
    if not (folder / TokenVectors.starts_file).exists():
        folder.mkdir(parents=True, exist_ok=True)
        stage: Any = STAGES["encode/late"].model_validate({"precision": "bf16"})
        encode = stage.open(runtime, Model(str(bundled_folder("all-MiniLM-L6-v2"))))
        parts = (encode(texts.take(slice(at, at + CHUNK))) for at in range(0, len(texts), CHUNK))
        TokenVectors.save_joined(parts, len(texts), folder)
    return TokenVectors.load(folder)


def candidates(corpus: Corpus, queries: Queries, runtime: Runtime) -> Run:
    """Return the first 100 documents of BM25."""
    indexer: Any = STAGES["index/bm25"]()
    searcher: Any = STAGES["search/bm25"].model_validate({"depth": 100})
    found: Run = searcher.open(runtime, indexer.open(runtime)(corpus))(queries)
    return found


def whole(documents: TokenVectors, queries: TokenVectors, pairs: int, runtime: Runtime) -> None:
    """Score every query against every document; hold a sample against two loops in float64."""
    start = time.perf_counter()
    scores = MaxSim(documents, runtime.device).every(queries)
    seconds = time.perf_counter() - start
    rng, worst = np.random.default_rng(7), 0.0
    for query, document in zip(
        rng.integers(0, len(queries), pairs), rng.integers(0, len(documents), pairs), strict=True
    ):
        worst = max(worst, abs(naive(queries.tokens(query), documents.tokens(document)) - scores[query, document]))
    print(f"every pair: {seconds / len(queries) * 1e3:.0f} ms a query, peak memory {peak_rss_bytes() / 1e9:.2f} GB")
    print(f"greatest difference from a naive double loop over {pairs} pairs: {worst:.1e}")


def naive(query: np.ndarray, document: np.ndarray) -> float:
    """Score as the definition reads."""
    return sum(max(float(one @ other) for other in document.astype(np.float64)) for one in query.astype(np.float64))


def rerank(documents: TokenVectors, queries: TokenVectors, run: Run, rounds: int, runtime: Runtime) -> None:
    """Score the candidates by turns: all at once, and by the library's `similarity`, pair by pair.

    The library gets float32 tensors that are ready-made in memory, the harness its mapped float16 file.
    """
    from sentence_transformers import MultiVectorEncoder

    library: Any = MultiVectorEncoder.__new__(MultiVectorEncoder)
    library._similarity_fn_name = None
    sample = slice(0, 30)
    held = {int(d): tensor(documents.tokens(d)).float() for d in np.unique(run.documents[sample]) if d != NONE}
    asked = [tensor(queries.tokens(row)).float() for row in range(len(queries))]
    maxsim = MaxSim(documents, runtime.device)

    def ours() -> np.ndarray:
        return maxsim.some(queries, run.documents)

    def pairwise() -> np.ndarray:
        rows = enumerate(run.documents[sample])
        return np.array([[float(library.similarity([asked[i]], [held[int(d)]])) for d in row] for i, row in rows])

    ratios = []
    for _ in range(rounds):
        (mine, one), (theirs, other) = timed(ours), timed(pairwise)
        one, other = one / len(queries), other / len(theirs)
        ratios.append(other / one)
        print(f"100 documents a query: {one * 1e3:.2f} ms, pair by pair {other * 1e3:.2f} ms, ratio {ratios[-1]:.2f}")
    print(f"median ratio {np.median(ratios):.2f}, greatest difference {abs(mine[sample] - theirs).max():.1e}")


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """Return what a piece of work gives, and its seconds."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


if __name__ == "__main__":
    main()
