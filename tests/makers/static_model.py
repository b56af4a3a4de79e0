"""A small table of static embeddings, its tokenizer trained here, saved in the layouts of two libraries."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

TEXTS = ["red fox", "", "ÿ", "Red ÿ fox and the lazy dog", "quick", "the dog of the red fox"]


@cache
def _trained() -> str:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    found = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    found.normalizer = normalizers.Lowercase()
    found.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordPieceTrainer(vocab_size=60, special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    found.train_from_iterator(["red fox quick dog", "the lazy dog of and"] * 3, trainer)
    text: str = found.to_str()
    return text


def tokenizer() -> Any:
    """Return a new tokenizer of lower-cased word pieces; what it lacks is [UNK]."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(_trained())


def rows() -> np.ndarray:
    """Return the table, float32[tokens, 8]."""
    return np.random.default_rng(0).standard_normal((tokenizer().get_vocab_size(), 8), dtype=np.float32)


def save_sentence_transformer(folder: Path, *, normalize: bool, prompts: dict[str, str] | None = None) -> Path:
    """Save as sentence-transformers does."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    modules = [StaticEmbedding(tokenizer(), embedding_weights=rows()), *([Normalize()] if normalize else [])]
    SentenceTransformer(modules=modules, device="cpu", prompts=prompts).save_pretrained(str(folder))
    return folder


def save_model2vec(folder: Path, *, normalize: bool) -> Path:
    """Save the three files of model2vec."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({"embeddings": rows()}, folder / "model.safetensors")
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": normalize}))
    return folder
