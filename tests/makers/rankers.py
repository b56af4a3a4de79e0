"""A language model that ranks passages by a known rule, for the server of `tests.makers.served`."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.makers.served import Write

Key = Callable[[str, str], float]
"""From a query and a passage to a number: the higher, the better."""


def shared(query: str, passage: str) -> float:
    """Count the words that both have; a longer passage goes behind a shorter one."""
    return len({*query.split()} & {*passage.split()}) - len(passage) / 10_000


def parts(question: str) -> tuple[str, list[str]]:
    """Return the query and the passages of a question."""
    query = re.search(r"^Query: (.*)$", question, re.MULTILINE)
    assert query is not None
    return query[1], re.findall(r"^\[\d+\] (.*)$", question, re.MULTILINE)


def ranker(key: Key = shared) -> Write:
    """Answer a question with the order of its passages by the key; ties in the order in which they stand."""

    def write(messages: list[dict[str, str]]) -> str:
        query, passages = parts(messages[-1]["content"])
        order = sorted(range(len(passages)), key=lambda place: -key(query, passages[place]))
        return " > ".join(f"[{place + 1}]" for place in order)

    return write
