"""Query and document read together: the documents that a search found, in the order of a cross-encoder."""

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
    """Order the first `depth` documents of each query by the score that a cross-encoder gives to the pair.

    Nogueira and Cho 2019, https://arxiv.org/abs/1901.04085. Scores are those of `CrossEncoder.predict` of
    sentence-transformers, after the activation that the model names; pairs go to it in batches of like length.
    """

    reads_pairs: ClassVar[bool] = True
    releases_gil: ClassVar[bool] = True
    depth: int = Field(ge=1)
    """How many documents of each query are put in a new order; those below follow as they stood."""
    precision: Literal["fp32", "bf16", "fp16"]
    """Of the weights and of what is calculated inside the model."""
    max_length: int | None = Field(default=None, ge=1)
    """Tokens of a pair that are read; None: as many as the model's own configuration says."""
    prompt: str = OWN
    """The text that sentence-transformers puts before a pair; "model": the one that the model's own configuration names
    as its default, if it does; "none": no text."""

    @field_validator("prompt")
    @classmethod
    def _said(cls, prompt: str) -> str:
        return "" if prompt == "none" else prompt

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, model: Model | None) -> Callable[[Run], Run]:
        """Load the weights; the call reorders a Run, whose `rows` are rows of `queries`.

        UserError for a model that cannot be loaded, that gives a pair more than one score, and, in the call, for a
        score that is not finite.
        """
        weights = load("CrossEncoder", model, self, runtime)
        if weights.num_labels != 1:
            raise UserError(f"{self.word()}: the model gives {weights.num_labels} scores for a pair, and one can rank")
        cut_to(weights, self.max_length, self.word())
        prompt = weights.prompts.get(weights.default_prompt_name) if self.prompt == OWN else self.prompt
        batches = Batches(weights, runtime)
        texts, asked = corpus.table["text"], queries.texts

        def score(features: Any) -> Any:
            return weights.activation_fn(weights(features)["scores"].float()).reshape(-1)

        def rerank(run: Run) -> Run:
            candidates = run.documents[:, : self.depth]
            places = np.argwhere(candidates != NONE)
            documents = texts.take(candidates[tuple(places.T)]).to_pylist()
            pairs = [(asked[run.rows[row]], text) for row, text in zip(places[:, 0], documents, strict=True)]
            found = np.empty(len(pairs), np.float32)
            for which, scores in list(batches(pairs, None, prompt, score)):
                found[which] = scores.cpu().numpy()
            if not np.isfinite(found).all():
                row, column = places[np.flatnonzero(~np.isfinite(found))[0]]
                ids = queries.ids[run.rows[row]], corpus.ids[candidates[row, column]]
                raise UserError(f"{self.word()}: the score of {ids} is not finite at precision: {self.precision}")
            scores = np.full(candidates.shape, -np.inf, np.float32)
            scores[tuple(places.T)] = found
            return run.led_by(Run.top(scores, self.depth, documents=candidates, rows=run.rows))

        return rerank
