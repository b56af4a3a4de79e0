"""Loads weights with sentence-transformers for inference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from harness.artifacts.model import Model
from harness.errors import UserError
from harness.stage import Runtime


def cut_to(weights: Any, max_length: int | None, title: str) -> None:
    """Set how many tokens a model reads, unless `max_length` is None. Raises UserError if it cannot read as many."""
    if max_length is None:
        return
    longest = getattr(getattr(weights.transformers_model, "config", None), "max_position_embeddings", None)
    if longest is not None and max_length > longest:
        raise UserError(f"{title}: max_length: {max_length} is more than the model's limit of {longest}")
    weights.max_seq_length = max_length


def normalising(weights: Any) -> list[str]:
    """Return the names of the modules with which a model normalises its vectors to unit length."""
    from sentence_transformers.base.modules import Normalize

    return [name for name, module in weights.named_children() if isinstance(module, Normalize)]


class HasPrecision(Protocol):
    """A stage that computes with the weights of a text model."""

    @property
    def precision(self) -> Literal["fp32", "bf16", "fp16"]:
        """The precision of the weights and of the computation inside the model."""

    def word(self) -> str:
        """Return the name of the stage as a suite writes it."""


def load(kind: str, model: Model | None, stage: HasPrecision, runtime: Runtime) -> Any:
    """Load a model with the class `kind` of sentence_transformers, without output. Raises UserError if that fails."""
    import sentence_transformers
    import torch

    if model is None:
        raise UserError(f"{stage.word()} needs a model")
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
            reason = "it includes Python code, which runs only if the suite sets trust_remote_code: true"
        else:
            reason = str(error)
        raise UserError(f"{stage.word()}: the model {model.path!r} cannot be loaded: {reason}") from error


@contextmanager
def silence() -> Iterator[None]:
    """Suppress the progress bars and hints that libraries print."""
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
