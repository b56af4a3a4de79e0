"""Tokens that models read: of a query, of a document, of the pairs of a reranker; counted by tokenizers alone.

What a service took is what it counted itself. For a model on this machine its own tokenizer counts, prompts and added
tokens included, up to the length at which it stops; of a large corpus a sample is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Texts
from harness.fingerprint import Fingerprint
from harness.models.token_counter import token_counter
from harness.models.weights import folder_of
from harness.plan import Plan, Target, answer_nodes
from harness.plan.leaves import ModelLeaf
from harness.plan.prompts import prompt_of
from harness.record.quantities import Quantity
from harness.stage import Encoder, Node, Reranker
from harness.stage.base import Side
from harness.stage.node import read_as, side_of
from harness.statistics import mean_interval
from harness.store import Store

SAMPLE = 2000
"""Documents, or pairs, that are counted at most; drawn with seed 0. Queries are all counted."""


class TokenCounts:
    """Counts for the nodes of one plan, each node once."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan, self.store = plan, store
        self.found: dict[Fingerprint, list[Quantity]] = {}

    def of(self, target: Target) -> Iterator[Quantity]:
        """Give the tokens that every stage of a system reads for a query or a document, and what share it cuts."""
        for node in answer_nodes(target.run):
            if node.fingerprint not in self.found:
                self.found[node.fingerprint] = list(self._of_node(node, target))
            yield from self.found[node.fingerprint]

    def _of_node(self, node: Node, target: Target) -> Iterator[Quantity]:
        side = side_of(node)
        counts = self.plan.leaves.collections[target.dataset].facts["counts"]
        texts = counts["corpus" if side == "document" else "queries"]
        billed = sum(cost.api_tokens for cost in self.store.costs(node.fingerprint)[-1:])
        if billed:
            yield Quantity(node, f"{side}_tokens", billed / texts, f"tokens/{side}", node.name, n=texts)
            return
        stage, model = node.stage, self.plan.leaves.model_of(node)
        if model is None or not all(above.fingerprint in self.store for above in node.stream):
            return
        if isinstance(stage, Encoder):
            yield from _counted(node, side, self._texts(node, stage, model, side), texts)
        elif isinstance(stage, Reranker) and stage.reads_pairs:
            yield from _counted(node, side, self._pairs(node, model), texts)

    def _texts(self, node: Node, stage: Encoder, model: ModelLeaf, side: Side) -> Sampled | None:
        """Count the texts that an encoder reads; None where its tokenizer or its prompt is not known."""
        folder, prompt = folder_of(model.model), prompt_of(stage, read_as(node), model).text
        pieces = token_counter(folder, read_as(node), stage.model_dump().get("max_length")) if folder else None
        if pieces is None or prompt is None or not issubclass(node.stream[0].gives, Texts):
            return None
        read = self._read(node.stream[0])
        rows = np.arange(len(read)) if side == "query" else _drawn(len(read))
        texts = [prompt + text for text in read.take(rows).to_pylist()]
        return Sampled(pieces.count(texts), pieces.limit, len(read))

    def _pairs(self, node: Node, model: ModelLeaf) -> Sampled | None:
        """Count a sample of the pairs that a reranker reads."""
        folder, said = folder_of(model.model), node.stage.model_dump()
        pieces = token_counter(folder, None, said.get("max_length")) if folder else None
        corpus, queries = (above for above in node.static[:2] if above is not None)
        if pieces is None or corpus.fingerprint not in self.store or queries.fingerprint not in self.store:
            return None
        run = self.store.load(node.stream[0].fingerprint, Run)
        places = np.argwhere(run.documents[:, : said["depth"]] != NONE)
        drawn = places[_drawn(len(places))]
        read = self._read(corpus).take(run.documents[tuple(drawn.T)]).to_pylist()
        pairs = list(zip(self._read(queries).take(drawn[:, 0]).to_pylist(), read, strict=True))
        return Sampled(pieces.count(pairs), pieces.limit, len(places))

    def _read(self, node: Node) -> pa.ChunkedArray:
        """Return the texts that a node gave."""
        found = self.store.load(node.fingerprint, node.gives)
        assert isinstance(found, Texts)  # noqa: S101  what an encoder and a reranker read
        return found.table["text"]


class Sampled(NamedTuple):
    """Tokens of some texts before they are cut, int64[counted], where they are cut, and of how many they are drawn."""

    tokens: np.ndarray
    limit: int | None
    of: int


def _drawn(count: int) -> np.ndarray:
    """Draw rows, ascending, at most SAMPLE."""
    return np.sort(np.random.default_rng(0).choice(count, min(count, SAMPLE), replace=False))


def _counted(node: Node, side: Side, sampled: Sampled | None, texts: int) -> Iterator[Quantity]:
    """Give the mean tokens that are read for one of `texts` queries or documents, and the share of what is cut.

    Where not everything was counted, the interval is that of the sample.
    """
    if sampled is None or not len(sampled.tokens):
        return
    tokens, limit, of = sampled
    read, share = np.minimum(tokens, limit or tokens.max()), of / texts
    mean, low, high, n = mean_interval(read) if len(read) < of else (float(read.mean()), None, None, len(read))
    ends = [None if end is None else end * share for end in (low, high)]
    yield Quantity(node, f"{side}_tokens", mean * share, f"tokens/{side}", node.name, None, n, *ends)
    cut = float((tokens > limit).mean()) if limit else 0.0
    yield Quantity(node, f"{side}_truncated", cut, "", node.name, None, n)
