"""Which text stands before each query and each document: the rule, and what a model's own configuration says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UserError
from harness.stage.base import NONE, SIDES, Side

OWN = "model"
"""The prompt that the model's own configuration says of this side."""
SWAPPED = "swapped"
"""The prompt that the model's own configuration says of the other side."""
NAMES: Mapping[Side, tuple[str, ...]] = {"query": ("query",), "document": ("document", "passage", "corpus")}
"""The names under which models keep the prompt of a side."""


def choose(said: str, side: Side, own: Mapping[str, str | None], default: str | None) -> str | None:
    """Return the text that a word (or text) of a suite means on a side; None: there is none.

    `own` are the prompts of a model by name, `default` the name of the one that stands where no name of a side fits.
    Of the names of a side the first with a text counts: sentence-transformers adds an empty `document` to a model that
    says `passage`, and its own `encode_document` then puts nothing before a document of such a model.

    >>> choose("model", "query", {"query": "query: ", "passage": "passage: "}, None)
    'query: '
    >>> choose("swapped", "query", {"query": "query: ", "passage": "passage: "}, None)
    'passage: '
    >>> choose("Find: ", "query", {}, None)
    'Find: '
    """
    if said not in (OWN, SWAPPED):
        return said
    asked: Side = side if said == OWN else _other(side)
    said_here = [own[name] for name in NAMES[asked] if name in own]
    if said_here:
        return next((text for text in said_here if text), NONE)
    return own.get(default) if default is not None else None


def _other(side: Side) -> Side:
    return "document" if side == "query" else "query"


def of_folder(folder: Path) -> tuple[dict[str, str | None], str | None]:
    """Read prompts and the default's name from a folder of weights, as sentence-transformers holds them when loaded.

    UserError for a configuration that cannot be read.
    """
    file = folder / "config_sentence_transformers.json"
    try:
        said = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise UserError(f"{file} is no JSON: {error}") from None
    return dict.fromkeys(SIDES, NONE) | (said.get("prompts") or {}), said.get("default_prompt_name")
