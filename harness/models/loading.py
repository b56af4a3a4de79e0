"""Load weights with sentence-transformers for inference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from harness.artifacts.model import Model
from harness.errors import UserError
from harness.stage import Runtime


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


class HasPrecision(Protocol):
    """A stage that calculates with weights of a text model."""

    @property
    def precision(self) -> Literal["fp32", "bf16", "fp16"]:
        """Of the weights and of what is calculated inside the model."""

    def word(self) -> str:
        """Name the stage as the suite does."""


def load(kind: str, model: Model | None, stage: HasPrecision, runtime: Runtime) -> Any:
    """Load a class of sentence_transformers by name, silently, for inference. UserError says why it cannot be done."""
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
