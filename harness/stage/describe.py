"""Descriptions of stages for people, used by plans, progress lines, the store and reports."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise

from harness.artifacts.drafts import DraftTexts
from harness.stage.base import TwoSided
from harness.stage.leaves import Source
from harness.stage.node import Node, side_of


def describe_node(node: Node) -> str:
    """Return the role and name of a stage, with the settings that differ from their defaults.

    >>> from harness.stage import CorpusSource
    >>> describe_node(Node(CorpusSource(content="x")))
    'read corpus'
    """
    stage = node.stage
    if isinstance(stage, Source):
        return f"read {stage.name}"
    fields = type(stage).model_fields
    changed = {
        key: value
        for key, value in stage.model_dump(exclude=set(stage.inert)).items()
        if key in fields and key not in stage.planned and value != fields[key].get_default()
    }
    settings = " ".join(f"{key}={_plain(value)}" for key, value in changed.items() if value not in (None, {}, []))
    return f"{stage.role} {stage.name}" + (f" [{settings}]" if settings else "")


def describe_side(node: Node) -> str:
    """Return what a two-sided stage processes, as " of queries", " of documents" or " of drafts"; "" for others."""
    if not isinstance(node.stage, TwoSided):
        return ""
    if node.stream[0].gives is DraftTexts:
        return " of drafts"
    return " of queries" if side_of(node) == "query" else " of documents"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {item!r}" for key, item in value.items()) + "}"
    return " ".join(str(value).split())


def describe_settings(kind: type) -> dict[str, str]:
    """Return the docstring of each setting of a stage or another class of settings, in one line.

    The source is read here and not when the class is made, which would slow every command down. A class without source
    has no descriptions.
    """
    descriptions: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        except (OSError, TypeError, SyntaxError):
            continue
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, text in pairwise(statements):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(docstring))):
                    descriptions[name] = " ".join(docstring.split())
    return descriptions
