"""MaxSim: for each token of the query the best token of the document, added up; exact, in bounded memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from harness.artifacts.run import NONE
from harness.artifacts.token_vectors import TokenVectors
from harness.search.full_precision import full_precision

DOCUMENT_TOKENS = 8192
"""Tokens of documents that are held in float32 together."""
DEVICE_TOKENS = 65_536
"""The same on another device; for a GPU a guess, halved where memory is short."""
QUERY_TOKENS = 2048
"""Tokens of queries that meet them together: their products take 64 MiB."""
EMPTY = -1e6
"""The score of a document without tokens: below every other."""


class MaxSim:
    """Scores of queries against documents: Σ over query tokens of max over document tokens of their dot product.

    Khattab and Zaharia 2020 (arXiv 2004.12832). Vectors are kept in float16; products are calculated and compared in
    float32, their maxima are added up in float64, and the sum is rounded to float32. On the CPU the vectors stay
    memory-mapped; another device holds all of them where it has room, else those in hand are copied to it.
    """

    def __init__(self, documents: TokenVectors, device: str, halved: Callable[[], None] = lambda: None) -> None:
        """`halved` is called where memory does not suffice, and less is done at a time."""
        import torch

        self.torch, self.device, self.halved = torch, device, halved
        self.starts = documents.starts
        self.vectors = tensor(documents.array)
        self.rooms: dict[str, Any] = {}
        """Memory that is used again and again: to ask for it anew takes as long as to calculate."""
        if device != "cpu":
            try:
                self.vectors = self.vectors.to(device)
            except torch.cuda.OutOfMemoryError:
                self._relieve()

    def every(self, queries: TokenVectors) -> np.ndarray:
        """Return the scores of all documents, float32[queries, documents]."""
        scores = np.empty((len(queries), len(self.starts) - 1), np.float32)
        asked = tensor(queries.array).to(self.device).float()
        for documents in _groups(self.starts, DOCUMENT_TOKENS if self.device == "cpu" else DEVICE_TOKENS):
            self._fill(scores, queries, asked, documents)
        return scores

    def _fill(self, scores: np.ndarray, queries: TokenVectors, asked: Any, documents: slice) -> None:
        """Write the scores of some documents, in halves where memory is short."""
        try:
            held = self._held(documents)
            lengths = np.diff(self.starts[documents.start : documents.stop + 1])
            for rows in _groups(queries.starts, QUERY_TOKENS):
                with full_precision:
                    products = asked[_tokens(queries.starts, rows)] @ held.T
                found = maxima(products, lengths)
                scores[rows, documents] = _sums(found, np.diff(queries.starts[rows.start : rows.stop + 1]))
            return
        except self.torch.cuda.OutOfMemoryError:
            if documents.stop - documents.start < 2:
                raise
        self._relieve()
        middle = (documents.start + documents.stop) // 2
        for half in (slice(documents.start, middle), slice(middle, documents.stop)):
            self._fill(scores, queries, asked, half)

    def _relieve(self) -> None:
        """Give back what the device keeps for later, after a lack of memory."""
        self.halved()
        self.rooms.clear()
        self.torch.cuda.empty_cache()

    def some(self, queries: TokenVectors, candidates: np.ndarray) -> np.ndarray:
        """Return float32[queries, width], the scores of `candidates` int32[queries, width]; -inf for NONE.

        On the CPU one document after the other meets all queries that ask for it, so each is read once; elsewhere all
        candidates of a query meet it together.
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
        asked = tensor(queries.array).to(self.device).float().split(np.diff(queries.starts).tolist())
        best = []
        for same in np.split(np.arange(len(places)), np.flatnonzero(np.diff(documents[places])) + 1):
            document = int(documents[places[same[0]]])
            held = self._held(slice(document, document + 1))
            mine = [asked[row] for row in rows[same]]
            tokens = self.torch.cat(mine, out=self._room("queries", sum(map(len, mine)), held.shape[1]))
            room = self._room("products", len(tokens), len(held))
            with full_precision:
                products = self.torch.mm(tokens, held.T, out=room)
            best.append(products.amax(dim=1) if len(held) else tokens.new_full((len(tokens),), EMPTY))
        found = self.torch.cat(best).cpu().numpy()[:, None]
        scores.reshape(-1)[places] = _sums(found, np.diff(queries.starts)[rows])[:, 0]
        return scores

    def _by_query(self, queries: TokenVectors, candidates: np.ndarray) -> np.ndarray:
        """Calculate `some` query by query; nothing waits for the device before the last."""
        asked = tensor(queries.array).to(self.device).float().split(np.diff(queries.starts).tolist())
        found = [self._sum(tokens, own[own != NONE]) for tokens, own in zip(asked, candidates, strict=True)]
        scores = np.full(candidates.shape, -np.inf, np.float32)
        if found:
            scores[candidates != NONE] = self.torch.cat(found).clamp(min=EMPTY).float().cpu().numpy()
        return scores

    def _sum(self, tokens: Any, documents: np.ndarray) -> Any:
        """Return the scores of some documents, float64[documents] on the device, in halves where memory is short."""
        try:
            lengths = np.diff(self.starts)[documents]
            rows = np.arange(lengths.sum()) + np.repeat(self.starts[documents] - np.cumsum(lengths) + lengths, lengths)
            held = self.vectors[self.torch.from_numpy(rows).to(self.vectors.device)].to(self.device).float()
            with full_precision:
                products = tokens @ held.T
            return maxima_there(products, lengths).double().sum(dim=0)
        except self.torch.cuda.OutOfMemoryError:
            if len(documents) < 2:
                raise
        self._relieve()
        halves = np.array_split(documents, 2)
        return self.torch.cat([self._sum(tokens, half) for half in halves])

    def _held(self, documents: slice) -> Any:
        """Return the tokens of some documents in float32, until the next call."""
        vectors = self.vectors[_tokens(self.starts, documents)]
        return self._room("documents", *vectors.shape).copy_(vectors)

    def _room(self, name: str, rows: int, columns: int) -> Any:
        """Return a tensor float32[rows, columns] with anything in it, over memory that is kept by this name."""
        room = self.rooms.get(name)
        if room is None or len(room) < rows * columns:
            room = self.rooms[name] = self.torch.empty(rows * columns, device=self.device)
        return room[: rows * columns].view(rows, columns)


