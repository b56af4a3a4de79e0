"""A language model on this machine: its weights loaded by transformers, and what it writes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness.artifacts.model import Model
from harness.errors import UserError
from harness.models.loading import silence
from harness.stage import Runtime


class Written(NamedTuple):
    """A text that a model wrote, and the tokens it took, as far as they are known."""

    text: str
    tokens: int | None


class Generator:
    """A causal or sequence-to-sequence model. `word` names the stage in messages.

    Each prompt is answered by itself, so that no other one can change a bit of it. UserError for a model that cannot
    be loaded.
    """

    def __init__(self, model: Model, precision: Literal["fp32", "bf16", "fp16"], runtime: Runtime, word: str) -> None:
        import torch
        import transformers

        self.torch: Any = torch
        self.device, self.word = runtime.device, word
        where: dict[str, Any] = {
            "revision": model.revision,
            "trust_remote_code": model.trust_remote_code,
            "local_files_only": Path(model.path).is_dir(),
        }
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        try:
            with silence():
                config: Any = transformers.AutoConfig.from_pretrained(model.path, **where)
                self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(model.path, **where)
                self.alone = not config.is_encoder_decoder
                kind: Any = transformers.AutoModelForCausalLM if self.alone else transformers.AutoModelForSeq2SeqLM
                self.weights = kind.from_pretrained(model.path, dtype=dtype, **where).to(runtime.device).eval()
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise UserError(f"{word}: the language model {model.path!r} cannot be loaded: {error}") from error
        self.longest: int | None = getattr(config, "max_position_embeddings", None)
        end = self.weights.generation_config.eos_token_id
        self.ends = {end} if isinstance(end, int) else set(end or ())
        padding = self.tokenizer.pad_token_id
        self.padding = min(self.ends, default=0) if padding is None else padding

    def write(self, prompt: str, n: int, max_tokens: int, temperature: float, seed: int) -> list[Written]:
        """Return `n` texts of at most `max_tokens` tokens, drawn by seed and prompt; one, greedily, at temperature 0.

        What is drawn besides by temperature, as top_p, is what the model's own configuration says. UserError for a
        prompt that is too long for the model.
        """
        features = self._features(prompt)
        width = features["input_ids"].shape[1]
        if self.longest is not None and width + (max_tokens if self.alone else 0) > self.longest:
            raise UserError(
                f"{self.word}: a prompt of {width} tokens and max_tokens: {max_tokens} are more than the "
                f"{self.longest} that the model reads: {prompt[:60]!r}"
            )
        chosen: dict[str, Any] = {"do_sample": True, "temperature": temperature, "num_return_sequences": n}
        if not temperature:
            chosen = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        devices = [self.device] if self.device.startswith("cuda") else []
        with self.torch.inference_mode(), self.torch.random.fork_rng(devices), silence():
            self.torch.manual_seed(seed_of(prompt, seed))
            found = self.weights.generate(
                **features, max_new_tokens=max_tokens, max_length=None, pad_token_id=self.padding, **chosen
            )
        return [self._written(row[width if self.alone else 1 :]) for row in found.tolist()]

    def _features(self, prompt: str) -> Any:
        """Return the tokens of a prompt: a message of the user where the model has a template for one."""
        if self.tokenizer.chat_template:
            messages = [{"role": "user", "content": prompt}]
            found = self.tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
            )
        else:
            found = self.tokenizer(prompt, return_tensors="pt")
        names = ("input_ids", "attention_mask")
        return {name: found[name].to(self.device) for name in names}

    def _written(self, tokens: list[int]) -> Written:
        end = next((place for place, token in enumerate(tokens) if token in self.ends), len(tokens))
        return Written(self.tokenizer.decode(tokens[:end], skip_special_tokens=True), min(end + 1, len(tokens)))


def seed_of(prompt: str, seed: int) -> int:
    """Return a seed that is the prompt's own, whatever is asked beside it.

    >>> seed_of("why?", 0) == seed_of("why?", 0) != seed_of("why?", 1)
    True
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {prompt}".encode()).digest()[:6], "big")
