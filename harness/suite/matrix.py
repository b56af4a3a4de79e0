"""A matrix of a suite: one entry expanded into a system for each combination of its values."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

from harness.errors import SuiteError, nearest
from harness.suite.document import Document
from harness.suite.document import Path as At

LATER = ("dataset", "query", "n", "passages", "count")
"""What a matrix leaves as it stands: the data set of a run file, and what stands in a question to a language model."""


def _expand(key: str, value: Any, at: At, document: Document) -> list[tuple[str, list[Any], At]]:
    """Give name, words and place of each system that an entry stands for."""
    if isinstance(value, list):
        return [(key, value, at)]
    if not isinstance(value, dict) or set(value) != {"matrix", "stages"}:
        raise SuiteError("a system is a list of stages, or has the two words 'matrix' and 'stages'", document.place(at))
    axes, stages = value["matrix"], value["stages"]
    if not isinstance(axes, dict) or not all(isinstance(axis, list) and axis for axis in axes.values()):
        raise SuiteError("a matrix gives a list of values to each of its words", document.place((*at, "matrix")))
    for axis in axes:
        if f"{{{axis}}}" not in key:
            raise SuiteError(
                f"the name {key!r} must hold '{{{axis}}}', or its systems share a name", document.place(at)
            )
    found = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        shown = {axis: _label(value) for axis, value in chosen.items()}
        found.append((str(_put(key, shown, at, document)), _put(stages, chosen, at, document), (*at, "stages")))
    return found


def _label(value: Any) -> Any:
    """Write a mapping or a list of a matrix so that it can stand in a name: its words, joined, the first 60 letters.

    >>> _label({"query": "Find: ", "document": ""}), _label("none"), _label(0.5)
    ('query-Find-document', 'none', 0.5)
    """
    if not isinstance(value, dict | list):
        return value
    parts = [f"{key} {item}" for key, item in value.items()] if isinstance(value, dict) else map(str, value)
    return "-".join(re.findall(r"\w+", " ".join(parts)))[:60]


def _put(value: Any, chosen: Mapping[str, Any], at: At, document: Document) -> Any:
    """Put the chosen values for `{word}`; a text that is nothing but `{word}` becomes the value itself."""
    if isinstance(value, dict):
        return {key: _put(item, chosen, at, document) for key, item in value.items()}
    if isinstance(value, list):
        return [_put(item, chosen, at, document) for item in value]
    if not isinstance(value, str):
        return value
    chosen = {**{word: f"{{{word}}}" for word in LATER}, **chosen}
    for word in re.findall(r"\{(\w+)\}", value):
        if word not in chosen:
            raise SuiteError(f"the matrix has no {word!r}; {nearest(word, chosen)}", document.place(at))
    whole = re.fullmatch(r"\{(\w+)\}", value)
    return chosen[whole[1]] if whole else re.sub(r"\{(\w+)\}", lambda match: str(chosen[match[1]]), value)