def tensor(array: np.ndarray) -> Any:
    """Return a tensor over the same memory; torch warns of a mapped file that it must not write to, as nobody does."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def maxima(products: Any, lengths: np.ndarray) -> np.ndarray:
    """Return the highest product of each query token with the tokens of each document, float32[tokens, documents].

    `products` is a tensor [query tokens, document tokens]; `lengths` says how many of its columns each document has.
    """
    if products.device.type != "cpu":
        return np.asarray(maxima_there(products, lengths).cpu())
    there, ends = lengths > 0, np.cumsum(lengths)
    found = np.full((len(products), len(lengths)), EMPTY, np.float32)
    if there.any() and len(products):
        found[:, there] = np.maximum.reduceat(products.numpy(), (ends - lengths)[there], axis=1)
    return found


def maxima_there(products: Any, lengths: np.ndarray) -> Any:
    """Return the same as a tensor on the device that holds the products."""
    import torch

    owners = torch.arange(len(lengths), device=products.device)
    owners = owners.repeat_interleave(torch.from_numpy(lengths).to(products.device))
    empty = products.new_full((len(products), len(lengths)), EMPTY)
    return empty.scatter_reduce(1, owners.expand_as(products), products, "amax", include_self=False)


def _sums(found: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Add up the tokens of each query, float32[queries, documents]; a query without tokens scores 0."""
    sums = np.zeros((len(lengths), found.shape[1]))
    there = lengths > 0
    if there.any():
        sums[there] = np.add.reduceat(found, (np.cumsum(lengths) - lengths)[there], axis=0, dtype=np.float64)
    return np.maximum(sums, EMPTY).astype(np.float32)


def _tokens(starts: np.ndarray, rows: slice) -> slice:
    return slice(int(starts[rows.start]), int(starts[rows.stop]))


def _groups(starts: np.ndarray, most: int) -> Iterator[slice]:
    """Cut rows into groups of at most so many tokens, or of one row."""
    first = 0
    while first < len(starts) - 1:
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + most, side="right")) - 1)
        yield slice(first, last)
        first = last
