"""An OpenAI-compatible embeddings endpoint: asked again where that may help, its answers checked, its bill kept.

The protocol is that of https://platform.openai.com/docs/api-reference/embeddings/create.
"""

from __future__ import annotations

import base64
import binascii
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from harness.errors import MissingLibrary, UserError
from harness.meter import Bill, Paid

FIRST_WAIT, LONGEST_WAIT = 0.5, 300.0
"""Seconds before the second attempt, doubled for each further one; the longest that an endpoint may ask for."""
AGAIN = {408, 409, 429}
"""Refusals that may pass, as all from 500 on may."""
MILLION = 1_000_000


class BadAnswer(Exception):
    """An answer that is not what was asked for; the message says in which way."""


class Budget(BaseModel):
    """What may be paid to one endpoint in one run; None: as much as it takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: int | None = Field(default=None, ge=0)
    usd: float | None = Field(default=None, ge=0)


class Reply(NamedTuple):
    """Vectors of the texts of a request, float32 [texts, dimensions], and the tokens counted (None: not said)."""

    vectors: np.ndarray
    tokens: int | None


@dataclass(frozen=True)
class Address:
    """Where an endpoint is, what it is asked for, and how patiently."""

    base_url: str
    model: str
    key: str | None
    """The environment variable that holds the key, which is read here and goes nowhere but to the endpoint."""
    dimensions: int | None
    encoding_format: Literal["base64", "float"]
    retries: int
    timeout_seconds: float
    usd_per_1m_tokens: float | None
    budget: Budget


class Endpoint:
    """One endpoint in one run. UserError where the key is not set, MissingLibrary where the client is not installed."""

    def __init__(self, address: Address, bill: Bill) -> None:
        try:
            import openai
        except ImportError:
            raise MissingLibrary("openai", "api", "'encode: api'") from None
        self.address, self.bill, self.openai = address, bill, openai
        self.service = f"{address.base_url} {address.model}"
        self.secret = _secret(address.key)
        self.client = openai.OpenAI(
            base_url=address.base_url,
            api_key=self.secret or "none",  # else the client would take whatever OPENAI_API_KEY holds
            max_retries=0,
            timeout=address.timeout_seconds,
        )

    def embed(self, texts: Sequence[str], width: int | None, to_come: int = 0) -> np.ndarray:
        """Return the vectors of texts that are not empty, float32 [texts, dimensions].

        `width` is what the dimensions must be, None where it is not known. `to_come` bounds the tokens of requests that
        make no sense without this one; the budget must have room for all. UserError when it has not, when the endpoint
        refuses, and when no attempt gave a right answer.
        """
        for attempt in range(1 + self.address.retries):
            self._check_budget(bound(texts) + to_come)
            wait = FIRST_WAIT * 2**attempt
            try:
                reply = self._ask(texts)
                self._pay(reply)
                return checked(reply.vectors, len(texts), width or self.address.dimensions)
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
            if attempt < self.address.retries:
                time.sleep(wait)
        raise UserError(
            f"the endpoint {self.service!r} gave no vectors in {attempt + 1} attempt(s): {reason}"
        ) from None

    def _ask(self, texts: Sequence[str]) -> Reply:
        chosen: dict[str, Any] = {} if self.address.dimensions is None else {"dimensions": self.address.dimensions}
        raw = self.client.embeddings.with_raw_response.create(
            input=list(texts), model=self.address.model, encoding_format=self.address.encoding_format, **chosen
        )
        try:
            said = raw.http_response.json()
        except ValueError:
            raise BadAnswer("its answer is no whole JSON document") from None
        return Reply(in_order(said, len(texts)), tokens_of(said))

    def _pay(self, reply: Reply) -> None:
        budget, price = self.address.budget, self.address.usd_per_1m_tokens
        if reply.tokens is None:
            if budget != Budget():
                raise UserError(f"the endpoint {self.service!r} does not say what it counts, so no budget can be kept")
            return
        self.bill.add(self.service, Paid(reply.tokens, reply.tokens * (price or 0.0) / MILLION))

    def _check_budget(self, tokens: int) -> None:
        """Refuse a request after which more might be paid than the budget allows."""
        budget, paid = self.address.budget, self.bill.of[self.service]
        usd = tokens * (self.address.usd_per_1m_tokens or 0.0) / MILLION
        if budget.tokens is not None and paid.tokens + tokens > budget.tokens:
            said = f"{budget.tokens:,} tokens: {paid.tokens:,} are spent, and the next texts may take {tokens:,}"
        elif budget.usd is not None and paid.usd + usd > budget.usd:
            said = f"{budget.usd:g} USD: {paid.usd:.6g} are spent, and the next texts may take {usd:.6g}"
        else:
            return
        raise UserError(
            f"the budget of the endpoint {self.service!r} is {said}; what is finished is kept, so that another run, "
            "which may spend as much again, goes on from there"
        )

    def _public(self, error: BaseException) -> str:
        """Return what an error says, on one line, without the key."""
        text = " ".join(str(error).split())[:500]
        return text.replace(self.secret, "***") if self.secret else text


def _secret(variable: str | None) -> str | None:
    if variable is None:
        return None
    found = os.environ.get(variable, "").strip()
    if not found:
        raise UserError(f"'encode: api' reads its key from the environment variable {variable}, which is not set")
    return found


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


def in_order(said: Any, count: int) -> np.ndarray:
    """Return the vectors of an answer in the order of the texts; BadAnswer where one is missing or stands twice."""
    data = said.get("data") if isinstance(said, dict) else None
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        raise BadAnswer("its answer holds no list of embeddings")
    if len(data) != count:
        raise BadAnswer(f"it gave {len(data)} vectors for {count} texts")
    places = [one.get("index") for one in data]
    if sorted(place for place in places if isinstance(place, int)) != list(range(count)):
        raise BadAnswer(f"its vectors do not bear the indexes 0 to {count - 1}, each once")
    rows = [vector(one.get("embedding")) for one in sorted(data, key=lambda one: one["index"])]
    if len({len(row) for row in rows}) != 1:
        raise BadAnswer("its vectors are of different lengths")
    return np.stack(rows)


def vector(said: Any) -> np.ndarray:
    """Read a vector: a list of numbers, or the base64 of float32 with the lowest byte first. BadAnswer for neither."""
    try:
        if isinstance(said, str):
            return np.frombuffer(base64.b64decode(said, validate=True), "<f4").astype(np.float32)
        found = np.array(said, np.float32)
    except (binascii.Error, TypeError, ValueError):
        raise BadAnswer("a vector of its answer cannot be read") from None
    if found.ndim != 1:
        raise BadAnswer("a vector of its answer is no list of numbers")
    return found


def tokens_of(said: Mapping[str, Any]) -> int | None:
    """Return the tokens that an answer says were counted."""
    usage = said.get("usage")
    counted = usage.get("total_tokens", usage.get("prompt_tokens")) if isinstance(usage, dict) else None
    return counted if isinstance(counted, int) and counted >= 0 else None


def checked(vectors: np.ndarray, count: int, width: int | None) -> np.ndarray:
    """Return vectors that are as many and as long as they must be, and finite; BadAnswer for others."""
    if width is not None and vectors.shape != (count, width):
        raise BadAnswer(f"its vectors have {vectors.shape[1]} dimensions, not {width}")
    if not vectors.shape[1] or not np.isfinite(vectors).all():
        raise BadAnswer("a vector of its answer is empty or not finite")
    return vectors
