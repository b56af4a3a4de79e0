"""Prices of hosts, GPUs, memory and models, from which reports derive money; results hold physical quantities only."""

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
"""The hours in a month: 8,760 hours of a year / 12."""
NUMBER = r"\d+(?:\.\d+)?"


class Rate(NamedTuple):
    """An amount of money per unit."""

    amount: float
    currency: str
    """The ISO 4217 code, such as USD."""
    unit: str

    def __str__(self) -> str:
        """Write the rate as in a price file.

        >>> str(Rate(0.17, "USD", "h")), str(Rate(2e-05, "USD", "h"))
        ('0.17 USD/h', '0.00002 USD/h')
        """
        return f"{Decimal(repr(self.amount)).normalize():f} {self.currency}/{self.unit}"


def rate(text: Any, unit: str) -> Rate:
    """Parse a price per unit. Raises ValueError for another unit, and for anything that is not a price.

    >>> rate("0.02 USD/1M tokens", "1M tokens")
    Rate(amount=0.02, currency='USD', unit='1M tokens')
    """
    match = re.fullmatch(rf"({NUMBER})\s*([A-Z]{{3}})\s*/\s*{re.escape(unit)}", str(text).strip())
    if match is None:
        raise ValueError(f"a price of this kind is written as '0.17 USD/{unit}'")
    return Rate(float(match[1]), match[2], unit)


def _kind(unit: str) -> tuple[Any, ...]:
    schema = {"type": "string", "pattern": rf"^{NUMBER} [A-Z]{{3}}/{unit}$"}
    return PlainValidator(partial(rate, unit=unit)), PlainSerializer(str), WithJsonSchema(schema)


Hourly = Annotated[Rate, *_kind("h")]
GigabyteMonth = Annotated[Rate, *_kind("GB-month")]
"""A price per gigabyte and month, with 10^9 bytes per gigabyte."""
Tokens = Annotated[Rate, *_kind("1M tokens")]


class Block(BaseModel):
    """The base of all blocks of a price file; unknown words are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Priced(Block):
    """The source and date of a price, where they differ from those at the top of the file."""

    source: str | None = None
    date: datetime.date | None = None
    example: bool = False
    """Whether the price is only an example, which nobody published."""


class Host(Priced):
    """A rented machine."""

    price: Hourly
    vcpu: float | None = Field(default=None, gt=0)
    memory_gb: float | None = Field(default=None, gt=0)
    """The memory that the price includes, in 10^9 bytes."""
    with_gpu: bool = False
    """Whether the price includes a GPU."""
    machines: list[str] = []
    """The ids of the machines in results that have this price; `host` prices the others."""


class Gpu(Priced):
    """A GPU that is rented in addition to a host."""

    price: Hourly


class Gigabytes(Priced):
    """Memory or storage, priced per gigabyte and month."""

    price: GigabyteMonth


class Service(Priced):
    """A model behind an endpoint, priced per token."""

    input: Tokens
    output: Tokens | None = None
    """The price of generated tokens; None for a model that generates none, such as an embedding model."""


class Entry(NamedTuple):
    """A price, its path of keys in the price file, and the block that it belongs to."""

    path: tuple[str, ...]
    rate: Rate
    beside: Priced

    @property
    def title(self) -> str:
        """The name of the price, for people.

        >>> Entry(("models", "embedder", "input"), Rate(0.02, "USD", "1M tokens"), Priced()).title
        'model embedder, input'
        """
        kind, *rest = self.path
        return " ".join([kind.removesuffix("s") if rest else kind, ", ".join(rest)]).strip()


class Load(Block):
    """The monthly load of a system: either queries_per_month or queries_per_second."""

    queries_per_month: float | None = Field(default=None, gt=0)
    queries_per_second: float | None = Field(default=None, gt=0)
    documents: int | None = Field(default=None, ge=1)
    """The number of documents in the corpus; None: as many as were measured."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.queries_per_month is None) == (self.queries_per_second is None):
            raise ValueError("load needs either queries_per_month or queries_per_second")
        return self

    @property
    def rate(self) -> float:
        """The queries per second, evenly spread over the month."""
        return self.queries_per_second or (self.queries_per_month or 0) / (HOURS * 3600)

    @property
    def queries(self) -> float:
        """The queries per month."""
        return self.rate * HOURS * 3600


