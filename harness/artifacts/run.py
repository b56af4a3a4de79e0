"""A run: the retrieved documents of every query, best first, with their scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from harness.artifacts.base import Rows, joined

NONE = -1
"""Marks an unused place in `documents`, where a query has fewer documents than others."""


class Run(Rows):
    """`documents` int32[queries, depth] are rows of the corpus; `scores` float32[queries, depth] fall along a row.

    The order is canonical: score descending, then document id descending, as in trec_eval. The rows of a corpus ascend
    by id, so the row number breaks ties. Unused places come last and contain NONE and -inf.
    """

    def __init__(self, documents: np.ndarray, scores: np.ndarray, rows: range | None = None) -> None:
        self.documents = documents
        self.scores = scores
        self.rows = range(len(documents)) if rows is None else rows

    @classmethod
    def top(
        cls, scores: np.ndarray, depth: int, *, documents: np.ndarray | None = None, rows: range | None = None
    ) -> Self:
        """Keep the `depth` best documents of each query in canonical order.

        `scores` float[queries, n] belong to the documents 0..n-1, or to `documents` int[queries, n] if given, in which
        NONE marks an unused place. A score of -inf means "not retrieved". Raises ValueError for NaN, +inf and a score
        that is out of the range of float32.
        """
        scores = _checked(np.asarray(scores))
        width = scores.shape[1]
        if documents is None:
            documents = np.broadcast_to(np.arange(width, dtype=np.int32), scores.shape)
        keys = sort_keys(scores, documents)
        depth = min(depth, width)
        if depth < width:
            keys = np.partition(keys, width - depth, axis=1)[:, width - depth :]
        best_documents, best_scores = split_keys(np.sort(keys, axis=1)[:, ::-1])
        return cls(best_documents, best_scores, rows)

    def cut(self, depth: int) -> Self:
        """Return the run truncated to the first `depth` places."""
        return type(self)(self.documents[:, :depth], self.scores[:, :depth], self.rows)

    def led_by(self, head: Self) -> Self:
        """Reorder the first places as in `head`, which has the same documents there; the rest keeps its order.

        The documents of the head have the scores of the head. The i-th document below it gets the lowest of these
        scores minus i, so that scores fall along a row even if the two searches score on different scales.
        """
        width, rest = head.documents.shape[1], self.documents[:, head.documents.shape[1] :]
        if not width or not rest.shape[1]:
            return head if width else self
        below = head.scores[:, -1:] - np.arange(1, rest.shape[1] + 1, dtype=np.float32)
        scores = np.where(rest == NONE, np.float32(-np.inf), below)
        documents = np.concatenate([head.documents, rest], axis=1)
        return type(self)(documents, np.concatenate([head.scores, scores], axis=1), self.rows)

    def take(self, part: slice) -> Self:
        """Return the runs of some queries, without copying."""
        return type(self)(self.documents[part], self.scores[part], self.rows[part])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the runs of consecutive queries; shorter ones are padded with unused places."""
        depth = max(part.documents.shape[1] for part in parts)
        padded = [part.widen(depth) for part in parts]
        documents = np.concatenate([part.documents for part in padded])
        return cls(documents, np.concatenate([part.scores for part in padded]), joined(parts))

    def widen(self, depth: int) -> Self:
        """Pad with unused places."""
        missing = ((0, 0), (0, depth - self.documents.shape[1]))
        documents = np.pad(self.documents, missing, constant_values=NONE)
        return type(self)(documents, np.pad(self.scores, missing, constant_values=-np.inf), self.rows)

    def save(self, folder: Path) -> None:
        """Write both arrays."""
        np.save(folder / "documents.npy", self.documents, allow_pickle=False)
        np.save(folder / "scores.npy", self.scores, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map both arrays into memory, read-only."""
        documents = np.load(folder / "documents.npy", mmap_mode="r", allow_pickle=False)
        return cls(documents, np.load(folder / "scores.npy", mmap_mode="r", allow_pickle=False))


def _checked(scores: np.ndarray) -> np.ndarray:
    """Return the scores as float32. Raises ValueError if one is NaN, +inf or out of range."""
    with np.errstate(over="ignore"):
        narrow = scores.astype(np.float32, copy=False)
    low, high = narrow.min(initial=np.inf), narrow.max(initial=-np.inf)
    if not high < np.inf:  # also true for a NaN, which `max` propagates
        raise ValueError("a score is NaN or infinite")
    if low == -np.inf and narrow is not scores and (np.isneginf(narrow) != np.isneginf(scores)).any():
        raise ValueError("a score is below the range of float32")
    return narrow


def sort_keys(scores: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """Combine score and document into an int64 that sorts like (score, document): the only tie rule of the harness.

    The bits of an IEEE float, read as an integer, rise with the value of positive numbers and fall with the value of
    negative ones; flipping the latter makes them rise throughout. -0.0 is replaced by 0.0 first. The document is in the
    lower half.
    """
    scores = np.where(documents == NONE, -np.inf, scores).astype(np.float32) + np.float32(0)
    bits = scores.view(np.int32).astype(np.int64)
    rising = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    keys: np.ndarray = (rising << 32) | (documents.astype(np.int64) & 0xFFFFFFFF)
    return keys


def split_keys(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split keys into documents (int32; NONE where the score is -inf) and scores (float32)."""
    bits = (keys >> 32).astype(np.int32)
    scores = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits).astype(np.int32).view(np.float32)
    documents = (keys & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return np.where(np.isneginf(scores), np.int32(NONE), documents), scores
