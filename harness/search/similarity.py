"""The vectors of documents as an index stores them, and their products with queries on the CPU or another device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from harness.artifacts.index import Index
from harness.search.full_precision import full_precision

Similarity = Literal["cosine", "dot", "euclidean"]
FEW = 4
"""The number of queries up to which, on one thread, a pass over the documents per query beats a matrix product."""
ROOM = 1 << 28
"""The number of scores that a GPU holds at a time, 1 GiB; an estimate that is halved when memory runs out."""


class Documents(NamedTuple):
    """The vectors of an index and what is needed to compare them."""

    vectors: np.ndarray
    """The stored vectors, [documents, dimensions] of float32 or int8, or packed bits as uint8."""
    squares: np.ndarray
    """The squared lengths, float64: one per document, or one upper bound for all."""
    similarity: Similarity
    """How queries and documents are compared."""
    lengths: np.ndarray | None = None
    """The lengths of int8 vectors that are compared at unit length, float32[documents]."""

    @classmethod
    def of(cls, index: Index) -> Documents:
        """Return the documents of an index without copying its arrays."""
        arrays = {name: np.asarray(array) for name, array in index.arrays.items()}
        vectors, lengths = arrays["vectors"], arrays.get("lengths")
        squares = arrays["squares"] if "squares" in arrays else _bound(vectors, lengths)
        return cls(vectors, squares, index.facts["similarity"], lengths)

    @property
    def dimensions(self) -> int:
        """The number of dimensions of a vector; a byte of packed bits has eight."""
        return int(self.vectors.shape[1]) * (8 if self.vectors.dtype == np.uint8 else 1)

    @property
    def is_float32(self) -> bool:
        """Whether the vectors are stored as float32, in which they are compared."""
        return self.vectors.dtype == np.float32

    def floats(self, which: slice | np.ndarray) -> np.ndarray:
        """Return the vectors of some documents as they are compared, float32[..., dimensions]."""
        vectors = floats(self.vectors[which])
        return vectors if self.lengths is None else vectors / self.lengths[which][..., None]

    def prepare_queries(self, queries: np.ndarray) -> np.ndarray:
        """Return queries as they are compared, float32[queries, dimensions].

        Bits stand for +1 and -1, so all documents have the same length; for cosine the queries are divided by it.
        """
        vectors = prepared(floats(queries), self.similarity)
        if self.similarity == "cosine" and self.vectors.dtype == np.uint8:
            vectors = vectors / np.float32(max(self.dimensions, 1) ** 0.5)
        return vectors


def _bound(vectors: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Return an upper bound of the squared lengths of int8 vectors or bits, float64[1]."""
    if vectors.dtype == np.uint8:
        return np.array([8.0 * vectors.shape[1]])
    return np.array([128.0**2 * vectors.shape[1] if lengths is None else 1.001])


SIGNS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) * 2 - 1
"""The eight coordinates that each byte encodes, float32[256, 8] of +1 and -1."""


def floats(array: np.ndarray) -> np.ndarray:
    """Convert float32 vectors, int8 vectors or packed bits to float32.

    >>> floats(np.array([[0b10000001]], np.uint8)).tolist()
    [[1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, 1.0]]
    """
    if array.dtype != np.uint8:
        return array.astype(np.float32, copy=False)
    signs: np.ndarray = SIGNS[array]
    return signs.reshape(*array.shape[:-1], 8 * array.shape[-1])


