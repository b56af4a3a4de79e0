"""Measures written as a function of one query, with ids in a list and a dictionary: the form for plug-ins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.artifacts.run import NONE
from harness.measures.judgements import Judgements


def calculate(
    function: Callable[..., float],
    documents: Sequence[np.ndarray] | np.ndarray,
    known: Judgements,
    parameters: dict[str, Any],
) -> np.ndarray:
    """Call `function(ranked, judged, **parameters)` for each judged query; float64[queries].

    `ranked` lists the ids retrieved, best first, and `judged` maps ids to grades. The ids are those of the corpus, or
    row numbers if the judgements were made from bare arrays. The value of an unjudged query is 0.
    """
    values = np.zeros(known.queries)
    for row in np.flatnonzero(known.judged).tolist():
        part = slice(known.starts[row], known.starts[row + 1])
        retrieved = documents[row][documents[row] != NONE]
        if known.names:
            ranked = known.names.corpus.take(retrieved).to_pylist()
            judged = known.names.judged[part].to_pylist()
        else:
            ranked, judged = (list(map(str, rows.tolist())) for rows in (retrieved, known.documents[part]))
        values[row] = function(ranked, dict(zip(judged, known.grades[part].tolist(), strict=True)), **parameters)
    return values
