"""Reranking with a cross-encoder, which reads query and document together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from harness.artifacts.model import Model
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.errors import UserError
from harness.models.batches import Batches
from harness.models.loading import cut_to, load
from harness.models.prompts import OWN
from harness.stage import Reranker, Runtime


class CrossEncoderReranker(Reranker):
    """Reorders documents with a model that reads query and document together (Nogueira and Cho 2019).

    https://arxiv.org/abs/1901.04085. Scores are those of sentence-transformers' `CrossEncoder.predict`, after the
    activation function of the model's configuration. Pairs are batched by length.
    """

    reads_pairs: ClassVar[bool] = True
    releases_gil: ClassVar[bool] = True
    depth: int = Field(ge=1)
    """The number of documents per query that are reordered; the documents below them keep their order."""
    precision: Literal["fp32", "bf16", "fp16"]
    """The precision of the weights and of the computation inside the model."""
    max_length: int | None = Field(default=None, ge=1)
    """The number of tokens of a pair that are read; None reads as many as the model's configuration sets."""
    prompt: str = OWN
    """The text prepended to a pair; "model", the default, uses the default prompt of the model's configuration, if it
    has one, and "none" no text."""

    @field_validator("prompt")
    @classmethod
    def _read_prompt(cls, prompt: str) -> str:
        return "" if prompt == "none" else prompt

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, model: Model | None) -> Callable[[Run], Run]:
        """Load the weights; the call reorders a Run, whose `rows` are rows of `queries`.

        Raises UserError if the model cannot be loaded or returns more than one score per pair. The call raises
        UserError if a score is not finite.
        """
        weights = load("CrossEncoder", model, self, runtime)
        if weights.num_labels != 1:
            raise UserError(
                f"{self.word()}: the model returns {weights.num_labels} scores per pair, but needs exactly 1"
            )
        cut_to(weights, self.max_length, self.word())
        prompt = weights.prompts.get(weights.default_prompt_name) if self.prompt == OWN else self.prompt
        batches = Batches(weights, runtime)
        texts, query_texts = corpus.table["text"], queries.texts

        def score(features: Any) -> Any:
            return weights.activation_fn(weights(features)["scores"].float()).reshape(-1)

        def rerank(run: Run) -> Run:
            candidates = run.documents[:, : self.depth]
            places = np.argwhere(candidates != NONE)
            documents = texts.take(candidates[tuple(places.T)]).to_pylist()
            pairs = [(query_texts[run.rows[row]], text) for row, text in zip(places[:, 0], documents, strict=True)]
            pair_scores = np.empty(len(pairs), np.float32)
            # all batches are queued on the device before the first result is copied, which waits for it
            for batch, batch_scores in list(batches(pairs, None, prompt, score)):
                pair_scores[batch] = batch_scores.cpu().numpy()
            if not np.isfinite(pair_scores).all():
                row, column = places[np.flatnonzero(~np.isfinite(pair_scores))[0]]
                ids = queries.ids[run.rows[row]], corpus.ids[candidates[row, column]]
                raise UserError(f"{self.word()}: the score of {ids} is not finite at precision: {self.precision}")
            scores = np.full(candidates.shape, -np.inf, np.float32)
            scores[tuple(places.T)] = pair_scores
            return run.led_by(Run.top(scores, self.depth, documents=candidates, rows=run.rows))

        return rerank
