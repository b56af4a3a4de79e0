"""Parent-document retrieval: small passages are searched, larger texts around them are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from pydantic import Field

from harness.artifacts.passages import Passages
from harness.artifacts.text import Corpus
from harness.stages.arrange.base import BudgetedArranger, Excerpt, spans_of


class Parents(BudgetedArranger):
    """Replaces each retrieved passage by its whole document, or by a `window` of passages around it.

    LangChain's ParentDocumentRetriever returns whole documents, and LlamaIndex's SentenceWindowNodeParser returns
    windows; neither has a budget. A document enters at the rank of its best passage. No text is included twice: a
    passage inside text that is already included is skipped, and a window ends where an earlier one begins. A text that
    does not fit is truncated around the passage, so that the retrieved text is kept.
    """

    of_passages: ClassVar[bool] = True
    no_repeats: ClassVar[bool] = True
    window: int | None = Field(default=None, ge=0)
    """The number of passages before and after a retrieved one that are read with it; None reads the whole document."""

    def excerpts(self, texts: Corpus, corpus: Corpus) -> Callable[[int], Excerpt]:
        """Return a function from a passage's row to the excerpt to read for it."""
        assert isinstance(texts, Passages)  # noqa: S101  the plan guarantees it
        passage, document = spans_of(texts), spans_of(corpus)
        window = self.window
        if window is None:
            return lambda row: Excerpt(*(span := passage(row)), *document(span[0])[1:])
        order = np.lexsort((texts.starts, texts.parents))  # rows ascend by id, which need not keep documents together
        place = np.argsort(order)

        def around(row: int) -> Excerpt:
            near = order[max(0, place[row] - window) : place[row] + window + 1]
            own = near[texts.parents[near] == texts.parents[row]]
            return Excerpt(*passage(row), passage(own[0])[1], passage(own[-1])[2])

        return around
