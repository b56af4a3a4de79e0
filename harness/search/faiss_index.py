"""Indexes of faiss: built so that the same vectors give the same bits, kept as bytes, opened on the CPU or a GPU.

Everything is built on one thread: a graph depends on the order in which threads insert, and the last bits of a product
on how a matrix is divided among them. Faiss: Douze et al. 2024, "The Faiss library", arXiv 2401.08281.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.errors import MissingLibrary, UserError
from harness.search.approximate import Ask, accepted, asked, by_block, rank, settled, slack, stored
from harness.search.exact import Candidates, nearest
from harness.search.similarity import Documents, Similarity, on_device

MOST_ON_GPU = 2048
"""Candidates that faiss gives at most on a GPU."""
ENGINE = "engine"
"""The array that holds what a library wrote: its bits may differ between versions of the library."""


def library(why: str) -> Any:
    """Return faiss; MissingLibrary where it is not installed."""
    try:
        import faiss
    except ImportError:
        raise MissingLibrary("faiss", "cpu", why) from None
    return faiss


def metric(faiss: Any, similarity: Similarity) -> int:
    """Return the metric of faiss: vectors of `cosine` are at length 1, where it is the inner product."""
    return int(faiss.METRIC_L2 if similarity == "euclidean" else faiss.METRIC_INNER_PRODUCT)


@contextmanager
def one_thread() -> Iterator[None]:
    """Work on one thread of OpenMP and of the BLAS, whichever copies of them are loaded."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        yield


def build(
    word: str, vectors: Vectors, similarity: Similarity, make: Callable[[Any, int, int], Any], least: int = 0
) -> Index:
    """Train an index on all vectors and add them, in order, on one thread.

    `make(faiss, dimensions, metric)` gives the empty index. UserError for fewer than `least` vectors, for one that is
    not finite, and for settings that faiss refuses.
    """
    faiss = library(f"'{word}'")
    array = accepted(word, vectors, similarity)
    count, dimensions = array.shape
    if count < least:
        raise UserError(f"{word}: these settings want at least {least} vectors to learn from, found {count}")
    with one_thread():
        empty = make(faiss, dimensions, metric(faiss, similarity))
        if count:
            empty.train(array)
            empty.add(array)
    lengths = np.sqrt(np.einsum("nd,nd->n", array, array, dtype=np.float64))
    facts = {"similarity": similarity, "documents": count, "dimensions": dimensions}
    return Index({ENGINE: faiss.serialize_index(empty)}, facts | {"longest": float(lengths.max(initial=0))})


def opened(word: str, index: Index) -> Any:
    """Read an index of faiss into memory."""
    faiss = library(f"'{word}'")
    return faiss.deserialize_index(np.asarray(index.arrays[ENGINE]))


def candidates(distances: np.ndarray, documents: np.ndarray, similarity: Similarity) -> Candidates:
    """Take in what faiss found: closeness falls, and empty places are -inf."""
    closeness = -distances if similarity == "euclidean" else distances
    found = documents.astype(np.int32)
    return Candidates(found, np.where(found < 0, -np.inf, closeness).astype(np.float32))


def exhaustive(word: str, depth: int, index: Index, held: Any, ask: Ask, most: int) -> Callable[[Vectors], Run]:
    """Search so that the answer is exactly the best of all that `ask` looks at, by the vectors that the index holds."""
    facts = index.facts
    similarity, count, dimensions = facts["similarity"], facts["documents"], facts["dimensions"]
    documents = stored(held.reconstruct_batch, count, dimensions, similarity)

    def answer(queries: np.ndarray, rows: range) -> Run:
        margin = slack(queries, facts["longest"], similarity)
        pool = settled(ask, queries, min(depth, most), margin, most)
        return rank(documents, queries, pool, depth, rows)

    def search(queries: Vectors) -> Run:
        return by_block(asked(word, queries, dimensions, similarity), queries.rows, most, answer)

    return search


def search_lists(
    word: str, depth: int, nprobe: int, index: Index, device: str, threads: int
) -> Callable[[Vectors], Run]:
    """Search the `nprobe` lists whose centroids are nearest to the query.

    On a GPU faiss searches where it can; MissingLibrary where faiss was built without.
    """
    held = opened(word, index)
    held.make_direct_map()
    held.nprobe = min(nprobe, held.nlist)
    most = index.facts["documents"]
    if device != "cpu":
        ask, most = _on_gpu(word, held, index.facts["similarity"], device), min(most, MOST_ON_GPU)
    else:
        ask = _in_lists(held, index.facts["similarity"], threads)
    return exhaustive(word, depth, index, held, ask, most)


def _in_lists(lists: Any, similarity: Similarity, threads: int) -> Ask:
    """Choose the lists by exact scores, so that a query finds the same lists alone and among others.

    Of equal centroids faiss filled the first, so they are looked at in reverse: the last row wins a tie here.
    """
    centroids = np.ascontiguousarray(lists.quantizer.reconstruct_n(0, lists.nlist)[::-1])
    squares = np.einsum("nd,nd->n", centroids, centroids, dtype=np.float64)
    euclidean = similarity == "euclidean"
    products = on_device(Documents(centroids, squares, "euclidean" if euclidean else "dot"), "cpu", threads)

    def ask(queries: np.ndarray, wanted: int) -> Candidates:
        near = nearest(products, queries, lists.nprobe, range(len(queries)))
        coarse = near.scores**2 if euclidean else near.scores
        chosen = lists.nlist - 1 - near.documents.astype(np.int64)
        distances, documents = lists.search_preassigned(queries, wanted, chosen, coarse)
        return candidates(distances, documents, similarity)

    return ask


def _on_gpu(word: str, lists: Any, similarity: Similarity, device: str) -> Ask:
    faiss = library(f"'{word}'")
    if not getattr(faiss, "get_num_gpus", int)():
        raise MissingLibrary("faiss for GPUs", "gpu", f"'{word}' on {device}")
    resources = faiss.StandardGpuResources()  # lives as long as what it serves
    there = faiss.index_cpu_to_gpu(resources, 0, lists)
    there.resources = resources
    there.nprobe = lists.nprobe

    def ask(queries: np.ndarray, wanted: int) -> Candidates:
        distances, documents = there.search(queries, wanted)
        return candidates(distances, documents, similarity)

    return ask
