"""What things cost: results hold physical quantities, and a report derives money from these."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from harness.errors import Place, UserError, nearest

HOURS = 730
"""Of a month: 8,760 of a year / 12."""
NUMBER = r"\d+(?:\.\d+)?"


class Rate(NamedTuple):
    """An amount of money for a unit of something."""

    amount: float
    currency: str
    """ISO 4217, as USD."""
    unit: str

    def __str__(self) -> str:
        """Write it as a price file does.

        >>> str(Rate(0.17, "USD", "h")), str(Rate(2e-05, "USD", "h"))
        ('0.17 USD/h', '0.00002 USD/h')
        """
        return f"{Decimal(repr(self.amount)).normalize():f} {self.currency}/{self.unit}"


def rate(said: Any, unit: str) -> Rate:
    """Read a price for a unit; ValueError for another unit, or what is no price.

    >>> rate("0.02 USD/1M tokens", "1M tokens")
    Rate(amount=0.02, currency='USD', unit='1M tokens')
    """
    found = re.fullmatch(rf"({NUMBER})\s*([A-Z]{{3}})\s*/\s*{re.escape(unit)}", str(said).strip())
    if found is None:
        raise ValueError(f"a price of this kind is written as '0.17 USD/{unit}'")
    return Rate(float(found[1]), found[2], unit)


def _kind(unit: str) -> tuple[Any, ...]:
    schema = {"type": "string", "pattern": rf"^{NUMBER} [A-Z]{{3}}/{unit}$"}
    return PlainValidator(partial(rate, unit=unit)), PlainSerializer(str), WithJsonSchema(schema)


Hourly = Annotated[Rate, *_kind("h")]
GigabyteMonth = Annotated[Rate, *_kind("GB-month")]
"""A gigabyte is 10^9 bytes."""
Tokens = Annotated[Rate, *_kind("1M tokens")]


class Block(BaseModel):
    """What all parts of a price file are: unknown words are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Priced(Block):
    """Where a price stands and since when, where the top of the file does not say it for all."""

    source: str | None = None
    date: datetime.date | None = None
    example: bool = False
    """Whether the price is for illustration: nobody published it."""


class Host(Priced):
    """A machine that is hired."""

    price: Hourly
    vcpu: float | None = Field(default=None, gt=0)
    memory_gb: float | None = Field(default=None, gt=0)
    """Memory that comes with it, in 10^9 bytes."""
    with_gpu: bool = False
    """Whether a GPU comes with it, at the same price."""
    machines: list[str] = []
    """The machines of results that are priced like this, by their `id`; others are priced as `host` says."""


class Gpu(Priced):
    """A GPU that is hired beside a host."""

    price: Hourly


class Gigabytes(Priced):
    """Memory, or storage."""

    price: GigabyteMonth


class Service(Priced):
    """A model behind an endpoint, paid by the token."""

    input: Tokens
    output: Tokens | None = None
    """Of tokens that the model writes; an embedding writes none."""


class Entry(NamedTuple):
    """A price, the words that lead to it in its file, and what stands beside it."""

    path: tuple[str, ...]
    rate: Rate
    beside: Priced

    @property
    def title(self) -> str:
        """Name it for people.

        >>> Entry(("models", "embedder", "input"), Rate(0.02, "USD", "1M tokens"), Priced()).title
        'model embedder, input'
        """
        kind, *rest = self.path
        return " ".join([kind.removesuffix("s") if rest else kind, ", ".join(rest)]).strip()


