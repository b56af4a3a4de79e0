"""Locates the tokens of a text, with the tokenizer of a model or by a rule that needs no model."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from harness.artifacts.model import Model
from harness.errors import UserError
from harness.fingerprint import file_checksum

FILE = "tokenizer.json"
"""The file of a fast tokenizer."""
RULE = re.compile(r"[A-Za-z0-9]{1,6}|[^\sA-Za-z0-9]")
"""Matches a token by the rule. Most models split an English word into one or two tokens; a letter of another script
counts as one, which is rarely less than a model needs for it."""
RULE_NAME = "a token is up to 6 letters A-Z or digits of a word, or any other sign that is no white space"
"""How results describe the rule."""
Places = Callable[[str], list[tuple[int, int]]]
"""Returns the tokens of a text in order, each as the range of characters [start, end) that it covers."""


class Tokens(NamedTuple):
    """A way to count tokens."""

    places: Places
    counted_by: str
    """How results describe it, wherever they state a number of tokens."""


def tokens_of(model: Model | None, word: str) -> Tokens:
    """Count with the tokenizer of a model, without special tokens; without a model, count by the rule.

    `word` names the stage in messages. Raises UserError for a model without a fast tokenizer.

    >>> tokens_of(None, "").places("An embedding, of 3.")
    [(0, 2), (3, 9), (9, 12), (12, 13), (14, 16), (17, 18), (18, 19)]
    """
    if model is None:
        return Tokens(lambda text: [match.span() for match in RULE.finditer(text)], RULE_NAME)
    file = tokenizer_file(model, word)
    tokenizer = read(file, word)
    counted_by = f"{FILE} with the SHA-256 {file_checksum(file)}"
    return Tokens(lambda text: tokenizer.encode(text, add_special_tokens=False).offsets, counted_by)


def read(file: Path, word: str) -> Any:
    """Load a fast tokenizer, which knows the place of each token, without truncation or padding."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises plain Exception
        raise UserError(f"{word}: the tokenizer {file} cannot be loaded: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def tokenizer_file(model: Model, word: str) -> Path:
    """Return the tokenizer file of a model, downloaded if the model is published. Raises UserError if it has none."""
    try:
        folder = Path(model.path) if Path(model.path).is_dir() else _downloaded(model)
    except Exception as error:  # the hub client raises many types
        raise UserError(f"{word}: the tokenizer of {model.path!r} cannot be loaded: {error}") from error
    files = sorted(folder.rglob(FILE), key=lambda path: (len(path.parts), path))
    if not files:
        raise UserError(f"{word}: the model {model.path!r} has no {FILE}, which is needed to locate tokens in a text")
    return files[0]


def _downloaded(model: Model) -> Path:
    """Return the folder of a published model, of which only the tokenizer is downloaded."""
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model.path, revision=model.revision, allow_patterns=[f"*{FILE}"]))
