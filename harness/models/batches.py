"""Feeds texts to a model in batches of similar length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from harness.stage import Runtime
from harness.stage.base import Side

T = TypeVar("T")
Text = str | tuple[str, str]
"""One text, or a pair of texts that a model reads together."""
TOKENS = {"cpu": 3072, "cuda": 32_768}
"""The number of tokens in a batch, padding included, if no batch size is set. Of 1,024 to 8,192 on 2 CPU cores with
all-MiniLM-L6-v2, 3,072 is the fastest in fp32 and within 4 % of the fastest in bf16; the GPU's is an estimate."""


class Batch(NamedTuple):
    """The texts that are encoded together."""

    places: np.ndarray
    """The places of the texts in the call, int64[batch]."""
    width: int
    """The number of tokens to which they are padded."""


class Batches:
    """Feeds texts, or pairs of texts, to a model in batches of similar length.

    All texts of a call are tokenised once, and each batch is a slice of the result. Batches have about the same number
    of tokens, padding included. Their borders depend only on the texts of the call, so a chunk has the same bits
    however many chunks the process has made before.
    """

    def __init__(self, weights: Any, runtime: Runtime) -> None:
        self.weights = weights
        self.batch_size = runtime.batch_size
        self.bill = runtime.bill
        self.tokens = TOKENS.get(runtime.device.split(":")[0], TOKENS["cuda"])

    def __call__(
        self, texts: Sequence[Text], side: Side | None, prompt: str | None, work: Callable[[Any], T]
    ) -> Iterator[tuple[np.ndarray, T]]:
        """Yield for each batch the places of its texts in `texts`, and what `work` returns for its features.

        When GPU memory runs out, batches become half as large from then on, and the bill counts that.
        """
        import torch

        if not texts:
            return
        with torch.inference_mode():
            features_of, lengths = self._tokenise(texts, side, prompt)
            places, done, share = np.argsort(-lengths, kind="stable"), 0, 1
            while done < len(texts):
                batch = self._next(places[done:], lengths, share)
                try:
                    result = work(features_of(batch))
                except torch.cuda.OutOfMemoryError:
                    if len(batch.places) == 1:
                        raise
                    torch.cuda.empty_cache()
                    self.bill.halve()
                    share *= 2
                else:
                    done += len(batch.places)
                    yield batch.places, result

    def _next(self, places: np.ndarray, lengths: np.ndarray, share: int) -> Batch:
        width = int(lengths[places[0]])
        count = self.batch_size or max(1, self.tokens // max(width, 1))
        return Batch(places[: max(1, count // share)], width)

    def _tokenise(
        self, texts: Sequence[Text], side: Side | None, prompt: str | None
    ) -> tuple[Callable[[Batch], Any], np.ndarray]:
        """Return a function that gives the features of a batch, and the number of tokens of each text."""
        import torch
        from sentence_transformers.util import batch_to_device

        weights, device = self.weights, self.weights.device
        features = weights.preprocess(list(texts), prompt=prompt, task=side)
        if not sliceable(features, len(texts)):
            lengths = np.array([len("".join(text)) // 4 + 2 for text in texts])
            return lambda batch: batch_to_device(self._preprocess_batch(texts, side, prompt, batch), device), lengths
        features = {
            key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in features.items()
        }
        mask = features["attention_mask"]
        filled = mask.bool() | features.get("query_expansion_positions", mask).bool()
        padded_left = not bool(mask[:, 0].all())

        def features_of(batch: Batch) -> Any:
            rows = torch.from_numpy(batch.places).to(device)
            columns = slice(mask.shape[1] - batch.width, None) if padded_left else slice(batch.width)
            return {k: v[rows, columns] if isinstance(v, torch.Tensor) else v for k, v in features.items()}

        return features_of, filled.sum(dim=1).cpu().numpy()

    def _preprocess_batch(self, texts: Sequence[Text], side: Side | None, prompt: str | None, batch: Batch) -> Any:
        return self.weights.preprocess([texts[place] for place in batch.places], prompt=prompt, task=side)


def sliceable(features: Any, count: int) -> bool:
    """Tell whether all features are tables with one row per text, so that a batch is a slice of each.

    They are not for models without an attention mask or with flattened inputs; those are tokenised batch by batch.
    """
    tables = [value for value in features.values() if hasattr(value, "shape")]
    mask = features.get("attention_mask")
    if mask is None or mask.ndim != 2 or not mask.numel() or any(table.shape != mask.shape for table in tables):
        return False
    return len(mask) == count and bool(mask[:, 0].all() or mask[:, -1].all())
