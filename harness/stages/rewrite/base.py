"""What the rewriters share: which language model is asked, how, and what is kept of what it wrote."""

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


class LanguageRewriter(ChatSettings, Rewriter):
    """A rewriter that asks the language model of an endpoint, where `base_url` names one, or one of the suite's models.

    What the model writes is kept as it is, but for its thoughts and the white space around. Where it writes nothing,
    or fewer texts than it was asked for, the query itself stands for those that are missing, and that is counted.
    """

    uses_model: ClassVar[bool] = True
    inert: ClassVar[frozenset[str]] = ChatSettings.inert | {"with_query", "repeat_query", "k"}
    """Besides those of an endpoint, settings that only the plan reads."""

    base_url: str | None = Field(default=None, repr=False)  # type: ignore[assignment]  # without one, no endpoint
    """As the client calls it: what stands before `/chat`; None: the suite's `model` runs on this machine."""
    model: str | None = None  # type: ignore[assignment]
    """As the endpoint calls it."""
    precision: Literal["fp32", "bf16", "fp16"] | None = None
    """Of the weights of a model on this machine."""
    max_tokens: int = Field(ge=1)
    """That are written for an answer, at most."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_endpoint(cls, said: Any) -> Any:
        """Drop the precision of this machine where another one calculates, so that it names no draft."""
        if not isinstance(said, dict):
            return said
        dropped = "precision" if said.get("base_url") is not None else "base_url"
        return {key: value for key, value in said.items() if key != dropped}

    @field_validator("instruction")
    @classmethod
    def _asks_about_the_query(cls, instruction: str) -> str:
        if "{query}" not in instruction:
            raise ValueError("an instruction holds {query}, the place where the query stands")
        return instruction

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.base_url is None) != (self.model is None):
            raise ValueError(f"an endpoint is named by {ENDPOINT}, both of them")
        return self

    @property
    def caveat(self) -> str | None:
        """An endpoint may be another tomorrow; weights of the suite are named by their content."""
        return None if self.base_url is None else super().caveat

    @property
    def service(self) -> bool:  # type: ignore[override]  # an endpoint's in general, here where one is named
        """Whether its calls go to a service, which may be paid."""
        return self.base_url is not None

    @property
    def answers(self) -> int:
        """How many answers are asked for each query."""
        return 1

    def prompt(self, query: str) -> str:
        """Return what the model is asked about a query."""
        return self.instruction.replace("{query}", query)

    def texts(self, replies: Sequence[str]) -> list[str]:
        """Return the texts that replies hold: those that are not blank."""
        return [reply for reply in replies if reply.strip()]

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Queries], Drafts]:
        """Load the weights, or open the endpoint; the call has the drafts of Queries written.

        UserError where neither is named, and for a model that cannot be loaded or asked.
        """
        ask, service = self._asker(runtime, model)

        def rewrite(queries: Queries) -> Drafts:
            asked = queries.texts
            answers = ask([self.prompt(query) for query in asked])
            drafts = [self._draft(*one) for one in zip(queries.ids, asked, answers, strict=True)]
            malformed = sum(len(draft.texts) < self.use.n for draft in drafts)
            runtime.bill.add(service, Paid(answers=len(drafts), malformed=malformed))
            return Drafts(drafts, queries.rows)

        return rewrite

    def _asker(self, runtime: Runtime, model: Model | None) -> tuple[Ask, str]:
        """Return what gives the answers to each of some prompts, and the name under which they are counted."""
        if self.base_url is not None:
            chat = Chat(self, runtime.bill)
            return lambda prompts: self._by_endpoint(chat, prompts), chat.service
        if model is None:
            raise UserError(f"{self.word()} needs a language model: one of the suite's (model: NAME), or {ENDPOINT}")
        generator = Generator(model, self.precision or "fp32", runtime, self.word())
        settings = (self.answers, self.max_tokens, self.temperature or 0.0, self.seed or 0)
        return lambda prompts: [generator.write(prompt, *settings) for prompt in prompts], model.path

    def _by_endpoint(self, chat: Chat, prompts: Sequence[str]) -> list[list[Written]]:
        """Ask for each answer by itself, with a seed of its own: not every endpoint gives several at once."""

        def one(question: tuple[str, int]) -> Written:
            prompt, number = question
            answer = chat.ask(
                [{"role": "user", "content": prompt}],
                max_tokens=self.max_tokens,
                temperature=self.temperature,
                seed=None if self.seed is None else self.seed + number,
            )
            return Written(answer.text, answer.completion_tokens)

        questions = [(prompt, number) for prompt in prompts for number in range(self.answers)]
        found = each(one, questions, self.parallel, chat.stop)
        return [found[start : start + self.answers] for start in range(0, len(found), self.answers)]

    def _draft(self, key: str, query: str, answers: Sequence[Written]) -> Draft:
        replies = tuple(without_thoughts(answer.text) for answer in answers)
        texts = tuple(self.texts(replies))
        counted = [answer.tokens for answer in answers if answer.tokens is not None]
        tokens = sum(counted) if len(counted) == len(answers) else None
        return Draft(key, query, texts, None if texts == replies else replies, tokens)
