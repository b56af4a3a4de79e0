"""What the encoders share: settings of a text model, its prompts, its weights, and batches of texts of like length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from pydantic import Field, field_validator

from harness.artifacts.model import Model
from harness.artifacts.text import Queries, Texts
from harness.errors import UserError, nearest
from harness.prompts import NONE, OWN, SIDES, SWAPPED, Side, choose
from harness.stage import Encoder, Runtime

T = TypeVar("T")
Text = str | tuple[str, str]
"""One text, or a pair that a model reads together."""
WORDS = {"model": {}, "none": dict.fromkeys(SIDES, NONE), "swapped": dict.fromkeys(SIDES, SWAPPED)}
"""What one word says of both sides."""
TOKENS = {"cpu": 3072, "cuda": 32_768}
"""Tokens of a batch, padding counted, where no batch size is said. On 2 CPU cores, of 1,024 to 8,192 with
all-MiniLM-L6-v2, the best in fp32 and within 4 % of the best in bf16; for a GPU a guess, not measured."""


class TextEncoder(Encoder):
    """An encoder with weights of a text model: what it reads of a text, and in which precision it calculates."""

    precision: Literal["fp32", "bf16", "fp16"]
    """Of the weights and of what is calculated inside the model."""
    prompts: dict[Side, str] = Field(default_factory=dict)
    """Text put before each text of a side, or a word: "model" (or nothing said) is what the model's own configuration
    says, "swapped" what it says of the other side. One word for both sides may stand alone; "none" is no text."""
    max_length: int | None = Field(default=None, ge=1)
    """Tokens of a text that are read; None: as many as the model's own configuration says."""

    @field_validator("prompts", mode="before")
    @classmethod
    def _said(cls, prompts: Any) -> Any:
        """Read one word for both sides, and drop what says no more than the default, so that it has one name."""
        if isinstance(prompts, str):
            if prompts not in WORDS:
                raise ValueError(f"prompts is a text for each side, or one word; {nearest(prompts, WORDS)}")
            return WORDS[prompts]
        if isinstance(prompts, dict):
            return {side: prompt for side, prompt in prompts.items() if prompt not in (None, OWN)}
        return {} if prompts is None else prompts

    def on(self, side: Side) -> Self:
        """Leave out the prompt of the other side."""
        return self.model_copy(update={"prompts": {s: p for s, p in self.prompts.items() if s == side}})

    def said_prompt(self, side: Side) -> str:
        """Return what the suite says of a side; the model's own where it says nothing."""
        return self.prompts.get(side, OWN)

    def prompt(self, weights: Any, side: Side) -> str | None:
        """Return the text that stands before each text of a side, as SentenceTransformer would choose it."""
        return choose(self.said_prompt(side), side, weights.prompts, weights.default_prompt_name)

    def cut(self, weights: Any) -> None:
        """Set the length that the suite says; UserError where the model cannot read so far."""
        cut_to(weights, self.max_length, self.word())


def cut_to(weights: Any, max_length: int | None, title: str) -> None:
    """Set how many tokens are read, where a length is said; UserError where the model cannot read so far."""
    if max_length is None:
        return
    longest = getattr(getattr(weights.transformers_model, "config", None), "max_position_embeddings", None)
    if longest is not None and max_length > longest:
        raise UserError(f"{title}: max_length: {max_length} is more than the model's {longest}")
    weights.max_seq_length = max_length


def normalising(weights: Any) -> list[str]:
    """Name the modules with which a model brings its vectors to length 1; none where it leaves them as they are."""
    from sentence_transformers.base.modules import Normalize

    return [name for name, module in weights.named_children() if isinstance(module, Normalize)]


class Weighted(Protocol):
    """A stage that calculates with weights of a text model."""

    @property
    def precision(self) -> Literal["fp32", "bf16", "fp16"]:
        """Of the weights and of what is calculated inside the model."""

    def word(self) -> str:
        """Name the stage as the suite does."""


def side_of(texts: Texts) -> Side:
    """Tell on which side texts stand."""
    return "query" if isinstance(texts, Queries) else "document"


def load(kind: str, model: Model | None, stage: Weighted, runtime: Runtime) -> Any:
    """Load a class of sentence_transformers by name, silently, for inference. UserError says why it cannot be done."""
    import sentence_transformers
    import torch

    if model is None:
        raise UserError(f"{stage.word()} needs a model")
    torch.set_num_threads(runtime.threads)
    kinds = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    try:
        with silence():
            return getattr(sentence_transformers, kind)(
                model.path,
                revision=model.revision,
                device=runtime.device,
                trust_remote_code=model.trust_remote_code,
                local_files_only=Path(model.path).is_dir(),
                model_kwargs={"dtype": kinds[stage.precision]},
            ).eval()
    except (OSError, ValueError, ImportError, KeyError) as error:
        if "trust_remote_code" in str(error) and not model.trust_remote_code:
            reason = "it brings Python code of its own, which runs only if the suite says trust_remote_code: true"
        else:
            reason = str(error)
        raise UserError(f"{stage.word()}: the model {model.path!r} cannot be loaded: {reason}") from error


@contextmanager
def silence() -> Iterator[None]:
    """Keep progress bars and hints of the libraries off the terminal."""
    import huggingface_hub.utils
    import transformers.utils.logging

    hub: Any = huggingface_hub.utils
    logging: Any = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_bars = not hub.are_progress_bars_disabled()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    hub.disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
        if hub_bars:
            hub.enable_progress_bars()


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


def refuse_nan(array: np.ndarray, texts: Texts, stage: TextEncoder) -> None:
    """Raise UserError naming the first text whose row of `array` [texts, ...] is not finite."""
    if np.isfinite(array).all():
        return
    bad = int(np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))[0])
    key = texts.ids[bad]
    raise UserError(
        f"{stage.word()}: the vector of {key!r} (row {texts.rows[bad]}) is not finite at precision: {stage.precision}"
    )
