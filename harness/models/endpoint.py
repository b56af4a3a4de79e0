"""What every OpenAI-compatible endpoint is asked with: attempts and waits, the key, the budget and the bill.

What is asked, and how the answer is read, stands in `harness.embeddings` and `harness.chat`.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.errors import MissingLibrary, UserError
from harness.meter import Bill, Paid

T = TypeVar("T")
FIRST_WAIT, LONGEST_WAIT = 0.5, 300.0
"""Seconds before the second attempt, doubled for each further one; the longest that an endpoint may ask for."""
AGAIN = {408, 409, 429}
"""Refusals that may pass, as all from 500 on may."""
MILLION = 1_000_000


class BadAnswer(Exception):
    """An answer that is not what was asked for; the message says in which way."""


class Tokens(NamedTuple):
    """Tokens that an endpoint reads and writes."""

    input: int
    output: int = 0


class Budget(BaseModel):
    """What may be paid to one endpoint in one run; None: as much as it takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: int | None = Field(default=None, ge=0)
    usd: float | None = Field(default=None, ge=0)


class EndpointSettings(BaseModel):
    """The settings of every stage that asks an endpoint; such a stage names this class before its role."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False, use_attribute_docstrings=True
    )

    inert: ClassVar[frozenset[str]] = frozenset({"key", "retries", "timeout_seconds", "budget"})
    prices: ClassVar[tuple[str, ...]]
    """The settings that say what a million tokens cost; a budget in USD needs them all."""
    uses_model: ClassVar[bool] = False
    service: ClassVar[bool] = True
    """Its calls go to a service, which may be paid."""

    base_url: str = Field(repr=False)
    """As the client calls it: what stands before `/embeddings` or `/chat`. No user, no password and no query."""
    model: str
    """As the endpoint calls it."""
    key: str | None = Field(default=None, repr=False, pattern=r"^[A-Z_][A-Z0-9_]*$")
    """The name of the environment variable that holds the key; None: the endpoint wants none."""
    retries: int = Field(default=6, ge=0)
    """How often a request is sent again after 408, 409, 429, 5xx, silence or a wrong answer."""
    timeout_seconds: float = Field(default=60.0, gt=0)
    """The maximum time for one request, in seconds."""
    budget: Budget = Budget()
    """What one run may pay to this model of this endpoint: `{usd: 2.5}`, `{tokens: 1000000}`, or both."""

    @field_validator("base_url")
    @classmethod
    def _plain(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
            raise ValueError("a base_url is http(s)://HOST/PATH, without user, password and query; 'key' names a key")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _priced(self) -> Self:
        missing = [price for price in self.prices if getattr(self, price) is None]
        if self.budget.usd is not None and missing:
            raise ValueError(f"a budget in usd needs the price: {', '.join(missing)}")
        return self

    def usd(self, tokens: Tokens) -> float:
        """Return what tokens cost, by the prices in their order; 0 where the suite says none."""
        prices = [getattr(self, price) or 0.0 for price in self.prices]
        return sum(count * price for count, price in zip(tokens, prices, strict=False)) / MILLION

    @property
    def caveat(self) -> str | None:
        """No checksum names the weights behind an endpoint."""
        return f"the model {self.model!r} of {self.base_url} is known by its name alone: it may be another tomorrow"


class Endpoint:
    """One endpoint in one run. UserError where the key is not set, MissingLibrary where the client is not installed.

    Several threads may ask it at once.
    """

    def __init__(self, said: EndpointSettings, bill: Bill) -> None:
        try:
            import openai
        except ImportError:
            raise MissingLibrary("openai", "api", "asking an endpoint") from None
        self.said, self.bill, self.openai = said, bill, openai
        self.service = f"{said.base_url} {said.model}"
        self.secret = _secret(said.key)
        self.client = openai.OpenAI(
            base_url=said.base_url,
            api_key=self.secret or "none",  # else the client would take whatever OPENAI_API_KEY holds
            max_retries=0,
            timeout=said.timeout_seconds,
        )
        self.held: list[Tokens] = []
        """The most that each request under way may take."""
        self.changed = threading.Condition()
        self.stopped = threading.Event()

    def attempt(self, ask: Callable[[], T], wanted: str, most: Tokens) -> T:
        """Return what `ask` does, which is called again where that may help.

        `most` is what the answer may take; the budget must have room for it. UserError when it has not, when the
        endpoint refuses, and when no attempt gave what is `wanted`: `ask` raises BadAnswer then.
        """
        for attempt in range(1 + self.said.retries):
            wait = FIRST_WAIT * 2**attempt
            try:
                with self._room(most):
                    return ask()
            except BadAnswer as error:
                reason = str(error)
            except self.openai.APIStatusError as error:
                reason = f"it answered {error.status_code}: {self._public(error)}"
                if error.status_code not in AGAIN and error.status_code < 500:
                    break
                wait = max(wait, retry_after(error.response.headers))
            except self.openai.APIConnectionError as error:
                cause = error.__cause__ or error
                reason = f"no whole answer came: {type(cause).__name__}: {self._public(cause)}"
            if wait > LONGEST_WAIT:
                reason += f"; it asks to wait {wait:.0f} s"
                break
            if attempt < self.said.retries:
                self._pause(wait)
        raise UserError(
            f"the endpoint {self.service!r} gave no {wanted} in {attempt + 1} attempt(s): {reason}"
        ) from None

    def stop(self) -> None:
        """Ask no more: what is under way in other threads ends at its next attempt, with a UserError."""
        self.stopped.set()

    def pay(self, tokens: Tokens | None) -> None:
        """Enter what an answer says was counted; UserError where it does not say and a budget must be kept."""
        if tokens is not None:
            with self.changed:
                self.bill.add(self.service, Paid(sum(tokens), self.said.usd(tokens)))
        elif self.said.budget != Budget():
            raise UserError(f"the endpoint {self.service!r} does not say what it counts, so no budget can be kept")

    def _pause(self, seconds: float) -> None:
        self.stopped.wait(seconds)

    @contextmanager
    def _room(self, most: Tokens) -> Iterator[None]:
        """Hold what a request may take; while others are under way, wait for what they leave of it."""
        if self.stopped.is_set():
            raise UserError(f"the endpoint {self.service!r} is asked no more, since another question failed")
        with self.changed:
            self.changed.wait_for(lambda: not self.held or self._lacking(most) is None)
            if lacking := self._lacking(most):
                raise UserError(
                    f"the budget of the endpoint {self.service!r} is {lacking}; what is finished is kept, so that "
                    "another run, which may spend as much again, goes on from there"
                )
            self.held.append(most)
        try:
            yield
        finally:
            with self.changed:
                self.held.remove(most)
                self.changed.notify_all()

    def _lacking(self, most: Tokens) -> str | None:
        """Say what the budget lacks for a request beside those under way; None where it has room."""
        budget, paid = self.said.budget, self.bill.of[self.service]
        tokens, usd = sum(most), self.said.usd(most)
        held, held_usd = sum(map(sum, self.held)), sum(map(self.said.usd, self.held))
        if budget.tokens is not None and paid.tokens + held + tokens > budget.tokens:
            return f"{budget.tokens:,} tokens: {paid.tokens:,} are spent, and the next texts may take {tokens:,}"
        if budget.usd is not None and paid.usd + held_usd + usd > budget.usd:
            return f"{budget.usd:g} USD: {paid.usd:.6g} are spent, and the next texts may take {usd:.6g}"
        return None

    def _public(self, error: BaseException) -> str:
        """Return what an error says, on one line, without the key."""
        text = " ".join(str(error).split())[:500]
        return text.replace(self.secret, "***") if self.secret else text


def _secret(variable: str | None) -> str | None:
    if variable is None:
        return None
    found = os.environ.get(variable, "").strip()
    if not found:
        raise UserError(f"the key is read from the environment variable {variable}, which is not set")
    return found


def document(raw: Any) -> dict[str, Any]:
    """Return the JSON object of a raw answer; BadAnswer where there is none."""
    try:
        said = raw.http_response.json()
    except ValueError:
        raise BadAnswer("its answer is no whole JSON document") from None
    if not isinstance(said, dict):
        raise BadAnswer("its answer is no JSON object")
    return said


def bound(texts: Sequence[str]) -> int:
    """Return how many tokens texts have at most: no tokenizer in use makes more than one of a byte, and two of ends.

    >>> bound(["abc", "\N{EURO SIGN}"])
    10
    """
    return sum(len(text.encode()) + 2 for text in texts)


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that an answer asks to wait (RFC 9110, 10.2.3: a number, or a date); 0 where it does not.

    >>> retry_after({"retry-after": "7"}), retry_after({"retry-after-ms": "250"}), retry_after({})
    (7.0, 0.25, 0.0)
    """
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        said = headers.get(name)
        try:
            seconds = float(said) / unit if said else math.nan
        except ValueError:
            seconds = _until(said or "")
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return 0.0


def _until(date: str) -> float:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return ((then if then.tzinfo else then.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
