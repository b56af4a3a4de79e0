"""What was left out of a measurement is read as it was written, and older shapes as far as they go."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.results.left_out import LeftOut, Unmeasured, read_left_out

FULL = LeftOut(
    {"mode x": "died", "modes": "lost"},
    {"offline": "no luck"},
    [Unmeasured("a: b", "index/flat", "index_rate", "why"), Unmeasured("a", None, None, "not")],
)


@pytest.mark.parametrize(
    "left_out", [FULL, LeftOut(), LeftOut(modes={"cold": "no luck"})], ids=["full", "none", "mode"]
)
def test_it_is_read_as_it_was_written(left_out: LeftOut) -> None:
    assert read_left_out(json.loads(json.dumps(left_out.as_dict()))) == left_out
    assert bool(left_out) == (left_out != LeftOut())


def test_the_names_of_an_older_result_are_taken_as_they_are() -> None:
    words = {"mode offline": "no luck", "systems": "lost", "hybrid: query_rate@32": "few"}
    assert read_left_out(words) == LeftOut(systems=words)


@pytest.mark.parametrize("words", [None, [], "x", 3, {"systems": [], "modes": {}, "quantities": {"a": 1}},
                                   {"systems": {}, "modes": "x", "quantities": [3, None]}])  # fmt: skip
def test_other_kinds_are_nothing(words: Any) -> None:
    assert not read_left_out(words)
