"""How many tokens a model reads of a text: its own tokenizer, what it adds, and where it stops; no weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.stage.base import Side

FILE = "tokenizer.json"
LATE_TYPES = {"MultiVectorEncoder", "ColBERT"}
"""What config_sentence_transformers.json calls a late-interaction model: sentence-transformers' word, and PyLate's."""
LATE_ARCHITECTURE = "HF_ColBERT"
"""The architecture that config.json names in the models of ColBERT's authors."""
ENDLESS = 10**9
"""A `model_max_length` from here on says that there is none."""


@dataclass(frozen=True)
class TokenCounter:
    """A tokenizer as a model of sentence-transformers uses it."""

    tokenizer: Any
    limit: int | None
    """Tokens of a text that are read, those counted that the model adds; None: all."""
    special: bool
    """Whether the model adds tokens of its own, as [CLS] and [SEP]."""
    lower: bool = False
    """Whether texts are lower-cased before."""

    def count(self, texts: Sequence[str | tuple[str, str]]) -> np.ndarray:
        """Return the tokens of each text, or of each pair that is read together, before the limit: int64[texts]."""
        given = [_lower(text) for text in texts] if self.lower else list(texts)
        found = self.tokenizer.encode_batch(given, add_special_tokens=self.special)
        return np.array([len(each.ids) for each in found], np.int64)


def _lower(text: str | tuple[str, str]) -> str | tuple[str, str]:
    return text.lower() if isinstance(text, str) else (text[0].lower(), text[1].lower())


def token_counter(folder: Path, side: Side | None, limit: int | None = None) -> TokenCounter | None:
    """Read the tokenizer of a model folder as it stands on a side; None: of a cross-encoder, which reads pairs.

    `limit` is what a suite says of the length; else the model's own configuration decides, as in sentence-transformers:
    `max_seq_length`, else the smaller of `model_max_length` and `max_position_embeddings`. Returns None where there is
    no such count: without a fast tokenizer, for a late-interaction model, which puts markers and masks around its
    texts, and for pairs that are written into a template.
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
    except Exception:  # the library raises Exception itself for a kind of file that it does not know
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    own = settings.get("max_seq_length") or _longest(file.parent, inner)
    return TokenCounter(
        tokenizer, limit or own, not kind.endswith("StaticEmbedding"), bool(settings.get("do_lower_case"))
    )


def is_late(folder: Path) -> bool:
    """Tell from its configuration files whether a model was made for late interaction."""
    named = _json(folder / "config_sentence_transformers.json").get("model_type")
    return named in LATE_TYPES or LATE_ARCHITECTURE in (_json(folder / "config.json").get("architectures") or ())


def _first_module(folder: Path, side: Side | None) -> tuple[str, Path]:
    """Return the kind of the module that reads texts on a side, and its folder."""
    modules = _json(folder / "modules.json") or [{"type": "Transformer", "path": ""}]
    router = _json(folder / modules[0]["path"] / "router_config.json")
    if side is None or side not in router.get("structure", {}):
        return modules[0]["type"], folder / modules[0]["path"]
    name = router["structure"][side][0]
    return router["types"][name], folder / modules[0]["path"] / name


def _longest(*folders: Path) -> int | None:
    """Return the length at which the tokenizer, or the model behind it, stops."""
    said = [(_json(folder / "tokenizer_config.json"), _json(folder / "config.json")) for folder in folders]
    lengths = [
        number
        for tokenizer, model in said
        for number in (tokenizer.get("model_max_length"), model.get("max_position_embeddings"))
    ]
    return min((int(number) for number in lengths if number and 0 < number < ENDLESS), default=None)


def _json(file: Path) -> Any:
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}
