"""Runs a language model on this machine with transformers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness.artifacts.model import Model
from harness.errors import UserError
from harness.models.loading import silence
from harness.stage import Runtime


class Written(NamedTuple):
    """A text that a model wrote."""

    text: str
    tokens: int | None
    """The number of tokens that the model wrote; None if it is not known."""


class Generator:
    """A causal or sequence-to-sequence language model.

    Prompts are answered one at a time, so that an answer does not depend on other prompts in any bit.
    """

    def __init__(self, model: Model, precision: Literal["fp32", "bf16", "fp16"], runtime: Runtime, word: str) -> None:
        """Load the weights; `word` names the stage in messages. Raises UserError if the model cannot be loaded."""
        import torch
        import transformers

        self.torch: Any = torch
        self.device, self.word = runtime.device, word
        source: dict[str, Any] = {
            "revision": model.revision,
            "trust_remote_code": model.trust_remote_code,
            "local_files_only": Path(model.path).is_dir(),
        }
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        try:
            with silence():
                config: Any = transformers.AutoConfig.from_pretrained(model.path, **source)
                self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(model.path, **source)
                self.causal = not config.is_encoder_decoder
                kind: Any = transformers.AutoModelForCausalLM if self.causal else transformers.AutoModelForSeq2SeqLM
                self.weights = kind.from_pretrained(model.path, dtype=dtype, **source).to(runtime.device).eval()
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise UserError(f"{word}: the language model {model.path!r} cannot be loaded: {error}") from error
        self.longest: int | None = getattr(config, "max_position_embeddings", None)
        end = self.weights.generation_config.eos_token_id
        self.ends = {end} if isinstance(end, int) else set(end or ())
        padding = self.tokenizer.pad_token_id
        self.padding = min(self.ends, default=0) if padding is None else padding

    def write(self, prompt: str, n: int, max_tokens: int, temperature: float, seed: int) -> list[Written]:
        """Return `n` texts of at most `max_tokens` tokens, sampled with a seed that depends on `seed` and the prompt.

        At temperature 0 decoding is greedy and there is one text. Other sampling parameters, such as top_p, are those
        of the model's own configuration. Raises UserError for a prompt that is too long for the model.
        """
        features = self._features(prompt)
        width = features["input_ids"].shape[1]
        if self.longest is not None and width + (max_tokens if self.causal else 0) > self.longest:
            raise UserError(
                f"{self.word}: a prompt of {width} tokens plus max_tokens: {max_tokens} exceed the model's limit of "
                f"{self.longest}: {prompt[:60]!r}"
            )
        options: dict[str, Any] = {"do_sample": True, "temperature": temperature, "num_return_sequences": n}
        if not temperature:
            options = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        devices = [self.device] if self.device.startswith("cuda") else []
        with self.torch.inference_mode(), self.torch.random.fork_rng(devices), silence():
            self.torch.manual_seed(seed_of(prompt, seed))
            outputs = self.weights.generate(
                **features, max_new_tokens=max_tokens, max_length=None, pad_token_id=self.padding, **options
            )
        return [self._written(row[width if self.causal else 1 :]) for row in outputs.tolist()]

    def _features(self, prompt: str) -> Any:
        """Return the tokens of a prompt, as a user message if the model has a chat template."""
        if self.tokenizer.chat_template:
            messages = [{"role": "user", "content": prompt}]
            features = self.tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
            )
        else:
            features = self.tokenizer(prompt, return_tensors="pt")
        names = ("input_ids", "attention_mask")
        return {name: features[name].to(self.device) for name in names}

    def _written(self, tokens: list[int]) -> Written:
        end = next((place for place, token in enumerate(tokens) if token in self.ends), len(tokens))
        return Written(self.tokenizer.decode(tokens[:end], skip_special_tokens=True), min(end + 1, len(tokens)))


def seed_of(prompt: str, seed: int) -> int:
    """Derive a seed for one prompt, so that its texts do not depend on other prompts.

    >>> seed_of("why?", 0) == seed_of("why?", 0) != seed_of("why?", 1)
    True
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {prompt}".encode()).digest()[:6], "big")
