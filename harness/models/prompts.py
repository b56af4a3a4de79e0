"""Chooses the prompt before each query and each document, from the suite or the model's own configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UserError
from harness.stage.base import NONE, SIDES, Side

OWN = "model"
"""The setting for the prompt that the model's configuration has for this side."""
SWAPPED = "swapped"
"""The setting for the prompt that the model's configuration has for the other side."""
NAMES: Mapping[Side, tuple[str, ...]] = {"query": ("query",), "document": ("document", "passage", "corpus")}
"""The names under which model configurations store the prompt of a side."""


def choose(setting: str, side: Side, own: Mapping[str, str | None], default: str | None) -> str | None:
    """Return the prompt of a side for a setting, which is OWN, SWAPPED or the text itself; None if there is no prompt.

    `own` holds the model's prompts by name, and `default` is the name of the one that applies if no name of the side
    occurs. The first name of the side with a text counts: sentence-transformers adds an empty `document` to a model
    that has `passage`, and its own `encode_document` then puts no prompt before the documents of such a model.

    >>> choose("model", "query", {"query": "query: ", "passage": "passage: "}, None)
    'query: '
    >>> choose("swapped", "query", {"query": "query: ", "passage": "passage: "}, None)
    'passage: '
    >>> choose("Find: ", "query", {}, None)
    'Find: '
    """
    if setting not in (OWN, SWAPPED):
        return setting
    source: Side = side if setting == OWN else _other(side)
    prompts = [own[name] for name in NAMES[source] if name in own]
    if prompts:
        return next((text for text in prompts if text), NONE)
    return own.get(default) if default is not None else None


def _other(side: Side) -> Side:
    return "document" if side == "query" else "query"


def of_folder(folder: Path) -> tuple[dict[str, str | None], str | None]:
    """Read the prompts and the name of the default from a model folder, as sentence-transformers loads them.

    Raises UserError for a configuration that cannot be read.
    """
    file = folder / "config_sentence_transformers.json"
    try:
        configuration = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise UserError(f"{file} is not valid JSON: {error}") from None
    prompts = dict.fromkeys(SIDES, NONE) | (configuration.get("prompts") or {})
    return prompts, configuration.get("default_prompt_name")
