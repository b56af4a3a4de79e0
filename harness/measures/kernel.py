"""A kernel: a measure as arithmetic on arrays, all queries at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np


class Kernel:
    """A function from Hits, and the parameters of the measure by name, to one float64 a query.

    The signature is the measure's face: its parameters, their defaults and their types are read from it, and `k` is
    what stands behind the @. What it gives for unjudged queries is of no account.
    """

    def __init__(self, function: Callable[..., np.ndarray], version: int) -> None:
        update_wrapper(self, function)
        self.function = function
        self.version = version

    def __call__(self, data: Any, **parameters: Any) -> np.ndarray:
        """Calculate; UserError for a parameter without meaning."""
        return self.function(data, **parameters)


def kernel(version: int) -> Callable[[Callable[..., np.ndarray]], Kernel]:
    """Mark a function as a kernel. Raise `version` when it starts to give other values."""

    def mark(function: Callable[..., np.ndarray]) -> Kernel:
        return Kernel(function, version)

    return mark


def parameters(measure: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a measure: all that follow its data.

    These are Hits, or what is Covered of spans; or, per query, the ranked and the judged.
    """
    data = 1 if isinstance(measure, Kernel) else 2
    return dict(list(inspect.signature(measure).parameters.items())[data:])
