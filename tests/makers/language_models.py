"""Small language models with random weights, made and saved by a test, where no weights of a real one can be had."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tests.makers.sparse_models import tokenizer

TEMPLATE = "{% for m in messages %}user {{ m['content'] }}{% endfor %}{% if add_generation_prompt %} model{% endif %}"


def save_language_model(folder: Path, words: Iterable[str], *, chat: bool = False, positions: int = 128) -> Path:
    """Save one in `folder`/model that writes these words and no end; with `chat` it has a template for messages."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    pieces = tokenizer([*words, "user", "model"])
    pieces.backend_tokenizer.post_processor = None
    if chat:
        pieces.chat_template = TEMPLATE
    config = GPT2Config(
        vocab_size=len(pieces),
        n_positions=positions,
        n_embd=16,
        n_layer=2,
        n_head=2,
        bos_token_id=pieces.cls_token_id,
        eos_token_id=pieces.sep_token_id,
        pad_token_id=pieces.pad_token_id,
    )
    model = GPT2LMHeadModel(config)
    drawn = np.random.default_rng(0)  # not torch's numbers, which another release may draw otherwise
    for weights in model.parameters():
        if weights.ndim > 1:
            weights.data = torch.from_numpy(drawn.normal(scale=0.8, size=tuple(weights.shape)).astype(np.float32))
    model.save_pretrained(str(folder / "model"))
    pieces.save_pretrained(str(folder / "model"))
    return folder / "model"


def save_translator(folder: Path, words: Iterable[str]) -> Path:
    """Save a sequence-to-sequence model in `folder`/model."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    pieces = tokenizer(words)
    config = T5Config(
        vocab_size=len(pieces),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        initializer_factor=3.0,
        decoder_start_token_id=pieces.pad_token_id,
        eos_token_id=pieces.sep_token_id,
        pad_token_id=pieces.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = T5ForConditionalGeneration(config)
    model.save_pretrained(str(folder / "model"))
    pieces.save_pretrained(str(folder / "model"))
    return folder / "model"
