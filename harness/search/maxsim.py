"""Exact MaxSim in bounded memory: the sum over query tokens of their best product with a document token."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from harness.artifacts.run import NONE
from harness.artifacts.token_vectors import TokenVectors
from harness.search.full_precision import full_precision

DOCUMENT_TOKENS = 8192
"""The number of document tokens that are held in float32 at a time on a CPU."""
DEVICE_TOKENS = 65_536
"""The same on another device; an estimate for GPUs that is halved when memory runs out."""
QUERY_TOKENS = 2048
"""The number of query tokens that are multiplied with them at a time: on a CPU the products take 64 MiB."""
EMPTY = -1e6
"""The score of a document without tokens, below all others."""


class MaxSim:
    """Scores queries against documents: Σ over query tokens of max over document tokens of the dot product.

    Khattab and Zaharia 2020 (arXiv 2004.12832). Vectors are stored in float16; products are computed and compared in
    float32, their maxima are summed in float64, and the sum is rounded to float32. On the CPU the vectors stay
    memory-mapped; another device holds all of them if it has room, else they are copied to it as they are needed.
    """

    def __init__(self, documents: TokenVectors, device: str, halved: Callable[[], None] = lambda: None) -> None:
        """`halved` is called whenever memory runs out and less is computed at a time."""
        import torch

        self.torch, self.device, self.halved = torch, device, halved
        self.starts = documents.starts
        self.vectors = tensor(documents.array)
        self.buffers: dict[str, Any] = {}
        """Reused memory by name: allocating it anew takes as long as the computation."""
        if device != "cpu":
            try:
                self.vectors = self.vectors.to(device)
            except torch.cuda.OutOfMemoryError:
                self._relieve()

    def every(self, queries: TokenVectors) -> np.ndarray:
        """Return the scores of all documents, float32[queries, documents]."""
        scores = np.empty((len(queries), len(self.starts) - 1), np.float32)
        query_vectors = tensor(queries.array).to(self.device).float()
        for documents in _groups(self.starts, DOCUMENT_TOKENS if self.device == "cpu" else DEVICE_TOKENS):
            self._fill(scores, queries, query_vectors, documents)
        return scores

    def _fill(self, scores: np.ndarray, queries: TokenVectors, query_vectors: Any, documents: slice) -> None:
        """Write the scores of some documents, in halves if memory runs out."""
        try:
            document_vectors = self._float(documents)
            lengths = np.diff(self.starts[documents.start : documents.stop + 1])
            for rows in _groups(queries.starts, QUERY_TOKENS):
                with full_precision:
                    products = query_vectors[_tokens(queries.starts, rows)] @ document_vectors.T
                best = maxima(products, lengths)
                scores[rows, documents] = _sums(best, np.diff(queries.starts[rows.start : rows.stop + 1]))
            return
        except self.torch.cuda.OutOfMemoryError:
            if documents.stop - documents.start < 2:
                raise
        self._relieve()
        middle = (documents.start + documents.stop) // 2
        for half in (slice(documents.start, middle), slice(middle, documents.stop)):
            self._fill(scores, queries, query_vectors, half)

    def _relieve(self) -> None:
        """Release cached memory after memory has run out."""
        self.halved()
        self.buffers.clear()
        self.torch.cuda.empty_cache()

    def some(self, queries: TokenVectors, candidates: np.ndarray) -> np.ndarray:
        """Return the scores of `candidates` int32[queries, width] as float32[queries, width]; -inf for NONE.

        On the CPU each document is read once and compared with all queries that have it as a candidate; on another
        device all candidates of a query are compared together.
        """
        if self.device != "cpu":
            return self._by_query(queries, candidates)
        scores = np.full(candidates.shape, -np.inf, np.float32)
        documents = candidates.reshape(-1)
        places = np.flatnonzero(documents != NONE)
        places = places[np.argsort(documents[places], kind="stable")]
        if not len(places):
            return scores
        rows = places // candidates.shape[1]
        tokens_of = self._tokens_by_query(queries)
        best = []
        for same in np.split(np.arange(len(places)), np.flatnonzero(np.diff(documents[places])) + 1):
            document = int(documents[places[same[0]]])
            vectors = self._float(slice(document, document + 1))
            parts = [tokens_of[row] for row in rows[same]]
            tokens = self.torch.cat(parts, out=self._buffer("queries", sum(map(len, parts)), vectors.shape[1]))
            buffer = self._buffer("products", len(tokens), len(vectors))
            with full_precision:
                products = self.torch.mm(tokens, vectors.T, out=buffer)
            best.append(products.amax(dim=1) if len(vectors) else tokens.new_full((len(tokens),), EMPTY))
        all_best = self.torch.cat(best).cpu().numpy()[:, None]
        scores.reshape(-1)[places] = _sums(all_best, np.diff(queries.starts)[rows])[:, 0]
        return scores

    def _by_query(self, queries: TokenVectors, candidates: np.ndarray) -> np.ndarray:
        """Compute `some` query by query, without waiting for the device before the last one."""
        tokens_of = self._tokens_by_query(queries)
        sums = [self._sum(tokens, own[own != NONE]) for tokens, own in zip(tokens_of, candidates, strict=True)]
        scores = np.full(candidates.shape, -np.inf, np.float32)
        if sums:
            scores[candidates != NONE] = self.torch.cat(sums).clamp(min=EMPTY).float().cpu().numpy()
        return scores

    def _sum(self, tokens: Any, documents: np.ndarray) -> Any:
        """Return the scores of some documents, float64[documents] on the device, in halves if memory runs out."""
        try:
            lengths = np.diff(self.starts)[documents]
            rows = np.arange(lengths.sum()) + np.repeat(self.starts[documents] - np.cumsum(lengths) + lengths, lengths)
            vectors = self.vectors[self.torch.from_numpy(rows).to(self.vectors.device)].to(self.device).float()
            with full_precision:
                products = tokens @ vectors.T
            return device_maxima(products, lengths).double().sum(dim=0)
        except self.torch.cuda.OutOfMemoryError:
            if len(documents) < 2:
                raise
        self._relieve()
        halves = np.array_split(documents, 2)
        return self.torch.cat([self._sum(tokens, half) for half in halves])

    def _tokens_by_query(self, queries: TokenVectors) -> Any:
        """Return the tokens of each query in float32 on the device."""
        return tensor(queries.array).to(self.device).float().split(np.diff(queries.starts).tolist())

    def _float(self, documents: slice) -> Any:
        """Return the tokens of some documents in float32, valid until the next call."""
        vectors = self.vectors[_tokens(self.starts, documents)]
        return self._buffer("documents", *vectors.shape).copy_(vectors)

    def _buffer(self, name: str, rows: int, columns: int) -> Any:
        """Return an uninitialised tensor float32[rows, columns] over the memory that is reused under this name."""
        buffer = self.buffers.get(name)
        if buffer is None or len(buffer) < rows * columns:
            buffer = self.buffers[name] = self.torch.empty(rows * columns, device=self.device)
        return buffer[: rows * columns].view(rows, columns)


def tensor(array: np.ndarray) -> Any:
    """Return a tensor over the same memory, without torch's warning that a memory-mapped file cannot be written."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def maxima(products: Any, lengths: np.ndarray) -> np.ndarray:
    """Return the highest product of each query token with the tokens of each document, float32[tokens, documents].

    `products` is a tensor [query tokens, document tokens]; `lengths` is how many of its columns each document has.
    """
    if products.device.type != "cpu":
        return np.asarray(device_maxima(products, lengths).cpu())
    filled, ends = lengths > 0, np.cumsum(lengths)
    best = np.full((len(products), len(lengths)), EMPTY, np.float32)
    if filled.any() and len(products):
        best[:, filled] = np.maximum.reduceat(products.numpy(), (ends - lengths)[filled], axis=1)
    return best


