"""A kernel: a measure written as arithmetic on arrays, for all queries at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import numpy as np

Relevance = Annotated[int, "the lowest grade that counts as relevant"]
Repeats = Annotated[bool, "whether a character counts once for each passage that contains it"]
TYPES = {"int": int, "float": float, "str": str, "bool": bool}
"""The types that the value of a parameter is checked against, by the name in the signature."""


class Parameter(NamedTuple):
    """A parameter of a measure, as its signature declares it."""

    type: Any
    """One of TYPES; `object`, which accepts any value, where the signature has another type or none."""
    default: Any
    """`inspect.Parameter.empty` where the parameter must be given."""
    description: str
    """A phrase for messages; empty where the signature has none."""


class Kernel:
    """A function from Hits and the parameters of the measure to float64[queries].

    The signature declares the measure: the names, types and defaults of its parameters are read from it, an
    `Annotated` type adds a description, and `k` is the cut-off after the @. The values of unjudged queries are ignored.
    """

    def __init__(self, function: Callable[..., np.ndarray], version: int) -> None:
        update_wrapper(self, function)
        self.function = function
        self.version = version

    def __call__(self, data: Any, **parameters: Any) -> np.ndarray:
        """Return float64[queries]; UserError for a parameter outside its range."""
        return self.function(data, **parameters)


class SpanKernel(Kernel):
    """A kernel of the characters of gold spans: a function from Covered instead of Hits."""


def kernel(version: int) -> Callable[[Callable[..., np.ndarray]], Kernel]:
    """Turn a function from Hits into a kernel; increase `version` whenever its values change."""

    def mark(function: Callable[..., np.ndarray]) -> Kernel:
        return Kernel(function, version)

    return mark


def span_kernel(version: int) -> Callable[[Callable[..., np.ndarray]], SpanKernel]:
    """Turn a function from Covered into a kernel; increase `version` whenever its values change."""

    def mark(function: Callable[..., np.ndarray]) -> SpanKernel:
        return SpanKernel(function, version)

    return mark


def parameters(measure: Callable[..., Any]) -> dict[str, Parameter]:
    """Return the parameters of a measure by name: all that follow its data.

    The data are Hits or Covered for a kernel; the ranked ids and the grades for a function of one query.
    """
    try:
        signature = inspect.signature(measure, eval_str=True)
    except NameError:  # a plug-in may import a type for type checkers only
        signature = inspect.signature(measure)
    data = 1 if isinstance(measure, Kernel) else 2
    return {name: _parameter(found) for name, found in list(signature.parameters.items())[data:]}


def _parameter(parameter: inspect.Parameter) -> Parameter:
    annotation, description = parameter.annotation, ""
    if get_origin(annotation) is Annotated:
        annotation, description = get_args(annotation)[:2]
    return Parameter(TYPES.get(getattr(annotation, "__name__", annotation), object), parameter.default, description)
