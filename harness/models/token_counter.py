"""Counts the tokens that a model reads, from its tokenizer and configuration files, without loading weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.stage.base import Side

FILE = "tokenizer.json"
"""The file of a fast tokenizer."""
LATE_TYPES = {"MultiVectorEncoder", "ColBERT"}
"""The `model_type` of a late-interaction model in config_sentence_transformers.json (sentence-transformers, PyLate)."""
LATE_ARCHITECTURE = "HF_ColBERT"
"""The architecture in config.json of the models published by ColBERT's authors."""
ENDLESS = 10**9
"""A `model_max_length` of at least this means that there is no limit."""


@dataclass(frozen=True)
class TokenCounter:
    """The tokenizer of a model, applied as sentence-transformers applies it."""

    tokenizer: Any
    """A `tokenizers.Tokenizer` that neither truncates nor pads."""
    limit: int | None
    """The most tokens that the model reads of a text, including those that it adds; None for no limit."""
    special: bool
    """Whether the model adds special tokens such as [CLS] and [SEP]."""
    lower: bool = False
    """Whether texts are lower-cased first."""

    def count(self, texts: Sequence[str | tuple[str, str]]) -> np.ndarray:
        """Return the number of tokens of each text, or pair of texts, before truncation: int64[texts]."""
        inputs = [_lower(text) for text in texts] if self.lower else list(texts)
        encodings = self.tokenizer.encode_batch(inputs, add_special_tokens=self.special)
        return np.array([len(encoding.ids) for encoding in encodings], np.int64)


def _lower(text: str | tuple[str, str]) -> str | tuple[str, str]:
    return text.lower() if isinstance(text, str) else (text[0].lower(), text[1].lower())


def token_counter(folder: Path, side: Side | None, limit: int | None = None) -> TokenCounter | None:
    """Read the tokenizer of a model folder for a side, or for pairs of texts if `side` is None (a cross-encoder).

    `limit` is the maximum length that the suite sets. Without one the model's configuration decides, as in
    sentence-transformers: `max_seq_length`, else the smaller of `model_max_length` and `max_position_embeddings`.
    Returns None if tokens cannot be counted this way: without a fast tokenizer, for a late-interaction model, which
    adds markers and masks to its texts, and for pairs that are inserted into a template.
    """
    from tokenizers import Tokenizer

    kind, inner = _first_module(folder, side)
    settings: dict[str, Any] = next((_json(file) for file in sorted(inner.glob("sentence_*_config.json"))), {})
    file = next((file for file in (inner / FILE, folder / FILE, *sorted(folder.rglob(FILE))) if file.is_file()), None)
    templated = side is None and "message" in (settings.get("modality_config") or {})
    if file is None or templated or is_late(folder):
        return None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception:  # the library raises plain Exception for a file that it cannot read
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    own = settings.get("max_seq_length") or _longest(file.parent, inner)
    return TokenCounter(
        tokenizer, limit or own, not kind.endswith("StaticEmbedding"), bool(settings.get("do_lower_case"))
    )


def is_late(folder: Path) -> bool:
    """Tell from its configuration files whether a model is for late interaction."""
    model_type = _json(folder / "config_sentence_transformers.json").get("model_type")
    return model_type in LATE_TYPES or LATE_ARCHITECTURE in (_json(folder / "config.json").get("architectures") or ())


def _first_module(folder: Path, side: Side | None) -> tuple[str, Path]:
    """Return the type and the folder of the module that reads the texts of a side."""
    modules = _json(folder / "modules.json") or [{"type": "Transformer", "path": ""}]
    router = _json(folder / modules[0]["path"] / "router_config.json")
    if side is None or side not in router.get("structure", {}):
        return modules[0]["type"], folder / modules[0]["path"]
    name = router["structure"][side][0]
    return router["types"][name], folder / modules[0]["path"] / name


def _longest(*folders: Path) -> int | None:
    """Return the length at which the tokenizer or the model stops reading; None if neither has a limit."""
    configurations = [(_json(folder / "tokenizer_config.json"), _json(folder / "config.json")) for folder in folders]
    lengths = [
        number
        for tokenizer, model in configurations
        for number in (tokenizer.get("model_max_length"), model.get("max_position_embeddings"))
    ]
    return min((int(number) for number in lengths if number and 0 < number < ENDLESS), default=None)


def _json(file: Path) -> Any:
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}
