"""Documents as an index keeps their vectors, and their products with queries: on the CPU, or on another device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from harness.artifacts.index import Index
from harness.search.full_precision import full_precision

Similarity = Literal["cosine", "dot", "euclidean"]
FEW = 4
"""Queries up to which one thread is faster with a pass over the documents for each than with a product of matrices."""
ROOM = 1 << 28
"""Scores that a GPU holds at a time, 1 GiB of them; a guess, halved where it does not suffice."""


class Documents(NamedTuple):
    """The vectors of an index as they are kept: float32[documents, dimensions], int8 ones, or packed bits."""

    vectors: np.ndarray
    squares: np.ndarray
    """Of the lengths, float64: one a document, or one bound for all."""
    similarity: Similarity
    lengths: np.ndarray | None = None
    """Of int8 vectors, where they are to be compared at length 1."""

    @classmethod
    def of(cls, index: Index) -> Documents:
        """Read an index; nothing is copied."""
        arrays = {name: np.asarray(array) for name, array in index.arrays.items()}
        vectors, lengths = arrays["vectors"], arrays.get("lengths")
        squares = arrays["squares"] if "squares" in arrays else _bound(vectors, lengths)
        return cls(vectors, squares, index.facts["similarity"], lengths)

    @property
    def dimensions(self) -> int:
        """How many coordinates a vector has: eight to a byte of bits."""
        return int(self.vectors.shape[1]) * (8 if self.vectors.dtype == np.uint8 else 1)

    @property
    def whole(self) -> bool:
        """Whether the vectors are kept as they are compared."""
        return self.vectors.dtype == np.float32

    def floats(self, which: slice | np.ndarray) -> np.ndarray:
        """Return some vectors as they are compared, float32[..., dimensions]."""
        found = floats(self.vectors[which])
        return found if self.lengths is None else found / self.lengths[which][..., None]

    def asked(self, queries: np.ndarray) -> np.ndarray:
        """Return queries as they are compared. Bits are +1 and -1, so cosine takes their length from the queries."""
        found = prepared(floats(queries), self.similarity)
        if self.similarity == "cosine" and self.vectors.dtype == np.uint8:
            found = found / np.float32(max(self.dimensions, 1) ** 0.5)
        return found


def _bound(vectors: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Return float64[1] that no squared length exceeds, for int8 and for bits."""
    if vectors.dtype == np.uint8:
        return np.array([8.0 * vectors.shape[1]])
    return np.array([128.0**2 * vectors.shape[1] if lengths is None else 1.001])


SIGNS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) * 2 - 1
"""The eight coordinates that a byte stands for."""


def floats(array: np.ndarray) -> np.ndarray:
    """Return float32 vectors, int8 ones or packed bits as float32.

    >>> floats(np.array([[0b10000001]], np.uint8)).tolist()
    [[1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, 1.0]]
    """
    if array.dtype != np.uint8:
        return array.astype(np.float32, copy=False)
    signs: np.ndarray = SIGNS[array]
    return signs.reshape(*array.shape[:-1], 8 * array.shape[-1])


