"""Runs to values: every measure, every query, one search for the judged documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from harness.artifacts.run import Run
from harness.errors import UserError
from harness.measures import function_measures, ir_measures_bridge
from harness.measures.gold_spans import Gold
from harness.measures.judgements import Judgements
from harness.measures.kernel import Kernel
from harness.measures.names import Measure
from harness.measures.parse import arguments, is_native, of_spans, parse
from harness.measures.ranked import Ranked
from harness.measures.spans import Covered
from harness.registry import METRICS


def evaluate(measures: Iterable[Measure | str], run: Run | Ranked, judgements: Judgements) -> dict[str, np.ndarray]:
    """Return float64[len(run)] for each measure, by canonical name.

    The one rule of who counts: a query that is judged counts, with 0 if the run found nothing for it or if nothing is
    relevant (trec_eval -c); a query that is not judged is NaN and stays out of every mean. The measures trust the
    order of the run, which is canonical, and never look at its scores. What cut the run before is not known here: see
    `check_depth`. Raises what `parse` raises, UserError for a measure that holds passages against spans, and ValueError
    if the run's rows are not rows of the judgements.
    """
    wanted = [parse(measure) if isinstance(measure, str) else measure for measure in measures]
    for measure in filter(of_spans, wanted):
        raise UserError(f"{measure} needs the gold spans of a data set and the passages of a run; here are neither")
    known = judgements.take(run.rows)
    values: dict[Measure, np.ndarray] = {}
    documents: Sequence[np.ndarray] | np.ndarray
    if isinstance(run, Ranked):
        hits, documents = known.find_in(run.documents, run.borders, run.retrieved), run.lists()
    else:
        hits, documents = known.find(run.documents), run.documents
    others = [measure for measure in wanted if not is_native(measure)]
    if others:
        values |= ir_measures_bridge.calculate(others, documents, known)
    for measure in wanted:
        if measure in others:
            continue
        function = METRICS[measure.base]
        if isinstance(function, Kernel):
            values[measure] = function(hits, **arguments(measure))
        else:
            values[measure] = function_measures.calculate(function, documents, known, arguments(measure))
    return {str(measure): np.where(known.judged, values[measure], np.nan) for measure in wanted}


def evaluate_spans(measures: Iterable[Measure | str], run: Run | Ranked, gold: Gold) -> dict[str, np.ndarray]:
    """Return float64[len(run)] for each measure of the passages of a run, by canonical name.

    Every query with a span counts, with 0 if nothing was found for it; one without is NaN. Raises what `parse` raises,
    and UserError for a measure of documents.
    """
    rows = slice(run.rows.start, run.rows.start + len(run))
    values = {}
    for measure in (parse(measure) if isinstance(measure, str) else measure for measure in measures):
        if not of_spans(measure):
            raise UserError(f"{measure} is a measure of documents")
        if measure.passages:
            plain = replace(measure, passages=False)
            found = evaluate([plain], run, gold.judgements)[str(plain)]
            found = np.where(gold.judgements.judged[rows], found, 0)  # a chunker may leave out what a span holds
        else:
            found = METRICS[measure.base](Covered(run, gold), **arguments(measure))
        values[str(measure)] = np.where(gold.known[rows], found, np.nan)
    return values