def device_maxima(products: Any, lengths: np.ndarray) -> Any:
    """Return the same as `maxima`, as a tensor on the device of the products."""
    import torch

    owners = torch.arange(len(lengths), device=products.device)
    owners = owners.repeat_interleave(torch.from_numpy(lengths).to(products.device))
    empty = products.new_full((len(products), len(lengths)), EMPTY)
    return empty.scatter_reduce(1, owners.expand_as(products), products, "amax", include_self=False)


def _sums(best: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Sum over the tokens of each query, float32[queries, documents]; a query without tokens scores 0."""
    sums = np.zeros((len(lengths), best.shape[1]))
    filled = lengths > 0
    if filled.any():
        sums[filled] = np.add.reduceat(best, (np.cumsum(lengths) - lengths)[filled], axis=0, dtype=np.float64)
    return np.maximum(sums, EMPTY).astype(np.float32)


def _tokens(starts: np.ndarray, rows: slice) -> slice:
    return slice(int(starts[rows.start]), int(starts[rows.stop]))


def _groups(starts: np.ndarray, most: int) -> Iterator[slice]:
    """Divide rows into groups of at most `most` tokens, or of one row that has more."""
    first = 0
    while first < len(starts) - 1:
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + most, side="right")) - 1)
        yield slice(first, last)
        first = last
