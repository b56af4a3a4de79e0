"""Expands an entry with a `matrix` into one system per combination of its values."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

from harness.errors import SuiteError, nearest
from harness.suite.document import Document
from harness.suite.document import Path as At

RESERVED = ("dataset", "query", "n", "passages", "count")
"""Placeholders that a matrix leaves unchanged: the data set of a run file, and those in prompts of language models."""


def expand(key: str, value: Any, at: At, document: Document) -> list[tuple[str, list[Any], At]]:
    """Return name, steps and path of each system that an entry stands for. Raises SuiteError for a wrong matrix."""
    if isinstance(value, list):
        return [(key, value, at)]
    if not isinstance(value, dict) or set(value) != {"matrix", "stages"}:
        raise SuiteError("a system is a list of stages, or a mapping with 'matrix' and 'stages'", document.place(at))
    axes, stages = value["matrix"], value["stages"]
    if not isinstance(axes, dict) or not all(isinstance(axis, list) and axis for axis in axes.values()):
        raise SuiteError("a matrix maps each name to a list of values", document.place((*at, "matrix")))
    for axis in axes:
        if f"{{{axis}}}" not in key:
            raise SuiteError(
                f"the name {key!r} must contain '{{{axis}}}', or several systems would have the same name",
                document.place(at),
            )
    systems = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        labels = {axis: _label(value) for axis, value in chosen.items()}
        name = str(_fill_in(key, labels, at, document))
        systems.append((name, _fill_in(stages, chosen, at, document), (*at, "stages")))
    return systems


def _label(value: Any) -> Any:
    """Write a mapping or a list of a matrix for use in a name: its words joined by hyphens, up to 60 characters.

    >>> _label({"query": "Find: ", "document": ""}), _label("none"), _label(0.5)
    ('query-Find-document', 'none', 0.5)
    """
    if not isinstance(value, dict | list):
        return value
    parts = [f"{key} {item}" for key, item in value.items()] if isinstance(value, dict) else map(str, value)
    return "-".join(re.findall(r"\w+", " ".join(parts)))[:60]


def _fill_in(value: Any, chosen: Mapping[str, Any], at: At, document: Document) -> Any:
    """Replace `{name}` by the chosen value in every text; a text that is only `{name}` becomes the value itself."""
    if isinstance(value, dict):
        return {key: _fill_in(item, chosen, at, document) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill_in(item, chosen, at, document) for item in value]
    if not isinstance(value, str):
        return value
    chosen = {**{name: f"{{{name}}}" for name in RESERVED}, **chosen}
    for name in re.findall(r"\{(\w+)\}", value):
        if name not in chosen:
            raise SuiteError(f"the matrix has no {name!r}; {nearest(name, chosen)}", document.place(at))
    whole = re.fullmatch(r"\{(\w+)\}", value)
    return chosen[whole[1]] if whole else re.sub(r"\{(\w+)\}", lambda match: str(chosen[match[1]]), value)
