"""From a name to a measure that can be calculated, and what is known of it before it is."""

from __future__ import annotations

from dataclasses import replace
from inspect import Parameter
from typing import Any

import numpy as np

from harness.errors import MissingLibrary, UnknownName, UserError, nearest
from harness.measures import ir_measures_bridge
from harness.measures.judgements import Judgements
from harness.measures.kernel import Kernel, parameters
from harness.measures.names import ALIASES, PASSAGE, Measure, measure_of, split, wrong_cutoff
from harness.measures.spans import SpanMeasure
from harness.registry import METRICS

NOTHING = Judgements.of(np.empty(0, int), np.empty(0, int), np.empty(0, int), queries=0)


def parse(name: str) -> Measure:
    """Return the measure of that name, or of an alias of it; its `str` is the canonical name.

    Raises UnknownName with the nearest right word; UserError for a cutoff or a parameter without meaning;
    MissingLibrary where only ir_measures could know the measure and is not installed.

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
        raise UserError(f"'{measure}' looks at passages as it is: leave out the {PASSAGE!r} before it")
    return replace(measure, passages=True)


def _base(word: str, name: str) -> str:
    """Find the registered name that a word means, in any case or as an alias."""
    own = {known.lower(): known for known in METRICS.names()}
    lowered = word.lower().replace("-", "_")
    if found := own.get(lowered) or ALIASES.get(lowered):
        return found
    others = {known.lower(): known for known in ir_measures_bridge.names()}
    if found := others.get(lowered):
        return found
    hint = nearest(word, (others | {alias: alias for alias in ALIASES} | own).values())
    tail = name.removeprefix(word) if name.startswith(word) else ""
    hint = hint.replace("'?", f"{tail}'?") if hint.endswith("?") else nearest(word, own.values())
    if not others:
        raise MissingLibrary("ir_measures", "ir", f"there is no measure {name!r} here ({hint}); any other")
    raise UnknownName(f"there is no measure {name!r}; {hint}")


def _complete(measure: Measure, known: dict[str, Parameter], name: str) -> Measure:
    """Check the parameters against the signature, and take out those that are defaults."""
    given: dict[str, Any] = dict(measure.parameters)
    settings = {word: parameter for word, parameter in known.items() if word != "k"}
    for word, value in given.items():
        if word not in settings:
            raise UserError(f"the measure {measure.base!r} has no parameter {word!r}; {nearest(word, settings)}")
        given[word] = _typed(word, value, settings[word], name)
    missing = [word for word, parameter in settings.items() if parameter.default is Parameter.empty]
    for word in missing:
        if word not in given:
            raise UserError(f"{name!r} does not say {word!r}: {measure.base}({word}=...)")
    kept = {word: value for word, value in given.items() if word in missing or value != settings[word].default}
    found = measure_of(measure.base, kept, _cutoff(measure, known.get("k"), name))
    if isinstance(METRICS[found.base], Kernel) and not of_spans(found):
        METRICS[found.base](NOTHING.find(np.empty((0, 0), np.int32)), **arguments(found))  # it refuses a wrong value
    return found


def _typed(word: str, value: Any, parameter: Parameter, name: str) -> Any:
    """Hold a value to the type of the default, or of the annotation where there is none."""
    written = getattr(parameter.annotation, "__name__", parameter.annotation)
    kind = {"int": int, "float": float, "str": str, "bool": bool}.get(written, object)
    if kind is float and type(value) is int:
        return float(value)
    if kind is not object and type(value) is not kind:
        raise UserError(f"{word}={value!r} in {name!r} is not of the type {written}")
    return value


def _cutoff(measure: Measure, k: Parameter | None, name: str) -> int | float | None:
    if k is None and measure.at is not None:
        raise UserError(f"{name!r}: {measure.base} takes no cutoff")
    at = k.default if k and measure.at is None else measure.at
    if at is Parameter.empty:
        raise UserError(f"{name!r} needs a cutoff, as in '{Measure(measure.base, measure.parameters, 10)}'")
    if at is not None and (type(at) is not int or at < 1):
        raise wrong_cutoff(name, at)
    found: int | None = at
    return found


def arguments(measure: Measure) -> dict[str, Any]:
    """Return what a kernel or a function of a query is called with."""
    return dict(measure.parameters) | ({} if measure.at is None else {"k": measure.at})


def settings(measure: Measure) -> dict[str, Any]:
    """Return all parameters of a measure that is calculated here, defaults too; `k` is None where nothing is cut.

    >>> settings(parse("P(rel=2)@10")) == {"k": 10, "rel": 2}
    True
    """
    known = parameters(METRICS[measure.base])
    return {name: p.default for name, p in known.items() if p.default is not Parameter.empty} | arguments(measure)


def is_native(measure: Measure) -> bool:
    """Tell whether a registered kernel or function calculates the measure; ir_measures does it otherwise."""
    if measure.base not in METRICS:
        return False
    return set(arguments(measure)) <= set(parameters(METRICS[measure.base]))


def of_spans(measure: Measure) -> bool:
    """Tell whether a measure holds passages against gold spans: by their characters, or judged by them.

    >>> [of_spans(parse(name)) for name in ("span_iou@5", "passage_nDCG@10", "nDCG@10")]
    [True, True, False]
    """
    return measure.passages or (measure.base in METRICS and isinstance(METRICS[measure.base], SpanMeasure))


def provider(measure: Measure) -> str:
    """Name what calculates the measure, and its version: part of the recipe of every score.

    >>> provider(parse("nDCG@10"))
    'harness/1'
    """
    if not is_native(measure):
        return ir_measures_bridge.provider()
    found = METRICS[measure.base]
    return f"{found.__module__.split('.')[0]}/{getattr(found, 'version', 1)}"


def required_depth(measure: Measure) -> int | None:
    """Return how deep a run must be for the measure to mean what it says; None if it takes the run as it is."""
    return measure.at if isinstance(measure.at, int) else None


def check_depth(measure: Measure, depth: int) -> None:
    """Refuse, with UserError, to measure at k what is cut at less than k."""
    needed = required_depth(measure)
    if needed is not None and depth < needed:
        raise UserError(f"'{measure}' needs runs of depth {needed} at least, but they are cut at {depth}")
