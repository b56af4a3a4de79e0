"""Texts grouped into batches of similar length, and the features of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from harness.stage import Runtime
from harness.stage.base import Side

T = TypeVar("T")
Text = str | tuple[str, str]
"""One text, or a pair that a model reads together."""
TOKENS = {"cpu": 3072, "cuda": 32_768}
"""Tokens of a batch, padding counted, where no batch size is said. On 2 CPU cores, of 1,024 to 8,192 with
all-MiniLM-L6-v2, the best in fp32 and within 4 % of the best in bf16; for a GPU a guess, not measured."""


class Batch(NamedTuple):
    """Places of texts that are encoded together, and the width they are padded to."""

    places: np.ndarray
    width: int


class Batches:
    """Texts, or pairs of texts, to the model in batches of like length.

    They are turned into tokens once; a batch is cut out of these. It holds about the same number of tokens, padding
    counted. Its borders depend on the texts of the call alone, so a chunk has the same bits however many chunks this
    process made before.
    """

    def __init__(self, weights: Any, runtime: Runtime) -> None:
        self.weights = weights
        self.batch_size = runtime.batch_size
        self.bill = runtime.bill
        self.tokens = TOKENS.get(runtime.device.split(":")[0], TOKENS["cuda"])

    def __call__(
        self, texts: Sequence[Text], side: Side | None, prompt: str | None, work: Callable[[Any], T]
    ) -> Iterator[tuple[np.ndarray, T]]:
        """Give the places of each batch in `texts`, and what `work` makes of its features.

        After a lack of GPU memory it goes on with batches half as large, and enters that in the bill.
        """
        import torch

        if not texts:
            return
        with torch.inference_mode():
            cut, lengths = self._tokens(texts, side, prompt)
            places, done, share = np.argsort(-lengths, kind="stable"), 0, 1
            while done < len(texts):
                batch = self._next(places[done:], lengths, share)
                try:
                    made = work(cut(batch))
                except torch.cuda.OutOfMemoryError:
                    if len(batch.places) == 1:
                        raise
                    torch.cuda.empty_cache()
                    self.bill.halve()
                    share *= 2
                else:
                    done += len(batch.places)
                    yield batch.places, made

    def _next(self, places: np.ndarray, lengths: np.ndarray, share: int) -> Batch:
        width = int(lengths[places[0]])
        count = self.batch_size or max(1, self.tokens // max(width, 1))
        return Batch(places[: max(1, count // share)], width)

    def _tokens(
        self, texts: Sequence[Text], side: Side | None, prompt: str | None
    ) -> tuple[Callable[[Batch], Any], np.ndarray]:
        """Return how to cut a batch out of all tokens, and the length of each text."""
        import torch
        from sentence_transformers.util import batch_to_device

        weights, device = self.weights, self.weights.device
        features = weights.preprocess(list(texts), prompt=prompt, task=side)
        if not sliceable(features, len(texts)):
            lengths = np.array([len("".join(text)) // 4 + 2 for text in texts])
            return lambda batch: batch_to_device(self._again(texts, side, prompt, batch), device), lengths
        features = {
            key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in features.items()
        }
        mask = features["attention_mask"]
        filled = mask.bool() | features.get("query_expansion_positions", mask).bool()
        padded_left = not bool(mask[:, 0].all())

        def cut(batch: Batch) -> Any:
            rows = torch.from_numpy(batch.places).to(device)
            columns = slice(mask.shape[1] - batch.width, None) if padded_left else slice(batch.width)
            return {k: v[rows, columns] if isinstance(v, torch.Tensor) else v for k, v in features.items()}

        return cut, filled.sum(dim=1).cpu().numpy()

    def _again(self, texts: Sequence[Text], side: Side | None, prompt: str | None, batch: Batch) -> Any:
        return self.weights.preprocess([texts[place] for place in batch.places], prompt=prompt, task=side)


def sliceable(features: Any, count: int) -> bool:
    """Tell whether features are tables of tokens, one row a text, so that a batch is a cut of each.

    Models without attention, or whose inputs are flattened, are not so and get their tokens batch by batch.
    """
    tables = [value for value in features.values() if hasattr(value, "shape")]
    mask = features.get("attention_mask")
    if mask is None or mask.ndim != 2 or not mask.numel() or any(table.shape != mask.shape for table in tables):
        return False
    return len(mask) == count and bool(mask[:, 0].all() or mask[:, -1].all())
