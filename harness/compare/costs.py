"""Money derived from the quantities of results and a price file: the cost of queries, of indexing and of a month.

docs/cost.md lists every formula with its units. Nothing is guessed: if a quantity or a price is missing, there is no
number, and a note says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from harness.errors import relative
from harness.prices import HOURS, Host, Prices, of_words
from harness.results import Measurement, Results
from harness.results.facts import DatasetFacts
from harness.results.layout import RUN

MAKING = ("build_seconds", "chunk_seconds", "reduce_seconds")
"""The quantities of the time spent on documents, besides `encode_rate`."""
LOWER = "at 100 % utilisation (lower bound)"
TOKENS_ONLY = "tokens alone: the host was not timed"
GB = 1e9


@dataclass(frozen=True)
class Costs:
    """The costs of a system on a data set, in `currency`; None if a cost cannot be derived, and `notes` say why."""

    currency: str
    per_1m_queries: float | None = None
    per_1m_documents: float | None = None
    """The cost of indexing a million documents like those measured."""
    index_build: float | None = None
    """The cost of indexing the documents that were measured."""
    reindex: float | None = None
    """The part of it that is due again when a model changes; 0 for a system without a model."""
    per_month: float | None = None
    """The cost of a month at the load of the price file, without indexing."""
    utilisation: float | None = None
    """The offered rate over the highest rate of the hosts that serve it; None without a load or such a measurement."""
    basis: str = ""
    """The utilisation that `per_1m_queries` assumes: only numbers with the same basis can be compared."""
    notes: tuple[str, ...] = ()
    """What is missing, and for which number."""

    def rows(self) -> Iterator[tuple[str, float]]:
        """Yield the name of each quantity, such as `usd_per_1m_queries`, with its amount."""
        for name in ("per_1m_queries", "per_1m_documents", "index_build", "reindex", "per_month"):
            if (value := getattr(self, name)) is not None:
                yield f"{self.currency.lower()}_{name}", value


def costs(results: Results, prices: Prices) -> dict[tuple[str, str], Costs]:
    """Return the costs of every system, by data set and system, in the order of the results."""
    rows_of: dict[tuple[str, str], list[Measurement]] = {}
    for row in results.measurements:
        if row.value is not None:
            rows_of.setdefault((row.dataset, row.system), []).append(row)
    return {key: _System(results, prices, key[0], rows).costs() for key, rows in rows_of.items()}


class _Unpriced(Exception):
    """A cost cannot be derived; the message is the note that says why."""


class _Busy(NamedTuple):
    """The host time that queries take."""

    seconds: float
    """The time of one host per query, at the utilisation that `basis` states."""
    hosts: int
    """The number of hosts that the load takes; 1 without a load."""
    utilisation: float | None
    basis: str
    machine: str | None


class _System:
    """The rows of one system on one data set, and the prices."""

    def __init__(self, results: Results, prices: Prices, dataset: str, rows: list[Measurement]) -> None:
        self.prices, self.load, self.rows = prices, prices.load, rows
        self.whole = {row.quantity: row for row in rows if row.stage is None}
        facts = results.facts
        self.documents = facts.datasets.get(dataset, DatasetFacts()).documents or 0
        self.services: Mapping[str, str] = facts.services
        self.machine = facts.machine.id
        self.on_gpu = (facts.runtime.device or "").startswith("cuda")
        self.notes: dict[str, None] = {}

    def costs(self) -> Costs:
        busy = self.busy()
        query, build = self.noted(lambda: self.query(busy)), self.noted(lambda: self.made(self.rows))
        return Costs(
            self.prices.currency,
            None if query is None else query * 1e6,
            build / self.documents * 1e6 if build is not None and self.documents else None,
            build,
            self.noted(self.reindex),
            self.noted(lambda: self.month(busy)),
            busy.utilisation if busy else None,
            "" if query is None else busy.basis if busy else TOKENS_ONLY,
            tuple(self.notes),
        )

    def noted(self, work: Callable[[], float | None]) -> float | None:
        """Return the result of the arithmetic; if it cannot be done, note why and return None."""
        try:
            return work()
        except _Unpriced as why:
            self.notes[str(why)] = None
            return None

    def busy(self) -> _Busy | None:
        """Return the host time of a query, from the highest measured rate or else from the single stream.

        None if the system was not timed.
        """
        highest, mean = self.whole.get("server_max_rate"), self.whole.get("latency_mean")
        offered = self.load.rate if self.load else 0.0
        if highest and highest.value:
            hosts = max(1, math.ceil(offered / highest.value))
            full = hosts * highest.value
            if not offered:
                basis = f"{LOWER} of the highest rate within its bound"
                return _Busy(1 / highest.value, 1, None, basis, highest.machine)
            basis = f"at {offered:.3g} queries/s"
            return _Busy(hosts / offered, hosts, offered / full, basis, highest.machine)
        if mean and mean.value:
            seconds = mean.value / 1000
            return _Busy(seconds, max(1, math.ceil(offered * seconds)), None, LOWER, mean.machine)
        return None

    def query(self, busy: _Busy | None) -> float:
        """Return the cost of one query: host time and tokens."""
        tokens = self.tokens("query")
        if busy is not None:
            return tokens + busy.seconds * self.second(busy.machine, gpu=self.on_gpu)
        if not tokens:
            raise _Unpriced("queries: the system was not timed")
        return tokens

    def made(self, rows: list[Measurement]) -> float:
        """Return the cost of processing the documents: the time of the stages and the tokens."""
        took = dict(_seconds(rows))
        if not took:
            raise _Unpriced("documents: no time of an encoder or an index is recorded")
        gpu = {_key(row): row.value or 0.0 for row in rows if row.quantity == "gpu_seconds"}
        money = self.tokens("document") * self.documents
        for key, (seconds, machine) in took.items():
            money += seconds * self.second(machine, gpu=False)
            if key in gpu:
                money += gpu[key] * (self.second(machine, gpu=True) - self.second(machine, gpu=False))
        return money

    def reindex(self) -> float:
        """Return the cost of what has to be repeated when a model changes."""
        again = {_key(row) for row in self.rows if row.quantity == "reindex_seconds"}
        if again:
            return self.made([row for row in self.rows if _key(row) in again or row.quantity == "document_tokens"])
        if any(row.quantity == "encode_rate" for row in self.rows):
            raise _Unpriced("re-indexing: the run does not say what depends on a model")
        return 0.0

    def month(self, busy: _Busy | None) -> float | None:
        """Return the cost of a month at the load: hosts around the clock, tokens, memory and storage."""
        if self.load is None:
            return None
        money = self.tokens("query") * self.load.queries
        if busy is None:
            raise _Unpriced("the month: the system was not timed")
        money += busy.hosts * self.second(busy.machine, gpu=self.on_gpu) * HOURS * 3600
        scale = (self.load.documents or self.documents) / self.documents if self.documents else 1.0
        return money + busy.hosts * (self.memory(busy.machine, scale) + self.storage(scale))

    def memory(self, machine: str | None, scale: float) -> float:
        """Return the monthly cost of the memory that an index needs beyond what comes with the host."""
        index = self.whole.get("index_memory_bytes")
        size = (index.value or 0.0) * scale / GB if index else 0.0
        included = self.host(machine).memory_gb
        if self.prices.memory is None:
            if included is not None and size > included:
                raise _Unpriced(f"the month: the index takes {size:.3g} GB of memory, the host has {included:g} GB")
            return 0.0
        return max(0.0, size - (included or 0.0)) * self.prices.memory.price.amount

    def storage(self, scale: float) -> float:
        """Return the monthly cost of storing indexes, and vectors that a reranker reads."""
        if self.prices.storage is None:
            return 0.0
        index = self.whole.get("index_bytes")
        size = (index.value or 0.0) if index else 0.0
        read = {row.fingerprint for row in self.rows if row.quantity == "vector_bytes" and row.stage is not None}
        size += sum(
            row.value or 0.0 for row in self.rows if row.quantity == "artifact_bytes" and row.fingerprint in read
        )
        return size * scale / GB * self.prices.storage.price.amount

    def tokens(self, side: str) -> float:
        """Return the cost of the tokens that services read and write for a query or a document."""
        written = {_key(row): row.value or 0.0 for row in self.rows if row.quantity == "written_tokens"}
        money = 0.0
        for row in self.rows:
            model = self.services.get(row.fingerprint or "")
            if model is None or row.quantity != f"{side}_tokens" or row.value is None:
                continue
            price = self.prices.models.get(model)
            if price is None:
                raise _Unpriced(f"no price for the model {model!r}")
            out = written.get(_key(row), 0.0)
            if out and price.output is None:
                raise _Unpriced(f"no price for the tokens that the model {model!r} writes")
            if price.output and not out:
                note = (
                    f"tokens that the model {model!r} writes are not counted separately, but priced as tokens it reads"
                )
                self.notes[note] = None
            money += (row.value - out) * price.input.amount / 1e6
            money += out * price.output.amount / 1e6 if price.output else 0.0
        return money

    def host(self, machine: str | None) -> Host:
        """Return the price of a machine; None means the machine of the run."""
        host = self.prices.host_of(machine, here=machine in (None, self.machine))
        if host is None:
            raise _Unpriced(f"no price for {self.name_of(machine)}")
        return host

    def name_of(self, machine: str | None) -> str:
        """Return the name of a machine in a note; None means the machine of the run."""
        name = machine or self.machine
        return f"the machine {name}" if name else "an unnamed machine"

    def second(self, machine: str | None, *, gpu: bool) -> float:
        """Return the price of a second of a machine, with its GPU if `gpu` is set."""
        host = self.host(machine)
        hour = host.price.amount
        if gpu and not host.with_gpu:
            gpu_price = self.prices.gpu_price()
            if gpu_price is None:
                raise _Unpriced(f"no price for the GPU of {self.name_of(machine)}")
            hour += gpu_price.amount
        return hour / 3600


def _key(row: Measurement) -> tuple[str | None, str | None]:
    return row.stage, row.fingerprint


def _seconds(rows: list[Measurement]) -> Iterator[tuple[tuple[str | None, str | None], tuple[float, str | None]]]:
    """Yield the time that each stage spent on the documents: stage, seconds and machine."""
    for row in rows:
        if row.quantity == "encode_rate" and row.value and row.n:
            yield _key(row), (row.n / row.value, row.machine)
        elif row.quantity in MAKING and row.value is not None:
            yield _key(row), (row.value, row.machine)


@dataclass(frozen=True)
class Money:
    """The costs of the systems of one run, and the prices they follow from."""

    prices: Prices
    costs: Mapping[tuple[str, str], Costs]

    def on(self, dataset: str) -> dict[str, Costs]:
        """Return the costs on a data set, by system."""
        return {system: costs for (name, system), costs in self.costs.items() if name == dataset}

    def rows(self) -> Iterator[Measurement]:
        """Yield the amounts as rows; `reason` is the basis of the cost of queries."""
        for (dataset, system), costs in self.costs.items():
            for quantity, value in costs.rows():
                basis = costs.basis if quantity.endswith("per_1m_queries") else None
                yield Measurement(dataset, system, None, quantity, value, costs.currency, reason=basis)


def money_of(results: Results, prices: Prices | None = None) -> Money | None:
    """Derive costs from `prices`, or else from the prices in the run; None if there are none.

    Raises UserError if the prices in the run are damaged.
    """
    if prices is None and results.facts.prices:
        prices = of_words(results.facts.prices, relative(results.folder / RUN))
    return Money(prices, costs(results, prices)) if prices else None
