"""Values of measures for a run: every measure and every query, after one search for the judged documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from harness.artifacts.run import Run
from harness.errors import UserError
from harness.measures.judgements import Judgements
from harness.measures.kernel import Kernel
from harness.measures.scoring import function_measures, ir_measures_bridge
from harness.measures.scoring.covered_spans import Covered
from harness.measures.scoring.gold_spans import Gold
from harness.measures.scoring.names import Measure
from harness.measures.scoring.parse import arguments, is_native, of_spans, parse
from harness.measures.scoring.ranked import Ranked
from harness.registry import METRICS


def evaluate(measures: Iterable[Measure | str], run: Run | Ranked, judgements: Judgements) -> dict[str, np.ndarray]:
    """Return float64[len(run)] for each measure, by canonical name.

    One rule decides which queries count: a judged query counts, with 0 if nothing was retrieved or nothing is relevant
    (trec_eval -c); a query that is not judged is NaN and is excluded from every mean. The measures rely on the order
    of the run, which is canonical, and never look at its scores. The depth at which the run was truncated is not known
    here: see `check_depth`. Raises what `parse` raises, UserError for a measure of gold spans, and ValueError if the
    run's rows are not rows of the judgements.
    """
    parsed = [parse(measure) if isinstance(measure, str) else measure for measure in measures]
    for measure in filter(of_spans, parsed):
        raise UserError(f"{measure} needs the gold spans of a data set and the passages of a run; there are none here")
    known = judgements.take(run.rows)
    values: dict[Measure, np.ndarray] = {}
    documents: Sequence[np.ndarray] | np.ndarray
    if isinstance(run, Ranked):
        hits, documents = known.find_in(run.documents, run.borders, run.retrieved), run.lists()
    else:
        hits, documents = known.find(run.documents), run.documents
    others = [measure for measure in parsed if not is_native(measure)]
    if others:
        values |= ir_measures_bridge.calculate(others, documents, known)
    for measure in parsed:
        if measure in others:
            continue
        function = METRICS[measure.base]
        if isinstance(function, Kernel):
            values[measure] = function(hits, **arguments(measure))
        else:
            values[measure] = function_measures.calculate(function, documents, known, arguments(measure))
    return {str(measure): np.where(known.judged, values[measure], np.nan) for measure in parsed}


def evaluate_spans(measures: Iterable[Measure | str], run: Run | Ranked, gold: Gold) -> dict[str, np.ndarray]:
    """Return float64[len(run)] for each measure of a run of passages, by canonical name.

    Every query with a gold span counts, with 0 if nothing was retrieved for it; a query without one is NaN. Raises
    what `parse` raises, and UserError for a measure of documents.
    """
    rows = slice(run.rows.start, run.rows.start + len(run))
    values = {}
    for measure in (parse(measure) if isinstance(measure, str) else measure for measure in measures):
        if not of_spans(measure):
            raise UserError(f"{measure} is a measure of documents")
        if measure.passages:
            plain = replace(measure, passages=False)
            per_query = evaluate([plain], run, gold.judgements)[str(plain)]
            per_query = np.where(gold.judgements.judged[rows], per_query, 0)  # a chunker may drop the text of a span
        else:
            per_query = METRICS[measure.base](Covered(run, gold), **arguments(measure))
        values[str(measure)] = np.where(gold.known[rows], per_query, np.nan)
    return values
