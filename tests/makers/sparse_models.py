"""Small sparse encoders, made and saved by a test, where no weights of a real one can be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tokenizer(words: Iterable[str]) -> Any:
    """Cut at spaces; every word is a piece of its own."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    pieces = {word: number for number, word in enumerate([*SPECIAL, *words])}
    inner = Tokenizer(WordPiece(pieces, unk_token="[UNK]"))
    inner.pre_tokenizer = Whitespace()
    around = [("[CLS]", pieces["[CLS]"]), ("[SEP]", pieces["[SEP]"])]
    inner.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=inner, mask_token="[MASK]", model_max_length=64, **names)


def splade_modules(folder: Path, words: Iterable[str]) -> list[Any]:
    """A language model with random weights, half of whose dimensions are zero for a text, and SPLADE's pooling."""
    import torch
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling
    from transformers import BertConfig, BertForMaskedLM

    pieces = tokenizer(words)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertForMaskedLM(BertConfig(vocab_size=len(pieces), max_position_embeddings=64, **sizes))
        model.cls.predictions.bias.data -= 0.1
        model.bert.embeddings.word_embeddings.weight.data *= 20
    inner = folder / "language-model"
    model.save_pretrained(str(inner))
    pieces.save_pretrained(str(inner))
    return [Transformer(str(inner), transformer_task="fill-mask"), SpladePooling("max")]


def table_module(weights: Mapping[str, float], pieces: Any = None) -> Any:
    """A table with a weight for each word: no inference."""
    import torch
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    pieces = pieces or tokenizer(weights)
    found = torch.zeros(len(pieces))
    found[pieces.convert_tokens_to_ids(list(weights))] = torch.tensor(list(weights.values()), dtype=torch.float32)
    return SparseStaticEmbedding(pieces, weight=found, frozen=True)


def save(folder: Path, modules: list[Any], **settings: Any) -> Path:
    """Save a sparse encoder of these modules in `folder`/model."""
    from sentence_transformers import SparseEncoder

    SparseEncoder(modules=modules, device="cpu", **settings).save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def splade(folder: Path, words: Iterable[str]) -> Path:
    """Save SPLADE in small."""
    return save(folder, splade_modules(folder, words))


def routed(folder: Path, weights: Mapping[str, float]) -> Path:
    """Save one that takes documents to SPLADE and looks queries up in a table."""
    from sentence_transformers.base.modules import Router

    ways = {"query_modules": [table_module(weights)], "document_modules": splade_modules(folder, weights)}
    return save(folder, [Router.for_query_document(**ways)])


def table(folder: Path, weights: Mapping[str, float]) -> Path:
    """Save one that looks documents and queries up in the same table."""
    return save(folder, [table_module(weights)])
