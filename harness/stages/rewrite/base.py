"""The base class of rewriters: calling a language model, on this machine or behind an endpoint, for each query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from harness.artifacts.drafts import Draft, Drafts
from harness.artifacts.model import Model
from harness.artifacts.text import Queries
from harness.errors import UserError
from harness.meter import Paid
from harness.models.chat import Chat, ChatSettings, each, without_thoughts
from harness.models.generator import Generator, Written
from harness.stage import Rewriter, Runtime

ENDPOINT = "base_url and model of an OpenAI-compatible endpoint"
Ask = Callable[[Sequence[str]], list[list[Written]]]
"""A function from prompts to the answers to each of them."""


class LanguageRewriter(ChatSettings, Rewriter):
    """A rewriter that calls the language model of an endpoint, if `base_url` is set, or else a model of the suite.

    What the model writes is kept unchanged, except for its reasoning and surrounding white space. If it writes nothing,
    or fewer texts than requested, the query itself replaces the missing texts, and the answer is counted as malformed.
    """

    uses_model: ClassVar[bool] = True
    inert: ClassVar[frozenset[str]] = ChatSettings.inert | {"with_query", "repeat_query", "k"}
    """The inert settings of an endpoint, and settings that only the plan reads."""

    base_url: str | None = Field(default=None, repr=False)  # type: ignore[assignment]  # unlike an endpoint, optional
    """The address of an endpoint, without `/chat`; None runs the suite's `model` on this machine."""
    model: str | None = None  # type: ignore[assignment]
    """The name of the model at the endpoint."""
    precision: Literal["fp32", "bf16", "fp16"] | None = None
    """The precision of the weights of a model on this machine."""
    max_tokens: int = Field(ge=1)
    """The maximum length of an answer in tokens."""

    @model_validator(mode="before")
    @classmethod
    def _drop_unused(cls, settings: Any) -> Any:
        """Drop `precision` if an endpoint computes, so that it is not part of the fingerprint of the drafts."""
        if not isinstance(settings, dict):
            return settings
        dropped = "precision" if settings.get("base_url") is not None else "base_url"
        return {key: value for key, value in settings.items() if key != dropped}

    @field_validator("instruction")
    @classmethod
    def _check_instruction(cls, instruction: str) -> str:
        if "{query}" not in instruction:
            raise ValueError("an instruction must contain {query}, which is replaced by the query")
        return instruction

    @model_validator(mode="after")
    def _check_endpoint(self) -> Self:
        if (self.base_url is None) != (self.model is None):
            raise ValueError(f"set both {ENDPOINT}, or neither")
        return self

    @property
    def caveat(self) -> str | None:
        """The caveat of an endpoint, whose model may change; None for weights, which have a checksum."""
        return None if self.base_url is None else super().caveat

    @property
    def service(self) -> bool:  # type: ignore[override]  # depends on the settings here
        """Whether calls go to a service that may charge for them."""
        return self.base_url is not None

    @property
    def answers(self) -> int:
        """The number of answers requested per query."""
        return 1

    def prompt(self, query: str) -> str:
        """Return the prompt for a query."""
        return self.instruction.replace("{query}", query)

    def texts(self, replies: Sequence[str]) -> list[str]:
        """Return the texts in the replies to one query; by default, the replies that are not blank."""
        return [reply for reply in replies if reply.strip()]

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Queries], Drafts]:
        """Load the weights or open the endpoint; the call writes the drafts of Queries.

        Raises UserError if neither is given, or if the model cannot be loaded. The call raises UserError if an endpoint
        does not answer as expected.
        """
        ask, service = self._asker(runtime, model)

        def rewrite(queries: Queries) -> Drafts:
            texts = queries.texts
            answers = ask([self.prompt(query) for query in texts])
            drafts = [self._draft(*row) for row in zip(queries.ids, texts, answers, strict=True)]
            malformed = sum(len(draft.texts) < self.use.n for draft in drafts)
            runtime.bill.add(service, Paid(answers=len(drafts), malformed=malformed))
            return Drafts(drafts, queries.rows)

        return rewrite

    def _asker(self, runtime: Runtime, model: Model | None) -> tuple[Ask, str]:
        """Return the function that answers prompts, and the name under which its answers are counted."""
        if self.base_url is not None:
            chat = Chat(self, runtime.bill)
            return lambda prompts: self._by_endpoint(chat, prompts), chat.service
        if model is None:
            raise UserError(f"{self.word()} needs a language model: one of the suite's (model: NAME), or {ENDPOINT}")
        generator = Generator(model, self.precision or "fp32", runtime, self.word())
        settings = (self.answers, self.max_tokens, self.temperature or 0.0, self.seed or 0)
        return lambda prompts: [generator.write(prompt, *settings) for prompt in prompts], model.path

    def _by_endpoint(self, chat: Chat, prompts: Sequence[str]) -> list[list[Written]]:
        """Request each answer separately, with its own seed, because not every endpoint returns several at once."""

        def write(request: tuple[str, int]) -> Written:
            prompt, number = request
            answer = chat.ask(
                [{"role": "user", "content": prompt}],
                max_tokens=self.max_tokens,
                temperature=self.temperature,
                seed=None if self.seed is None else self.seed + number,
            )
            return Written(answer.text, answer.completion_tokens)

        requests = [(prompt, number) for prompt in prompts for number in range(self.answers)]
        written = each(write, requests, self.parallel, chat.stop)
        return [written[start : start + self.answers] for start in range(0, len(written), self.answers)]

    def _draft(self, key: str, query: str, answers: Sequence[Written]) -> Draft:
        replies = tuple(without_thoughts(answer.text) for answer in answers)
        texts = tuple(self.texts(replies))
        counts = [answer.tokens for answer in answers if answer.tokens is not None]
        tokens = sum(counts) if len(counts) == len(answers) else None
        return Draft(key, query, texts, None if texts == replies else replies, tokens)