def prepared(array: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Return float32 vectors as a similarity wants them: at length 1 for cosine, where zero stays zero."""
    array = np.ascontiguousarray(array, dtype=np.float32)
    if similarity != "cosine":
        return array
    lengths = np.sqrt(np.einsum("nd,nd->n", array, array, dtype=np.float64))[:, None]
    unit: np.ndarray = np.divide(array, lengths, out=np.zeros_like(array), where=lengths > 0, casting="same_kind")
    return unit


class Products:
    """Products of queries and documents on the CPU: they rank as the similarity does, but for rounding.

    For `euclidean` it is q·d - |d|²/2, which falls as the distance rises.
    """

    room: int | None = None
    """Scores that a device holds at a time where it has much memory of its own; None: as many as suit a CPU's cache."""
    lack: tuple[type[Exception], ...] = ()
    """What is raised where memory does not suffice, and less at a time may do."""

    def __init__(self, documents: Documents, threads: int = 1) -> None:
        self.documents, self.threads = documents, threads
        self.halves: Any = None
        if documents.similarity == "euclidean":
            self.halves = (documents.squares / 2).astype(np.float32)

    def of(self, queries: np.ndarray, part: slice) -> Any:
        """Return [queries, documents] for some documents, where it was calculated."""
        found = self.times(queries, part)
        if self.halves is not None:
            found -= self.halves[part]
        return found

    def times(self, queries: np.ndarray, part: slice) -> Any:
        """Multiply; few queries are limited by the memory, which einsum reads faster than the BLAS on one thread."""
        held = self.documents.floats(part)
        if self.threads == 1 and len(queries) <= FEW:
            return np.stack([np.einsum("nd,d->n", held, query) for query in queries])
        return queries @ held.T

    def kth(self, products: Any, depth: int) -> np.ndarray:
        """Return what stands at place `depth` of each row."""
        return kth(products, depth)

    def relieve(self) -> None:
        """Give back, after a lack of memory, what is kept for later."""

    def above(self, products: Any, bar: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return row, column and product of all that reach the bar of their row, row by row."""
        places = np.flatnonzero(products >= bar[:, None])
        rows, columns = np.divmod(places, products.shape[1])
        return rows, columns, products.ravel()[places]


class DeviceProducts(Products):
    """The same with torch, on a device that holds all vectors.

    Reduced vectors come to it block by block, and so do whole ones that it has no room for.
    """

    def __init__(self, documents: Documents, device: str, halved: Callable[[], None] = lambda: None) -> None:
        """`halved` is called where memory does not suffice, and less is done at a time."""
        import torch

        super().__init__(documents)
        self.halved = halved
        self.torch, self.device = torch, device
        self.room = None if device == "cpu" else ROOM
        self.lack = (torch.cuda.OutOfMemoryError,)
        self.halves = None if self.halves is None else self.put(self.halves)
        self.vectors = self.held(documents)

    def held(self, documents: Documents) -> Any:
        """Return all vectors on the device, None where they are reduced or do not fit."""
        if not documents.whole:
            return None
        try:
            return self.put(documents.vectors)
        except self.lack:
            self.relieve()
            return None

    def relieve(self) -> None:
        """Give back what the device keeps for later, after a lack of memory."""
        self.halved()
        self.torch.cuda.empty_cache()

    def put(self, array: np.ndarray) -> Any:
        """Copy an array to the device."""
        return self.torch.tensor(array, device=self.device)

    def times(self, queries: np.ndarray, part: slice) -> Any:
        """Multiply on the device."""
        held = self.put(self.documents.floats(part)) if self.vectors is None else self.vectors[part]
        with full_precision:  # TF32 would err by more than the margin
            return self.put(queries) @ held.T

    def kth(self, products: Any, depth: int) -> np.ndarray:
        """Select on the device."""
        found: np.ndarray = products.topk(depth, dim=1).values[:, -1].cpu().numpy()
        return found

    def above(self, products: Any, bar: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compare on the device, and bring home what reaches the bar."""
        rows, columns = (products >= self.put(bar)[:, None]).nonzero(as_tuple=True)
        return rows.cpu().numpy(), columns.cpu().numpy(), products[rows, columns].cpu().numpy()


def on_device(documents: Documents, device: str, threads: int, halved: Callable[[], None] = lambda: None) -> Products:
    """Return products on a device; on the CPU, `threads` is how many of them the BLAS has."""
    return Products(documents, threads) if device == "cpu" else DeviceProducts(documents, device, halved)


def kth(products: np.ndarray, depth: int) -> np.ndarray:
    """Return what stands at place `depth` of each row, counted from the highest."""
    place = products.shape[1] - depth
    found: np.ndarray = np.partition(products, place, axis=1)[:, place]
    return found
