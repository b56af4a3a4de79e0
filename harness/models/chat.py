"""Requests chat completions from an OpenAI-compatible endpoint, and reads what the language model wrote.

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
"""The most tokens that a chat template adds to each message, and once more to all of them together."""


class ChatSettings(EndpointSettings):
    """The settings of a stage that calls a language model; the stage itself is passed to `Chat`."""

    inert: ClassVar[frozenset[str]] = EndpointSettings.inert | {
        "parallel",
        "usd_per_1m_input_tokens",
        "usd_per_1m_output_tokens",
    }
    prices: ClassVar[tuple[str, ...]] = ("usd_per_1m_input_tokens", "usd_per_1m_output_tokens")

    temperature: float | None = Field(default=0.0, ge=0)
    """The sampling temperature; None to send none, for a model that does not accept one."""
    seed: int | None = 0
    """The seed, so that a server that supports seeds repeats its answers; None to send none."""
    limit_word: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The endpoint's parameter for the most tokens to write; models that reason first need the second."""
    extra_body: dict[str, JsonValue] = Field(default_factory=dict)
    """Further fields of a request as the endpoint names them, for example `{reasoning_effort: low}`."""
    parallel: int = Field(default=4, ge=1)
    """How many requests are in progress at once."""
    usd_per_1m_input_tokens: float | None = Field(default=None, ge=0)
    """The price of input tokens, in USD per million; None if it is unknown."""
    usd_per_1m_output_tokens: float | None = Field(default=None, ge=0)
    """The price of output tokens, in USD per million; None if it is unknown."""


class Answer(NamedTuple):
    """An answer of a language model; the token counts are None if the endpoint does not report them."""

    text: str
    """The text that the model wrote, without its reasoning."""
    prompt_tokens: int | None
    completion_tokens: int | None


class Chat(Endpoint):
    """Calls one language model behind an endpoint during one run; several threads may use it at once."""

    settings: ChatSettings

    def ask(
        self, messages: Sequence[Mapping[str, str]], *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Answer:
        """Return the answer to messages, each with a `role` and a `content`. Raises UserError as `attempt` does.

        If the model wrote nothing, the text is empty.
        """
        options = {self.settings.limit_word: max_tokens, "temperature": temperature, "seed": seed}
        sent: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        sent |= {"messages": list(messages), "extra_body": self.settings.extra_body}

        def send() -> Answer:
            answer = document(self.client.chat.completions.with_raw_response.create(model=self.settings.model, **sent))
            tokens = tokens_of(answer)
            self.pay(tokens)
            return Answer(written(answer), *(tokens or (None, None)))

        most_read = bound([message["content"] for message in messages]) + FRAME * (len(messages) + 1)
        return self.attempt(send, "answer", Tokens(most_read, max_tokens))

    def count(self, answers: int, malformed: int) -> None:
        """Add to the bill how many answers were read, and how many of them were malformed."""
        with self.changed:
            self.bill.add(self.service, Paid(answers=answers, malformed=malformed))


def each(work: Callable[[T], R], items: Sequence[T], parallel: int, stop: Callable[[], None] = lambda: None) -> list[R]:
    """Do some work for each item in `parallel` threads, and return the results in the order of the items.

    The first failure is raised once the work in progress has ended, which `stop` may hasten. Work that has not begun is
    dropped.
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


def written(answer: Mapping[str, Any]) -> str:
    """Return the text of an answer without the model's reasoning. Raises BadAnswer if there is no text.

    >>> written({"choices": [{"message": {"content": "<think>1 or 2?</think> [2] > [1]"}}]})
    '[2] > [1]'
    """
    try:
        text = answer["choices"][0]["message"]["content"] or ""
    except (KeyError, IndexError, TypeError):
        raise BadAnswer("its answer has no message") from None
    if not isinstance(text, str):
        raise BadAnswer("the message of its answer is not a text")
    return without_thoughts(text)


def without_thoughts(text: str) -> str:
    """Return what follows the reasoning of a model that writes it out; nothing if the reasoning does not end.

    >>> without_thoughts("<think>1 or 2?</think> [2] > [1]"), without_thoughts("<think>1 or")
    ('[2] > [1]', '')
    """
    _, closed, after = text.rpartition("</think>")
    return "" if not closed and text.lstrip().startswith("<think>") else after.strip()


def tokens_of(answer: Mapping[str, Any]) -> Tokens | None:
    """Return the tokens that an answer reports as read and written; None if it does not."""
    match answer.get("usage"):
        case {"prompt_tokens": int(read), "completion_tokens": int(wrote)} if min(read, wrote) >= 0:
            return Tokens(read, wrote)
    return None
