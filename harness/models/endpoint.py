"""Calls to an OpenAI-compatible endpoint: retries and waits, the key, the budget and the bill.

`harness.models.embeddings` and `harness.models.chat` define the requests and read the answers.
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
"""The seconds before the second attempt, doubled for each further one; and the longest wait that is accepted."""
RETRIED = {408, 409, 429}
"""The status codes below 500 after which a request is sent again; those from 500 on always are."""
MILLION = 1_000_000


class BadAnswer(Exception):
    """Raised for an answer that is not what was requested; the message says why."""


class Tokens(NamedTuple):
    """The numbers of tokens that an endpoint reads and writes."""

    input: int
    output: int = 0


class Budget(BaseModel):
    """The most that one run may spend on one endpoint; None means no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: int | None = Field(default=None, ge=0)
    """The most tokens, input and output together."""
    usd: float | None = Field(default=None, ge=0)
    """The most US dollars, by the prices in the settings."""


class EndpointSettings(BaseModel):
    """The settings of a stage that calls an endpoint; the stage lists this base class before its role."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    inert: ClassVar[frozenset[str]] = frozenset({"key", "retries", "timeout_seconds", "budget"})
    prices: ClassVar[tuple[str, ...]]
    """The names of the settings that hold the price of a million tokens; a budget in USD needs all of them."""
    uses_model: ClassVar[bool] = False
    service: ClassVar[bool] = True
    """Whether calls go to a service, which may cost money."""

    base_url: str = Field(repr=False)
    """The URL before `/embeddings` or `/chat`, without user, password or query."""
    model: str
    """The name of the model at the endpoint."""
    key: str | None = Field(default=None, repr=False, pattern=r"^[A-Z_][A-Z0-9_]*$")
    """The name of the environment variable that holds the key; None if the endpoint needs no key."""
    retries: int = Field(default=6, ge=0)
    """How often a request is sent again after status 408, 409, 429 or 5xx, no answer, or an invalid one."""
    timeout_seconds: float = Field(default=60.0, gt=0)
    """The maximum time for one request, in seconds."""
    budget: Budget = Budget()
    """The most that one run may spend on this model at this endpoint: `{usd: 2.5}`, `{tokens: 1000000}`, or both."""

    @field_validator("base_url")
    @classmethod
    def _checked_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
            raise ValueError("base_url is http(s)://HOST/PATH without user, password or query; a key is given by 'key'")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _budget_has_prices(self) -> Self:
        missing = [price for price in self.prices if getattr(self, price) is None]
        if self.budget.usd is not None and missing:
            raise ValueError(f"a budget in usd needs a price: set {', '.join(missing)}")
        return self

    def usd(self, tokens: Tokens) -> float:
        """Return the cost of tokens in US dollars; a price that is not set counts as 0."""
        prices = [getattr(self, price) or 0.0 for price in self.prices]
        return sum(count * price for count, price in zip(tokens, prices, strict=False)) / MILLION

    @property
    def caveat(self) -> str | None:
        """The caveat that no checksum identifies the weights behind an endpoint."""
        return f"the model {self.model!r} at {self.base_url} is identified only by its name, so its weights may change"


class Endpoint:
    """Sends requests to one endpoint during one run; several threads may use it at once."""

    def __init__(self, settings: EndpointSettings, bill: Bill) -> None:
        """Raises UserError if the key is not set, and MissingLibrary if the client is not installed."""
        try:
            import openai
        except ImportError:
            raise MissingLibrary("openai", "api", "calling an endpoint") from None
        self.settings, self.bill, self.openai = settings, bill, openai
        self.service = f"{settings.base_url} {settings.model}"
        self.secret = _secret(settings.key)
        self.client = openai.OpenAI(
            base_url=settings.base_url,
            api_key=self.secret or "none",  # else the client would use OPENAI_API_KEY
            max_retries=0,
            timeout=settings.timeout_seconds,
        )
        self.reserved: list[Tokens] = []
        """The most tokens that each request in progress may take."""
        self.changed = threading.Condition()
        self.stopped = threading.Event()

    def attempt(self, send: Callable[[], T], expected: str, most: Tokens) -> T:
        """Call `send`, again after a failure that may pass, and return its result.

        `most` is the most that the answer may take, for which the budget must have room. Raises UserError if it has
        none, if the endpoint refuses, or if no attempt yields what is `expected` (`send` then raises BadAnswer).
        """
        for attempt in range(1 + self.settings.retries):
            wait = FIRST_WAIT * 2**attempt
            try:
                with self._room(most):
                    return send()
            except BadAnswer as error:
                reason = str(error)
            except self.openai.APIStatusError as error:
                reason = f"it answered {error.status_code}: {self._public(error)}"
                if error.status_code not in RETRIED and error.status_code < 500:
                    break
                wait = max(wait, retry_after(error.response.headers))
            except self.openai.APIConnectionError as error:
                cause = error.__cause__ or error
                reason = f"no complete answer arrived: {type(cause).__name__}: {self._public(cause)}"
            if wait > LONGEST_WAIT:
                reason += f"; it asks for a wait of {wait:.0f} s"
                break
            if attempt < self.settings.retries:
                self._pause(wait)
        raise UserError(
            f"the endpoint {self.service!r} gave no {expected} in {attempt + 1} attempt(s): {reason}"
        ) from None

    def stop(self) -> None:
        """Send no more requests: in other threads the next attempt raises UserError."""
        self.stopped.set()

    def pay(self, tokens: Tokens | None) -> None:
        """Add the tokens of an answer to the bill. Raises UserError if they are unknown and there is a budget."""
        if tokens is not None:
            with self.changed:
                self.bill.add(self.service, Paid(sum(tokens), self.settings.usd(tokens)))
        elif self.settings.budget != Budget():
            raise UserError(
                f"the endpoint {self.service!r} does not report its tokens, so the budget cannot be enforced"
            )

    def _pause(self, seconds: float) -> None:
        self.stopped.wait(seconds)

    @contextmanager
    def _room(self, most: Tokens) -> Iterator[None]:
        """Reserve what a request may take; while others are in progress, wait for what they leave unused."""
        if self.stopped.is_set():
            raise UserError(f"no more requests go to the endpoint {self.service!r}, because another one failed")
        with self.changed:
            self.changed.wait_for(lambda: not self.reserved or self._lacking(most) is None)
            if lacking := self._lacking(most):
                raise UserError(
                    f"the budget of the endpoint {self.service!r} is {lacking}; finished work is kept, and "
                    "another run, which may spend as much again, continues from there"
                )
            self.reserved.append(most)
        try:
            yield
        finally:
            with self.changed:
                self.reserved.remove(most)
                self.changed.notify_all()

    def _lacking(self, most: Tokens) -> str | None:
        """Return why the budget has no room for a request besides those in progress; None if it has."""
        budget, paid = self.settings.budget, self.bill.of[self.service]
        tokens, usd = sum(most), self.settings.usd(most)
        reserved, reserved_usd = sum(map(sum, self.reserved)), sum(map(self.settings.usd, self.reserved))
        if budget.tokens is not None and paid.tokens + reserved + tokens > budget.tokens:
            return f"{budget.tokens:,} tokens: {paid.tokens:,} are spent, and the next texts may take {tokens:,}"
        if budget.usd is not None and paid.usd + reserved_usd + usd > budget.usd:
            return f"{budget.usd:g} USD: {paid.usd:.6g} are spent, and the next texts may take {usd:.6g}"
        return None

    def _public(self, error: BaseException) -> str:
        """Return the message of an error on one line without the key."""
        text = " ".join(str(error).split())[:500]
        return text.replace(self.secret, "***") if self.secret else text


def _secret(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UserError(f"the environment variable {variable}, which holds the key, is not set")
    return key


def document(raw: Any) -> dict[str, Any]:
    """Return the JSON object of a raw answer. Raises BadAnswer for anything else."""
    try:
        answer = raw.http_response.json()
    except ValueError:
        raise BadAnswer("its answer is not a complete JSON document") from None
    if not isinstance(answer, dict):
        raise BadAnswer("its answer is not a JSON object")
    return answer


def bound(texts: Sequence[str]) -> int:
    """Return an upper bound of the tokens of texts: tokenizers make at most one per byte, and add two at the ends.

    >>> bound(["abc", "\N{EURO SIGN}"])
    10
    """
    return sum(len(text.encode()) + 2 for text in texts)


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the wait that an answer asks for in seconds (RFC 9110, 10.2.3: a number or a date); 0 if it asks for none.

    >>> retry_after({"retry-after": "7"}), retry_after({"retry-after-ms": "250"}), retry_after({})
    (7.0, 0.25, 0.0)
    """
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(name)
        try:
            seconds = float(value) / unit if value else math.nan
        except ValueError:
            seconds = _until(value or "")
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return 0.0


def _until(date: str) -> float:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return ((then if then.tzinfo else then.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
