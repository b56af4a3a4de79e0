"""The measures that have no kernel here, as ir_measures calculates them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from types import ModuleType

import numpy as np

from harness.artifacts.run import NONE
from harness.errors import MissingLibrary, UserError, nearest
from harness.measures.judgements import Judgements
from harness.measures.names import Measure, measure_of, wrong_cutoff


def library(why: str) -> ModuleType:
    """Import ir_measures; MissingLibrary, which says why it is needed, if it is not installed."""
    try:
        import ir_measures
    except ImportError:
        raise MissingLibrary("ir_measures", "ir", why) from None
    found: ModuleType = ir_measures
    return found


def names() -> list[str]:
    """Return the names that ir_measures knows; none where it is not installed."""
    try:
        return sorted(library("").measures.registry)
    except MissingLibrary:
        return []


def complete(measure: Measure) -> Measure:
    """Return the measure under its canonical name; UserError if ir_measures does not know or cannot calculate it."""
    ir = library(f"the measure '{measure}'")
    form = ir.measures.registry[measure.base]
    known = form.SUPPORTED_PARAMS
    given = dict(measure.parameters)
    for name in given:
        if name not in known or name == form.AT_PARAM:
            words = [word for word in known if word != form.AT_PARAM]
            raise UserError(f"the measure {measure.base!r} has no parameter {name!r}; {nearest(name, words)}")
    if form.AT_PARAM == "cutoff" and measure.at is not None and (measure.at != int(measure.at) or measure.at < 1):
        raise wrong_cutoff(str(measure), measure.at)
    kept = {name: value for name, value in given.items() if value != known[name].default}
    found = measure_of(form.NAME, kept | {n: v for n, v in form.params.items() if n not in kept}, measure.at)
    try:
        if not ir.DefaultPipeline.supports(ir.parse_measure(str(found))):
            raise UserError(f"neither the harness nor ir_measures, as it is installed here, can calculate '{found}'")
    except AssertionError as error:
        raise UserError(f"'{found}': ir_measures says {error}") from None
    return found


def provider() -> str:
    """Name the library and its version."""
    return f"ir_measures/{version('ir_measures')}"


def calculate(
    measures: Iterable[Measure], documents: Sequence[np.ndarray] | np.ndarray, known: Judgements
) -> dict[Measure, np.ndarray]:
    """Return the values of all queries; 0 where nothing was retrieved, and of no account where nothing is judged.

    ir_measures receives row numbers for ids and scores that fall by one a rank, so that neither ties nor the precision
    of scores can matter. Each measure goes alone: together, some would borrow the settings of others.
    """
    ir = library("a measure")
    qrels = _graded(known)
    run = {row: _scored(documents[int(row)]) for row in qrels if (documents[int(row)] != NONE).any()}
    found = {}
    for measure in measures:
        found[measure] = np.zeros(known.queries)
        for value in ir.iter_calc([ir.parse_measure(str(measure))], qrels, run) if run else ():
            if value.query_id in run:
                found[measure][int(value.query_id)] = value.value
    return found


def _graded(known: Judgements) -> dict[str, dict[str, int]]:
    """Write the judgements as dictionaries.

    Where all grades of a query are negative they become 0, which says as little: pytrec_eval 0.5.11 writes beyond its
    memory otherwise, and the process hangs or ends some queries later.
    """
    best = np.full(known.queries, np.iinfo(np.int32).min)
    np.maximum.at(best, known.rows, known.grades)
    grades = np.where(best[known.rows] < 0, 0, known.grades)
    qrels: dict[str, dict[str, int]] = {}
    for row, document, grade in zip(known.rows.tolist(), known.documents.tolist(), grades.tolist(), strict=True):
        qrels.setdefault(str(row), {})[str(document)] = grade
    return qrels


def _scored(documents: np.ndarray) -> dict[str, float]:
    return {str(document): float(-rank) for rank, document in enumerate(documents.tolist()) if document != NONE}