class Prices(Block):
    """All prices, in one currency. `host` and `gpu` are either a price or the name of one of `hosts` and `gpus`."""

    date: datetime.date | None = None
    source: str | None = None
    hosts: dict[str, Host] = {}
    gpus: dict[str, Gpu] = {}
    host: str | None = None
    """The price of the machine that the results were measured on."""
    gpu: str | None = None
    """The price of its GPU in addition to the host; None if the host includes it."""
    memory: Gigabytes | None = None
    """The price of memory beyond what the hosts include."""
    storage: Gigabytes | None = None
    models: dict[str, Service] = {}
    """The prices of models, by the name that the endpoint uses for the model."""
    load: Load | None = None

    @field_validator("host", "gpu", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        """Refuse a number without a unit."""
        return value if value is None or isinstance(value, str) else str(rate(value, "h"))

    @field_validator("host", "gpu")
    @classmethod
    def _known(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Check that the value is a price, or the name of a priced host or GPU."""
        if value is not None and "/" in value:
            rate(value, "h")
        elif value is not None:
            known: Mapping[str, Any] = info.data.get(f"{info.field_name}s", {})
            if value not in known:
                raise ValueError(f"no price is given for {value!r}; {nearest(value, known)}")
        return value

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        currencies = sorted({entry.rate.currency for entry in self.entries()})
        if not currencies:
            raise ValueError("no price is given")
        if len(currencies) > 1:
            raise ValueError(f"all prices must be in one currency, found {' and '.join(currencies)}")
        return self

    @property
    def currency(self) -> str:
        """The currency of all prices."""
        return next(entry.rate.currency for entry in self.entries())

    def entries(self) -> Iterator[Entry]:
        """Yield every price with its path in the file."""
        for word in ("host", "gpu"):
            if (text := getattr(self, word)) and "/" in text:
                yield Entry((word,), rate(text, "h"), Priced())
        for group in ("hosts", "gpus"):
            yield from (Entry((group, name), block.price, block) for name, block in getattr(self, group).items())
        for word in ("memory", "storage"):
            if (block := getattr(self, word)) is not None:
                yield Entry((word,), block.price, block)
        for name, model in self.models.items():
            yield Entry(("models", name, "input"), model.input, model)
            if model.output is not None:
                yield Entry(("models", name, "output"), model.output, model)

    def host_of(self, machine: str | None, *, here: bool) -> Host | None:
        """Return the host that prices a machine of the results; None if no host does.

        `here` tells whether it is the machine of the run, which `host` prices; other machines are listed by a host.
        """
        named = next((host for host in self.hosts.values() if machine in host.machines), None)
        if named is not None or not here or self.host is None:
            return named
        return self.hosts.get(self.host) or Host(price=rate(self.host, "h"))

    def gpu_price(self) -> Rate | None:
        """Return the price of a GPU in addition to the host; None if none is given."""
        if self.gpu is None or self.gpu in self.gpus:
            return None if self.gpu is None else self.gpus[self.gpu].price
        return rate(self.gpu, "h")

    def words(self) -> dict[str, Any]:
        """Return the prices as in a price file, for run.json; `of_words` reads them."""
        return self.model_dump(mode="json", exclude_defaults=True)


def of_words(words: Mapping[str, Any], file: str) -> Prices:
    """Read what `words` returned. Raises UserError if it is damaged."""
    try:
        return Prices.model_validate(words)
    except ValidationError as error:
        raise UserError(f"prices: {error.errors()[0]['msg']}", Place(file)) from None