class Load(Block):
    """What is asked of a system in a month: say queries_per_month or queries_per_second."""

    queries_per_month: float | None = Field(default=None, gt=0)
    queries_per_second: float | None = Field(default=None, gt=0)
    documents: int | None = Field(default=None, ge=1)
    """Of the corpus; None: as many as were measured."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.queries_per_month is None) == (self.queries_per_second is None):
            raise ValueError("load says queries_per_month or queries_per_second, one of the two")
        return self

    @property
    def rate(self) -> float:
        """Queries a second, evenly spread over the month."""
        return self.queries_per_second or (self.queries_per_month or 0) / (HOURS * 3600)

    @property
    def queries(self) -> float:
        """Queries a month."""
        return self.rate * HOURS * 3600


class Prices(Block):
    """All prices, in one currency. `host` and `gpu` are a price, or name one of `hosts` and `gpus`."""

    date: datetime.date | None = None
    source: str | None = None
    hosts: dict[str, Host] = {}
    gpus: dict[str, Gpu] = {}
    host: str | None = None
    """Of the machine that the results were measured on."""
    gpu: str | None = None
    """Of its GPU, beside the host; nothing where it comes with the host."""
    memory: Gigabytes | None = None
    """Of memory beyond what comes with the hosts."""
    storage: Gigabytes | None = None
    models: dict[str, Service] = {}
    """By the name under which the endpoint knows the model."""
    load: Load | None = None

    @field_validator("host", "gpu", mode="before")
    @classmethod
    def _words(cls, said: Any) -> Any:
        """Refuse a number without its unit."""
        return said if said is None or isinstance(said, str) else str(rate(said, "h"))

    @field_validator("host", "gpu")
    @classmethod
    def _known(cls, said: str | None, info: ValidationInfo) -> str | None:
        """Read a price, or a name of those above."""
        if said is not None and "/" in said:
            rate(said, "h")
        elif said is not None:
            known: Mapping[str, Any] = info.data.get(f"{info.field_name}s", {})
            if said not in known:
                raise ValueError(f"no price of {said!r} stands here; {nearest(said, known)}")
        return said

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        found = sorted({entry.rate.currency for entry in self.entries()})
        if len(found) != 1:
            said = f"found {' and '.join(found)}" if found else "and there is none"
            raise ValueError(f"prices are in one currency, {said}")
        return self

    @property
    def currency(self) -> str:
        """The currency of all of them."""
        return next(entry.rate.currency for entry in self.entries())

    def entries(self) -> Iterator[Entry]:
        """Give every price, and where it stands."""
        for word in ("host", "gpu"):
            if (said := getattr(self, word)) and "/" in said:
                yield Entry((word,), rate(said, "h"), Priced())
        for group in ("hosts", "gpus"):
            yield from (Entry((group, name), one.price, one) for name, one in getattr(self, group).items())
        for word in ("memory", "storage"):
            if (one := getattr(self, word)) is not None:
                yield Entry((word,), one.price, one)
        for name, model in self.models.items():
            yield Entry(("models", name, "input"), model.input, model)
            if model.output is not None:
                yield Entry(("models", name, "output"), model.output, model)

    def host_of(self, machine: str | None, *, here: bool) -> Host | None:
        """Return the host that a machine of results stands for; None where nothing prices it.

        `here` says that it is the machine of the run, for which `host` stands; any other is named by a host.
        """
        named = next((host for host in self.hosts.values() if machine in host.machines), None)
        if named is not None or not here or self.host is None:
            return named
        return self.hosts.get(self.host) or Host(price=rate(self.host, "h"))

    def gpu_price(self) -> Rate | None:
        """Return the price of a GPU beside the host; None where none is said."""
        if self.gpu is None or self.gpu in self.gpus:
            return None if self.gpu is None else self.gpus[self.gpu].price
        return rate(self.gpu, "h")

    def words(self) -> dict[str, Any]:
        """Return them as a price file says them, for run.json; `of_words` reads them."""
        return self.model_dump(mode="json", exclude_defaults=True)


def of_words(words: Mapping[str, Any], file: str) -> Prices:
    """Read what `words` gave; UserError where it is damaged."""
    try:
        return Prices.model_validate(words)
    except ValidationError as error:
        raise UserError(f"prices: {error.errors()[0]['msg']}", Place(file)) from None
