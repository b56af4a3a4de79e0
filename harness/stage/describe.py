"""How stages are put into words, the same wherever a person meets them."""

from __future__ import annotations

from harness.artifacts.drafts import DraftTexts
from harness.stage.base import TwoSided
from harness.stage.leaves import Source
from harness.stage.node import Node, side_of


def describe_node(node: Node) -> str:
    """Name a stage with the settings that differ from their defaults.

    >>> from harness.stage import CorpusSource
    >>> describe_node(Node(CorpusSource(content="x")))
    'read corpus'
    """
    stage = node.stage
    if isinstance(stage, Source):
        return f"read {stage.name}"
    fields = type(stage).model_fields
    said = {
        key: value
        for key, value in stage.model_dump(exclude=set(stage.inert)).items()
        if key in fields and key not in stage.planned and value != fields[key].get_default()
    }
    settings = " ".join(f"{key}={_plain(value)}" for key, value in said.items() if value not in (None, {}, []))
    return f"{stage.role} {stage.name}" + (f" [{settings}]" if settings else "")


def describe_side(node: Node) -> str:
    """Say whether a stage that both sides pass through stands on the side of the documents or of the queries."""
    if not isinstance(node.stage, TwoSided):
        return ""
    if node.stream[0].gives is DraftTexts:
        return " of drafts"
    return " of queries" if side_of(node) == "query" else " of documents"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {item!r}" for key, item in value.items()) + "}"
    return " ".join(str(value).split())
