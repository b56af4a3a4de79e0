"""The chat completions of an OpenAI-compatible endpoint: what is asked of a language model, and what it wrote.

The protocol is that of https://platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from pydantic import Field, JsonValue

from harness.meter import Paid
from harness.models.endpoint import BadAnswer, Endpoint, EndpointSettings, Tokens, bound, document

T = TypeVar("T")
R = TypeVar("R")
FRAME = 16
"""Tokens that a chat template puts around a message, at most; once more around all."""


class ChatSettings(EndpointSettings):
    """The settings of every stage that asks a language model; `Chat` takes the stage itself."""

    inert: ClassVar[frozenset[str]] = EndpointSettings.inert | {
        "parallel",
        "usd_per_1m_input_tokens",
        "usd_per_1m_output_tokens",
    }
    prices: ClassVar[tuple[str, ...]] = ("usd_per_1m_input_tokens", "usd_per_1m_output_tokens")

    temperature: float | None = Field(default=0.0, ge=0)
    """None: not sent, for a model that takes none."""
    seed: int | None = 0
    """Sent along, so that a server that heeds it answers alike; None: not sent."""
    limit_word: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """How the endpoint calls the most that it may write; models that think first want the second."""
    extra_body: dict[str, JsonValue] = Field(default_factory=dict)
    """Further fields of a request, as the endpoint calls them: `{reasoning_effort: low}`."""
    parallel: int = Field(default=4, ge=1)
    """How many questions are under way at once."""
    usd_per_1m_input_tokens: float | None = Field(default=None, ge=0)
    """The price of input tokens, in USD per million; None if it is unknown."""
    usd_per_1m_output_tokens: float | None = Field(default=None, ge=0)
    """The price of output tokens, in USD per million; None if it is unknown."""


class Answer(NamedTuple):
    """What a model wrote, its thoughts left out, and what the endpoint counted (None: it does not say)."""

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None


class Chat(Endpoint):
    """One language model behind an endpoint in one run. Several threads may ask it at once."""

    said: ChatSettings

    def ask(
        self, messages: Sequence[Mapping[str, str]], *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Answer:
        """Return the answer to messages, each a `role` and its `content`. UserError as `attempt` raises it.

        A model that wrote nothing gave the empty text.
        """
        chosen = {self.said.limit_word: max_tokens, "temperature": temperature, "seed": seed}
        sent: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
        sent |= {"messages": list(messages), "extra_body": self.said.extra_body}

        def ask() -> Answer:
            said = document(self.client.chat.completions.with_raw_response.create(model=self.said.model, **sent))
            counted = tokens_of(said)
            self.pay(counted)
            return Answer(written(said), *(counted or (None, None)))

        read = bound([message["content"] for message in messages]) + FRAME * (len(messages) + 1)
        return self.attempt(ask, "answer", Tokens(read, max_tokens))

    def count(self, answers: int, malformed: int) -> None:
        """Enter how many answers were read, and how many of them were not what was asked for."""
        with self.changed:
            self.bill.add(self.service, Paid(answers=answers, malformed=malformed))


def each(work: Callable[[T], R], items: Sequence[T], parallel: int, stop: Callable[[], None] = lambda: None) -> list[R]:
    """Do some work for each item in so many threads; the results in the order of the items.

    What fails first is raised, once the work under way has ended: `stop` may hasten it. What was not begun is left.
    """
    pool = ThreadPoolExecutor(parallel)
    try:
        futures = [pool.submit(work, item) for item in items]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            if future in done:
                future.result()
        return [future.result() for future in futures]
    except BaseException:  # an interruption too
        stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def written(said: Mapping[str, Any]) -> str:
    """Return the text of an answer, its thoughts left out; BadAnswer where there is none.

    >>> written({"choices": [{"message": {"content": "<think>1 or 2?</think> [2] > [1]"}}]})
    '[2] > [1]'
    """
    try:
        text = said["choices"][0]["message"]["content"] or ""
    except (KeyError, IndexError, TypeError):
        raise BadAnswer("its answer holds no message") from None
    if not isinstance(text, str):
        raise BadAnswer("the message of its answer is no text")
    return without_thoughts(text)


def without_thoughts(text: str) -> str:
    """Return what stands behind the thoughts of a model that thinks aloud; nothing where they do not end.

    >>> without_thoughts("<think>1 or 2?</think> [2] > [1]"), without_thoughts("<think>1 or")
    ('[2] > [1]', '')
    """
    _, closed, after = text.rpartition("</think>")
    return "" if not closed and text.lstrip().startswith("<think>") else after.strip()


def tokens_of(said: Mapping[str, Any]) -> Tokens | None:
    """Return the tokens that an answer says were read and written; None where it does not."""
    match said.get("usage"):
        case {"prompt_tokens": int(read), "completion_tokens": int(wrote)} if min(read, wrote) >= 0:
            return Tokens(read, wrote)
    return None
