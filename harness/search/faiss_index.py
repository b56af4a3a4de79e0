"""Indexes of faiss: built reproducibly, stored as bytes, and opened on the CPU or a GPU.

Every index is built on one thread: a graph depends on the order in which threads insert vectors, and the last bits of a
product depend on how a matrix is divided among threads. Reference: Douze et al. 2024, "The Faiss library", arXiv
2401.08281.
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
from harness.search.approximate import (
    FindCandidates,
    document_vectors,
    find_enough,
    query_vectors,
    rank,
    search_in_blocks,
    slack,
    stored_documents,
)
from harness.search.exact import Candidates, nearest
from harness.search.similarity import Documents, Similarity, on_device

MOST_ON_GPU = 2048
"""The greatest number of candidates that faiss returns on a GPU."""
ENGINE = "engine"
"""The array of an index that holds the bytes of a library, which may differ between its versions."""


def import_faiss(why: str) -> Any:
    """Import faiss. Raises MissingLibrary if it is not installed."""
    try:
        import faiss
    except ImportError:
        raise MissingLibrary("faiss", "cpu", why) from None
    return faiss


def metric(faiss: Any, similarity: Similarity) -> int:
    """Return the metric of faiss; for `cosine` it is the inner product, since vectors have unit length."""
    return int(faiss.METRIC_L2 if similarity == "euclidean" else faiss.METRIC_INNER_PRODUCT)


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit OpenMP and the BLAS to one thread, in all copies of them that are loaded."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        yield


def build(
    word: str, vectors: Vectors, similarity: Similarity, make: Callable[[Any, int, int], Any], least: int = 0
) -> Index:
    """Train an index on all vectors and add them, in order, on one thread.

    `make(faiss, dimensions, metric)` returns the empty index. Raises UserError if there are fewer than `least` vectors,
    or if one of them is not finite, besides what `make` raises.
    """
    faiss = import_faiss(f"'{word}'")
    array = document_vectors(word, vectors, similarity)
    count, dimensions = array.shape
    if count < least:
        raise UserError(f"{word}: these settings need at least {least} vectors for training, found {count}")
    with one_thread():
        empty = make(faiss, dimensions, metric(faiss, similarity))
        if count:
            empty.train(array)
            empty.add(array)
    lengths = np.sqrt(np.einsum("nd,nd->n", array, array, dtype=np.float64))
    facts = {"similarity": similarity, "documents": count, "dimensions": dimensions}
    return Index({ENGINE: faiss.serialize_index(empty)}, facts | {"longest": float(lengths.max(initial=0))})


def open_index(word: str, index: Index) -> Any:
    """Read an index of faiss into memory."""
    faiss = import_faiss(f"'{word}'")
    return faiss.deserialize_index(np.asarray(index.arrays[ENGINE]))


def as_candidates(distances: np.ndarray, documents: np.ndarray, similarity: Similarity) -> Candidates:
    """Return the result of a search in faiss as candidates: products descend, and are -inf in empty places."""
    products = -distances if similarity == "euclidean" else distances
    rows = documents.astype(np.int32)
    return Candidates(rows, np.where(rows < 0, -np.inf, products).astype(np.float32))


def exhaustive(
    word: str, depth: int, index: Index, engine: Any, find: FindCandidates, most: int
) -> Callable[[Vectors], Run]:
    """Return a search that ranks the best of all documents that `find` looks at by the vectors inside the engine."""
    facts = index.facts
    similarity, count, dimensions = facts["similarity"], facts["documents"], facts["dimensions"]
    documents = stored_documents(engine.reconstruct_batch, count, dimensions, similarity)

    def answer(queries: np.ndarray, rows: range) -> Run:
        margin = slack(queries, facts["longest"], similarity)
        pool = find_enough(find, queries, min(depth, most), margin, most)
        return rank(documents, queries, pool, depth, rows)

    def search(queries: Vectors) -> Run:
        return search_in_blocks(query_vectors(word, queries, dimensions, similarity), queries.rows, most, answer)

    return search


def search_lists(
    word: str, depth: int, nprobe: int, index: Index, device: str, threads: int
) -> Callable[[Vectors], Run]:
    """Return a search of the `nprobe` lists whose centroids are nearest to the query.

    On a GPU faiss searches where it can. Raises MissingLibrary there if faiss was built without GPU support.
    """
    lists = open_index(word, index)
    lists.make_direct_map()
    lists.nprobe = min(nprobe, lists.nlist)
    most = index.facts["documents"]
    if device != "cpu":
        find, most = _on_gpu(word, lists, index.facts["similarity"], device), min(most, MOST_ON_GPU)
    else:
        find = _in_lists(lists, index.facts["similarity"], threads)
    return exhaustive(word, depth, index, lists, find, most)


def _in_lists(lists: Any, similarity: Similarity, threads: int) -> FindCandidates:
    """Choose the lists by exact scores, so that a query finds the same lists alone and in a batch.

    Of equal centroids faiss filled the first. Here the last row wins a tie, so the centroids are compared in reverse.
    """
    centroids = np.ascontiguousarray(lists.quantizer.reconstruct_n(0, lists.nlist)[::-1])
    squares = np.einsum("nd,nd->n", centroids, centroids, dtype=np.float64)
    euclidean = similarity == "euclidean"
    products = on_device(Documents(centroids, squares, "euclidean" if euclidean else "dot"), "cpu", threads)

    def find(queries: np.ndarray, count: int) -> Candidates:
        near = nearest(products, queries, lists.nprobe, range(len(queries)))
        coarse = near.scores**2 if euclidean else near.scores
        chosen = lists.nlist - 1 - near.documents.astype(np.int64)
        distances, documents = lists.search_preassigned(queries, count, chosen, coarse)
        return as_candidates(distances, documents, similarity)

    return find


def _on_gpu(word: str, lists: Any, similarity: Similarity, device: str) -> FindCandidates:
    faiss = import_faiss(f"'{word}'")
    if not getattr(faiss, "get_num_gpus", int)():
        raise MissingLibrary("faiss for GPUs", "gpu", f"'{word}' on {device}")
    resources = faiss.StandardGpuResources()
    gpu_lists = faiss.index_cpu_to_gpu(resources, 0, lists)
    gpu_lists.resources = resources  # must live as long as the lists
    gpu_lists.nprobe = lists.nprobe

    def find(queries: np.ndarray, count: int) -> Candidates:
        distances, documents = gpu_lists.search(queries, count)
        return as_candidates(distances, documents, similarity)

    return find
