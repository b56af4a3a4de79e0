"""The tokens that models read per query or document, counted with their tokenizers alone.

For a service these are the tokens that it billed. For a model on this machine its own tokenizer counts, prompts and
special tokens included, up to the length at which texts are truncated. Of a large corpus a sample is counted.
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
from harness.plan import Target, answer_nodes
from harness.plan.leaves import ModelLeaf
from harness.plan.prompts import prompt_of
from harness.record.made import Made
from harness.results import Measurement
from harness.stage import Encoder, Node, Reranker
from harness.stage.base import Side
from harness.stage.node import read_as, side_of
from harness.statistics import mean_interval

SAMPLE = 2000
"""The most documents, or pairs, that are counted, drawn with seed 0. Queries are all counted."""


class Sample(NamedTuple):
    """The tokens of some texts before truncation."""

    tokens: np.ndarray
    """int64[counted]"""
    limit: int | None
    """The number of tokens at which a text is truncated."""
    total: int
    """The number of texts that the sample was drawn from."""

    def per_text(self, texts: int) -> tuple[float, float | None, float | None]:
        """Return the tokens read for one of `texts` documents or queries, and the interval if this is a sample."""
        read, share = np.minimum(self.tokens, self.limit or self.tokens.max()), self.total / texts
        if len(read) == self.total:
            return float(read.mean()) * share, None, None
        mean, low, high, _ = mean_interval(read)
        return mean * share, low * share, high * share

    @property
    def truncated(self) -> float:
        """The share of texts that are truncated."""
        return float((self.tokens > self.limit).mean()) if self.limit else 0.0


class TokenCounts:
    """Counts tokens for the stages of one plan, each stage once."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self._samples: dict[Fingerprint, Sample | None] = {}

    def rows(self, target: Target) -> Iterator[Measurement]:
        """Yield the tokens that each stage of a system reads per query or document, and the share of truncated texts.

        If only a sample was counted, the interval is that of the sample.
        """
        counts = self.made.plan.leaves.collections[target.dataset].facts["counts"]
        for node in answer_nodes(target.run):
            side, name, stage = side_of(node), node.fingerprint, target.stage_names[node.fingerprint]
            quantity, unit = f"{side}_tokens", f"tokens/{side}"
            texts = counts["corpus" if side == "document" else "queries"]
            billed = sum(cost.api_tokens for cost in self.made.store.costs(name)[-1:])
            if billed:
                yield Measurement.of(target, quantity, billed / texts, unit, stage=stage, fingerprint=name, n=texts)
                continue
            sample = self._sample(node, side)
            if sample is None or not len(sample.tokens):
                continue
            mean, low, high = sample.per_text(texts)
            n = len(sample.tokens)
            yield Measurement.of(target, quantity, mean, unit, stage=stage, fingerprint=name, n=n, low=low, high=high)
            yield Measurement.of(target, f"{side}_truncated", sample.truncated, stage=stage, fingerprint=name, n=n)

    def _sample(self, node: Node, side: Side) -> Sample | None:
        if node.fingerprint not in self._samples:
            self._samples[node.fingerprint] = self._count(node, side)
        return self._samples[node.fingerprint]

    def _count(self, node: Node, side: Side) -> Sample | None:
        """Count the tokens that a node reads; None where no model reads any, or its tokenizer is unknown."""
        stage, model = node.stage, self.made.plan.leaves.model_of(node)
        if model is None or not all(above in self.made for above in node.stream):
            return None
        if isinstance(stage, Encoder):
            return self._count_texts(node, stage, model, side)
        if isinstance(stage, Reranker) and stage.reads_pairs:
            return self._count_pairs(node, model)
        return None

    def _count_texts(self, node: Node, stage: Encoder, model: ModelLeaf, side: Side) -> Sample | None:
        """Count the texts that an encoder reads; None where its tokenizer or its prompt is unknown."""
        folder, prompt = folder_of(model.model), prompt_of(stage, read_as(node), model).text
        counter = token_counter(folder, read_as(node), stage.model_dump().get("max_length")) if folder else None
        if counter is None or prompt is None or not issubclass(node.stream[0].gives, Texts):
            return None
        texts = self._texts(node.stream[0])
        rows = np.arange(len(texts)) if side == "query" else _drawn(len(texts))
        tokens = counter.count([prompt + text for text in texts.take(rows).to_pylist()])
        return Sample(tokens, counter.limit, len(texts))

    def _count_pairs(self, node: Node, model: ModelLeaf) -> Sample | None:
        """Count a sample of the pairs that a reranker reads; None where its tokenizer is unknown."""
        folder, settings = folder_of(model.model), node.stage.model_dump()
        counter = token_counter(folder, None, settings.get("max_length")) if folder else None
        corpus, queries = (above for above in node.static[:2] if above is not None)
        if counter is None or corpus not in self.made or queries not in self.made:
            return None
        run: Run = self.made.load(node.stream[0])
        places = np.argwhere(run.documents[:, : settings["depth"]] != NONE)
        drawn = places[_drawn(len(places))]
        documents = self._texts(corpus).take(run.documents[tuple(drawn.T)]).to_pylist()
        pairs = list(zip(self._texts(queries).take(drawn[:, 0]).to_pylist(), documents, strict=True))
        return Sample(counter.count(pairs), counter.limit, len(places))

    def _texts(self, node: Node) -> pa.ChunkedArray:
        """Return the texts that a node made."""
        texts = self.made.load(node)
        assert isinstance(texts, Texts)  # noqa: S101  encoders and rerankers read nothing else
        return texts.table["text"]


def _drawn(count: int) -> np.ndarray:
    """Draw at most SAMPLE of `count` rows, in ascending order."""
    return np.sort(np.random.default_rng(0).choice(count, min(count, SAMPLE), replace=False))
