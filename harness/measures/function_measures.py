"""Measures that are written one query at a time, with ids in lists and dictionaries: the form for plug-ins."""

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
    """Call `function(ranked, judged, **parameters)` for each judged query: the ids found, best first, and the grades.

    The ids are those of the corpus; judgements that were made of bare arrays show row numbers instead.
    """
    values = np.zeros(known.queries)
    for row in np.flatnonzero(known.judged).tolist():
        part = slice(known.starts[row], known.starts[row + 1])
        found = documents[row][documents[row] != NONE]
        if known.names:
            ranked = known.names.corpus.take(found).to_pylist()
            judged = known.names.judged[part].to_pylist()
        else:
            ranked, judged = ([str(document) for document in some.tolist()] for some in (found, known.documents[part]))
        values[row] = function(ranked, dict(zip(judged, known.grades[part].tolist(), strict=True)), **parameters)
    return values
