"""Where the tokens of a text stand: by the tokenizer of a model, or by a rule that needs none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from harness.artifacts.model import Model
from harness.errors import UserError
from harness.fingerprint import file_checksum

FILE = "tokenizer.json"
RULE = re.compile(r"[A-Za-z0-9]{1,6}|[^\sA-Za-z0-9]")
"""English words are one or two tokens to most models; a letter of another script counts as one, which is seldom less
than what a model takes for it."""
SAID = "a token is up to 6 letters A-Z or digits of a word, or any other sign that is no white space"


Places = Callable[[str], list[tuple[int, int]]]
"""Gives the tokens of a text in their order, each as the characters [start, end) that it stands for."""


class Tokens(NamedTuple):
    """A way to count tokens, and what it is called wherever a number of them stands."""

    places: Places
    counted_by: str


def tokens_of(model: Model | None, word: str) -> Tokens:
    """Count by the tokenizer of a model, without the tokens that it adds to a text; by the rule where there is none.

    `word` is the stage that asks. UserError for a model without a fast tokenizer.

    >>> tokens_of(None, "").places("An embedding, of 3.")
    [(0, 2), (3, 9), (9, 12), (12, 13), (14, 16), (17, 18), (18, 19)]
    """
    if model is None:
        return Tokens(lambda text: [match.span() for match in RULE.finditer(text)], SAID)
    file = tokenizer_file(model, word)
    tokenizer = read(file, word)
    counted_by = f"{FILE} with the SHA-256 {file_checksum(file)}"
    return Tokens(lambda text: tokenizer.encode(text, add_special_tokens=False).offsets, counted_by)


def read(file: Path, word: str) -> Any:
    """Load a fast tokenizer, which knows where each token stands, and which cuts and fills up nothing."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises Exception itself
        raise UserError(f"{word}: the tokenizer {file} cannot be loaded: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def tokenizer_file(model: Model, word: str) -> Path:
    """Return where the tokenizer of a model lies, fetched if it is a published one. UserError where it has none."""
    try:
        folder = Path(model.path) if Path(model.path).is_dir() else _fetched(model)
    except Exception as error:  # the hub client raises many kinds
        raise UserError(f"{word}: the tokenizer of {model.path!r} cannot be loaded: {error}") from error
    found = sorted(folder.rglob(FILE), key=lambda path: (len(path.parts), path))
    if not found:
        raise UserError(f"{word}: the model {model.path!r} has no {FILE}, whose tokens know their places in a text")
    return found[0]


def _fetched(model: Model) -> Path:
    """Return the folder of a published model with nothing but its tokenizer fetched."""
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model.path, revision=model.revision, allow_patterns=[f"*{FILE}"]))
