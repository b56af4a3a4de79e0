"""Small cross-encoders with random weights, made and saved by a test, where no weights of a real one can be had."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.makers.sparse_models import tokenizer


def save_cross_encoder(folder: Path, words: Iterable[str], labels: int = 1, activation: str = "Sigmoid") -> Path:
    """Save one in `folder`/model that gives a pair so many scores, after an activation of torch."""
    import torch
    from sentence_transformers import CrossEncoder
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertForSequenceClassification

    pieces = tokenizer(words)
    around = [(name, pieces.convert_tokens_to_ids(name)) for name in ("[CLS]", "[SEP]")]
    pieces.backend_tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=around
    )
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(
        vocab_size=len(pieces), max_position_embeddings=64, num_labels=labels, initializer_range=0.5, **sizes
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertForSequenceClassification(config)
    inner = folder / "language-model"
    model.save_pretrained(str(inner))
    pieces.save_pretrained(str(inner))
    whole = CrossEncoder(str(inner), device="cpu", activation_fn=getattr(torch.nn, activation)(), max_length=64)
    whole.save_pretrained(str(folder / "model"))
    return folder / "model"
