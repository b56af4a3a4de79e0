"""Parent-document retrieval: passages are searched, and what stands around them is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from pydantic import Field

from harness.artifacts.passages import Passages
from harness.artifacts.text import Corpus
from harness.stages.arrange.base import BudgetedArranger, Wanted, spans_of


class Parents(BudgetedArranger):
    """For each passage found its whole document, or a `window` around it; small passages find, large ones are read.

    Whole documents are what LangChain's ParentDocumentRetriever gives, windows what LlamaIndex's
    SentenceWindowNodeParser does; neither knows a budget. A document comes in at its best passage. Nothing is given
    twice: a passage that stands in what is taken already is passed over, and a window ends where one taken before
    begins. A document that does not fit is cut around the passage, so that what was found is there.
    """

    of_passages: ClassVar[bool] = True
    apart: ClassVar[bool] = True
    window: int | None = Field(default=None, ge=0)
    """How many passages before and behind it are read with the one found; None: the whole document."""

    def wanted(self, texts: Corpus, corpus: Corpus) -> Callable[[int], Wanted]:
        """Return what says of a passage what is to be read for it."""
        assert isinstance(texts, Passages)  # noqa: S101  what a plan sees to
        found, whole = spans_of(texts), spans_of(corpus)
        window = self.window
        if window is None:
            return lambda row: Wanted(*(span := found(row)), *whole(span[0])[1:])
        order = np.lexsort((texts.starts, texts.parents))  # rows ascend by id, which need not keep documents together
        place = np.argsort(order)

        def around(row: int) -> Wanted:
            near = order[max(0, place[row] - window) : place[row] + window + 1]
            own = near[texts.parents[near] == texts.parents[row]]
            return Wanted(*found(row), found(own[0])[1], found(own[-1])[2])

        return around