def prepared(array: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Return vectors as float32, for cosine normalised to unit length; a zero vector stays zero."""
    array = np.ascontiguousarray(array, dtype=np.float32)
    if similarity != "cosine":
        return array
    lengths = np.sqrt(np.einsum("nd,nd->n", array, array, dtype=np.float64))[:, None]
    unit: np.ndarray = np.divide(array, lengths, out=np.zeros_like(array), where=lengths > 0, casting="same_kind")
    return unit


class Products:
    """Products of queries and documents on the CPU, which rank like the similarity except for rounding.

    For `euclidean` the product is q·d - |d|²/2, which falls as the distance rises.
    """

    room: int | None = None
    """The number of scores that a device with its own memory holds at a time; None for what suits a CPU's cache."""
    lack: tuple[type[Exception], ...] = ()
    """The exceptions that mean that memory has run out, and that a smaller block may fit."""

    def __init__(self, documents: Documents, threads: int = 1) -> None:
        """`threads` is the number of threads that the BLAS has."""
        self.documents, self.threads = documents, threads
        self.halves: Any = None
        if documents.similarity == "euclidean":
            self.halves = (documents.squares / 2).astype(np.float32)

    def of(self, queries: np.ndarray, part: slice) -> Any:
        """Return the products with some documents, an array or tensor [queries, documents] on the device."""
        products = self.times(queries, part)
        if self.halves is not None:
            products -= self.halves[part]
        return products

    def times(self, queries: np.ndarray, part: slice) -> Any:
        """Return the dot products; for few queries on one thread, einsum reads memory faster than the BLAS."""
        vectors = self.documents.floats(part)
        if self.threads == 1 and len(queries) <= FEW:
            return np.stack([np.einsum("nd,d->n", vectors, query) for query in queries])
        return queries @ vectors.T

    def kth(self, products: Any, depth: int) -> np.ndarray:
        """Return the `depth`-th highest product of each row."""
        return kth(products, depth)

    def relieve(self) -> None:
        """Release cached memory after memory has run out."""

    def above(self, products: Any, bar: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the row, column and value of all products that reach the bar of their row, in order of rows."""
        places = np.flatnonzero(products >= bar[:, None])
        rows, columns = np.divmod(places, products.shape[1])
        return rows, columns, products.ravel()[places]


class DeviceProducts(Products):
    """The same products, computed by torch on a device that holds all vectors.

    Reduced vectors, and float32 vectors for which the device has no room, are copied to it block by block.
    """

    def __init__(self, documents: Documents, device: str, halved: Callable[[], None] = lambda: None) -> None:
        """`halved` is called whenever memory runs out and the next block is smaller."""
        import torch

        super().__init__(documents)
        self.halved = halved
        self.torch, self.device = torch, device
        self.room = None if device == "cpu" else ROOM
        self.lack = (torch.cuda.OutOfMemoryError,)
        self.halves = None if self.halves is None else self.put(self.halves)
        self.vectors = self._move(documents)

    def _move(self, documents: Documents) -> Any:
        """Return all vectors on the device; None if they are reduced or do not fit."""
        if not documents.is_float32:
            return None
        try:
            return self.put(documents.vectors)
        except self.lack:
            self.relieve()
            return None

    def relieve(self) -> None:
        """Release the memory that torch caches on the device, after memory has run out."""
        self.halved()
        self.torch.cuda.empty_cache()

    def put(self, array: np.ndarray) -> Any:
        """Copy an array to the device."""
        return self.torch.tensor(array, device=self.device)

    def times(self, queries: np.ndarray, part: slice) -> Any:
        """Return the dot products as a tensor on the device."""
        vectors = self.put(self.documents.floats(part)) if self.vectors is None else self.vectors[part]
        with full_precision:  # TF32 errs by more than the margin of `nearest`
            return self.put(queries) @ vectors.T

    def kth(self, products: Any, depth: int) -> np.ndarray:
        """Return the `depth`-th highest product of each row, selected on the device."""
        values: np.ndarray = products.topk(depth, dim=1).values[:, -1].cpu().numpy()
        return values

    def above(self, products: Any, bar: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what reaches the bar, compared on the device."""
        rows, columns = (products >= self.put(bar)[:, None]).nonzero(as_tuple=True)
        return rows.cpu().numpy(), columns.cpu().numpy(), products[rows, columns].cpu().numpy()


def on_device(documents: Documents, device: str, threads: int, halved: Callable[[], None] = lambda: None) -> Products:
    """Return the products on a device; `threads` is the number of threads that the BLAS has on the CPU."""
    return Products(documents, threads) if device == "cpu" else DeviceProducts(documents, device, halved)


def kth(products: np.ndarray, depth: int) -> np.ndarray:
    """Return the `depth`-th highest product of each row."""
    place = products.shape[1] - depth
    values: np.ndarray = np.partition(products, place, axis=1)[:, place]
    return values
