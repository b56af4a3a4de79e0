"""From the name of a measure to one that can be calculated, and what is known about it beforehand."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np

from harness.errors import MissingLibrary, UnknownName, UserError, nearest
from harness.measures.judgements import Judgements
from harness.measures.kernel import Kernel, Parameter, SpanKernel, parameters
from harness.measures.scoring import ir_measures_bridge
from harness.measures.scoring.names import ALIASES, PASSAGE, Measure, measure_of, split, wrong_cutoff
from harness.registry import METRICS

REQUIRED = inspect.Parameter.empty
NO_JUDGEMENTS = Judgements.of(np.empty(0, int), np.empty(0, int), np.empty(0, int), queries=0)


def parse(name: str) -> Measure:
    """Return the measure of that name or alias; its `str` is the canonical name.

    Raises UnknownName with the nearest known name, UserError for an invalid cut-off or parameter, and MissingLibrary
    if only ir_measures could know the measure and is not installed.

    >>> str(parse("mrr@10")), str(parse("P(rel=1)@10")), str(parse("recall_100")), str(parse("passage_ndcg@10"))
    ('RR@10', 'P@10', 'R@100', 'passage_nDCG@10')
    """
    if name.lower().startswith(PASSAGE):
        return _of_passages(parse(name[len(PASSAGE) :]))
    typed = split(name)
    base = _base(typed.base, name)
    measure = Measure(base, typed.parameters, typed.at)
    if base not in METRICS:
        return ir_measures_bridge.complete(measure)
    known = parameters(METRICS[base])
    if not set(dict(measure.parameters)) <= set(known) - {"k"} and base in ir_measures_bridge.names():
        return ir_measures_bridge.complete(measure)
    return _complete(measure, known, name)


def _of_passages(measure: Measure) -> Measure:
    if of_spans(measure):
        raise UserError(f"'{measure}' measures passages already: omit the prefix {PASSAGE!r}")
    return replace(measure, passages=True)


def _base(typed: str, name: str) -> str:
    """Return the registered name that was typed in any case or as an alias."""
    own = {known.lower(): known for known in METRICS.names()}
    lowered = typed.lower().replace("-", "_")
    if base := own.get(lowered) or ALIASES.get(lowered):
        return base
    others = {known.lower(): known for known in ir_measures_bridge.names()}
    if base := others.get(lowered):
        return base
    hint = nearest(typed, (others | {alias: alias for alias in ALIASES} | own).values())
    tail = name.removeprefix(typed) if name.startswith(typed) else ""
    hint = hint.replace("'?", f"{tail}'?") if hint.endswith("?") else nearest(typed, own.values())
    if not others:
        raise MissingLibrary("ir_measures", "ir", f"there is no measure {name!r} here ({hint}); any other")
    raise UnknownName(f"there is no measure {name!r}; {hint}")


def _complete(measure: Measure, known: dict[str, Parameter], name: str) -> Measure:
    """Check the parameters against the signature, and drop those that have their default value."""
    given: dict[str, Any] = dict(measure.parameters)
    declared = {key: parameter for key, parameter in known.items() if key != "k"}
    for key, value in given.items():
        if key not in declared:
            raise UserError(f"the measure {measure.base!r} has no parameter {key!r}; {nearest(key, declared)}")
        given[key] = _typed(key, value, declared[key], name)
    required = [key for key, parameter in declared.items() if parameter.default is REQUIRED]
    for key in required:
        if key not in given:
            what = _described(key, declared[key])
            raise UserError(f"{name!r} needs a value for {what}: {measure.base}({key}=...)")
    kept = {key: value for key, value in given.items() if key in required or value != declared[key].default}
    complete = measure_of(measure.base, kept, _cutoff(measure, known.get("k"), name))
    if isinstance(METRICS[complete.base], Kernel) and not of_spans(complete):
        METRICS[complete.base](NO_JUDGEMENTS.find(np.empty((0, 0), np.int32)), **arguments(complete))  # checks values
    return complete


def _typed(key: str, value: Any, parameter: Parameter, name: str) -> Any:
    """Return a value of the declared type; UserError for a value of another type."""
    if parameter.type is float and type(value) is int:
        return float(value)
    if parameter.type is not object and type(value) is not parameter.type:
        raise UserError(
            f"{key}={value!r} in {name!r} is not of the type {parameter.type.__name__}, which is expected for "
            f"{_described(key, parameter)}"
        )
    return value


def _described(key: str, parameter: Parameter) -> str:
    return f"{key!r}, {parameter.description}" if parameter.description else repr(key)


def _cutoff(measure: Measure, k: Parameter | None, name: str) -> int | float | None:
    if k is None and measure.at is not None:
        raise UserError(f"{name!r}: {measure.base} takes no cut-off")
    at = k.default if k and measure.at is None else measure.at
    if at is REQUIRED:
        raise UserError(f"{name!r} needs a cut-off, as in '{Measure(measure.base, measure.parameters, 10)}'")
    if at is not None and (type(at) is not int or at < 1):
        raise wrong_cutoff(name, at)
    cutoff: int | None = at
    return cutoff


def arguments(measure: Measure) -> dict[str, Any]:
    """Return the keyword arguments for the kernel or the function of one query."""
    return dict(measure.parameters) | ({} if measure.at is None else {"k": measure.at})


def settings(measure: Measure) -> dict[str, Any]:
    """Return all parameters of a measure that is calculated here, defaults included; `k` is None without a cut-off.

    >>> settings(parse("P(rel=2)@10")) == {"k": 10, "rel": 2}
    True
    """
    known = parameters(METRICS[measure.base])
    return {name: p.default for name, p in known.items() if p.default is not REQUIRED} | arguments(measure)


def is_native(measure: Measure) -> bool:
    """Return whether a registered kernel or function calculates the measure; otherwise ir_measures does."""
    if measure.base not in METRICS:
        return False
    return set(arguments(measure)) <= set(parameters(METRICS[measure.base]))


def of_spans(measure: Measure) -> bool:
    """Return whether a measure needs gold spans: it counts their characters, or the spans judge passages.

    >>> [of_spans(parse(name)) for name in ("span_iou@5", "passage_nDCG@10", "nDCG@10")]
    [True, True, False]
    """
    return measure.passages or (measure.base in METRICS and isinstance(METRICS[measure.base], SpanKernel))


def provider(measure: Measure) -> str:
    """Return the name and version of what calculates the measure: part of the recipe of every score.

    >>> provider(parse("nDCG@10"))
    'harness/1'
    """
    if not is_native(measure):
        return ir_measures_bridge.provider()
    function = METRICS[measure.base]
    return f"{function.__module__.split('.')[0]}/{getattr(function, 'version', 1)}"


def required_depth(measure: Measure) -> int | None:
    """Return how deep a run must be for the measure to be correct; None for a measure without a cut-off."""
    return measure.at if isinstance(measure.at, int) else None


def check_depth(measure: Measure, depth: int) -> None:
    """Raise UserError if the cut-off of the measure is deeper than the runs."""
    needed = required_depth(measure)
    if needed is not None and depth < needed:
        raise UserError(f"'{measure}' needs runs of at least depth {needed}, but they are truncated at {depth}")
