"""The measures that have no kernel here, calculated by the library ir_measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from types import ModuleType

import numpy as np

from harness.artifacts.run import NONE
from harness.errors import MissingLibrary, UserError, nearest
from harness.measures.judgements import Judgements
from harness.measures.scoring.names import Measure, measure_of, wrong_cutoff


def library(why: str) -> ModuleType:
    """Import ir_measures; MissingLibrary, with the reason why it is needed, if it is not installed."""
    try:
        import ir_measures
    except ImportError:
        raise MissingLibrary("ir_measures", "ir", why) from None
    module: ModuleType = ir_measures
    return module


def names() -> list[str]:
    """Return the names that ir_measures knows; none if it is not installed."""
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
            others = [other for other in known if other != form.AT_PARAM]
            raise UserError(f"the measure {measure.base!r} has no parameter {name!r}; {nearest(name, others)}")
    if form.AT_PARAM == "cutoff" and measure.at is not None and (measure.at != int(measure.at) or measure.at < 1):
        raise wrong_cutoff(str(measure), measure.at)
    kept = {name: value for name, value in given.items() if value != known[name].default}
    canonical = measure_of(form.NAME, kept | {n: v for n, v in form.params.items() if n not in kept}, measure.at)
    try:
        if not ir.DefaultPipeline.supports(ir.parse_measure(str(canonical))):
            raise UserError(f"neither the harness nor ir_measures, as installed here, can calculate '{canonical}'")
    except AssertionError as error:
        raise UserError(f"ir_measures refuses '{canonical}': {error}") from None
    return canonical


def provider() -> str:
    """Return the name and version of the library."""
    return f"ir_measures/{version('ir_measures')}"


def calculate(
    measures: Iterable[Measure], documents: Sequence[np.ndarray] | np.ndarray, known: Judgements
) -> dict[Measure, np.ndarray]:
    """Return float64[queries] for each measure; 0 if nothing was retrieved. Values of unjudged queries are ignored.

    ir_measures receives row numbers as ids, and scores that fall by one per rank, so that neither ties nor the
    precision of scores matter. Each measure is calculated alone: together, some would use the settings of others.
    """
    ir = library("a measure")
    qrels = _graded(known)
    run = {row: _scored(documents[int(row)]) for row in qrels if (documents[int(row)] != NONE).any()}
    values = {}
    for measure in measures:
        values[measure] = np.zeros(known.queries)
        for value in ir.iter_calc([ir.parse_measure(str(measure))], qrels, run) if run else ():
            if value.query_id in run:
                values[measure][int(value.query_id)] = value.value
    return values


def _graded(known: Judgements) -> dict[str, dict[str, int]]:
    """Return the judgements as dictionaries.

    If all grades of a query are negative they become 0, which means the same: otherwise pytrec_eval 0.5.11 writes
    beyond its memory, and the process hangs or ends some queries later.
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
