"""Money from the physical quantities of results and a price file: what queries, documents and months cost.

Every formula stands with its units in docs/cost.md. Nothing is guessed: where a quantity or a price is missing there is
no number, and a note that says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from harness.errors import relative
from harness.prices import HOURS, Host, Prices, of_words
from harness.results import Measurement, Results
from harness.results.layout import RUN

MAKING = ("build_seconds", "chunk_seconds", "reduce_seconds")
"""What took time for the documents, besides `encode_rate`."""
LOWER = "at 100 % utilisation (lower bound)"
ALONE = "tokens alone: the host was not timed"
GB = 1e9
UNNAMED = "an unnamed machine"


@dataclass(frozen=True)
class Costs:
    """What a system costs on a data set, in `currency`; None where it cannot be derived, and `notes` say why."""

    currency: str
    per_1m_queries: float | None = None
    per_1m_documents: float | None = None
    """Making the index of a million documents like those measured."""
    index_build: float | None = None
    """Making the index of the documents that were measured."""
    reindex: float | None = None
    """Of that, what a change of the models makes anew; 0 for a system without a model."""
    per_month: float | None = None
    """At the load that the price file says; indexing is not in it."""
    utilisation: float | None = None
    """Offered rate / highest rate of the hosts that answer it; None where no load is said or no such rate measured."""
    basis: str = ""
    """At which utilisation `per_1m_queries` holds: only numbers of one basis compare."""
    notes: tuple[str, ...] = ()
    """What is missing, and what for."""

    def rows(self) -> Iterator[tuple[str, float]]:
        """Give the amounts by quantity, as `usd_per_1m_queries`."""
        for name in ("per_1m_queries", "per_1m_documents", "index_build", "reindex", "per_month"):
            if (value := getattr(self, name)) is not None:
                yield f"{self.currency.lower()}_{name}", value


def costs(results: Results, prices: Prices) -> dict[tuple[str, str], Costs]:
    """Return what every system costs, by data set and system, in the order of the results."""
    found: dict[tuple[str, str], list[Measurement]] = {}
    for row in results.measurements:
        if row.value is not None:
            found.setdefault((row.dataset, row.system), []).append(row)
    return {key: _System(results, prices, key[0], rows).costs() for key, rows in found.items()}


class _Unpriced(Exception):
    """Why there is no number."""


class _Busy(NamedTuple):
    """What answering queries takes of hosts."""

    seconds: float
    """Of one host, for a query, at the utilisation that is said."""
    hosts: int
    """That the load takes; 1 where none is said."""
    utilisation: float | None
    basis: str
    machine: str | None


class _System:
    """One system on one data set: its rows, and the prices."""

    def __init__(self, results: Results, prices: Prices, dataset: str, rows: list[Measurement]) -> None:
        self.prices, self.load, self.rows = prices, prices.load, rows
        self.whole = {row.quantity: row for row in rows if row.stage is None}
        self.documents: int = (results.part("datasets").get(dataset) or {}).get("documents") or 0
        self.services: Mapping[str, str] = results.part("services")
        self.machine: str | None = results.part("machine").get("id")
        self.on_gpu = str(results.part("runtime").get("device", "")).startswith("cuda")
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
            "" if query is None else busy.basis if busy else ALONE,
            tuple(self.notes),
        )

    def noted(self, work: Callable[[], float | None]) -> float | None:
        """Do the arithmetic; note why it cannot be done."""
        try:
            return work()
        except _Unpriced as why:
            self.notes[str(why)] = None
            return None

    def busy(self) -> _Busy | None:
        """Say how long a query keeps a host, by the highest rate that was measured, else by the single stream.

        None where the system was not timed.
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
        """Return the money of one query: the host's time, and the tokens."""
        tokens = self.tokens("query")
        if busy is not None:
            return tokens + busy.seconds * self.second(busy.machine, gpu=self.on_gpu)
        if not tokens:
            raise _Unpriced("queries: the system was not timed")
        return tokens

    def made(self, rows: list[Measurement]) -> float:
        """Return the money of what was made of the documents: the time of the stages, and the tokens."""
        found = dict(_seconds(rows))
        if not found:
            raise _Unpriced("documents: no time of an encoder or an index is recorded")
        gpu = {_key(row): row.value or 0.0 for row in rows if row.quantity == "gpu_seconds"}
        money = self.tokens("document") * self.documents
        for key, (seconds, machine) in found.items():
            money += seconds * self.second(machine, gpu=False)
            if key in gpu:
                money += gpu[key] * (self.second(machine, gpu=True) - self.second(machine, gpu=False))
        return money

    def reindex(self) -> float:
        """Return the money of what a change of the models makes anew."""
        again = {_key(row) for row in self.rows if row.quantity == "reindex_seconds"}
        if again:
            return self.made([row for row in self.rows if _key(row) in again or row.quantity == "document_tokens"])
        if any(row.quantity == "encode_rate" for row in self.rows):
            raise _Unpriced("re-indexing: the run does not say what hangs on a model")
        return 0.0

    def month(self, busy: _Busy | None) -> float | None:
        """Return the money of a month at the load: hosts around the clock, tokens, memory, storage."""
        if self.load is None:
            return None
        money = self.tokens("query") * self.load.queries
        if busy is None:
            raise _Unpriced("the month: the system was not timed")
        money += busy.hosts * self.second(busy.machine, gpu=self.on_gpu) * HOURS * 3600
        scale = (self.load.documents or self.documents) / self.documents if self.documents else 1.0
        return money + busy.hosts * (self.memory(busy.machine, scale) + self.storage(scale))

    def memory(self, machine: str | None, scale: float) -> float:
        """Return the money of a month of the memory that an index takes beyond what comes with the host."""
        held = self.whole.get("index_memory_bytes")
        size = (held.value or 0.0) * scale / GB if held else 0.0
        included = self.host(machine).memory_gb
        if self.prices.memory is None:
            if included is not None and size > included:
                raise _Unpriced(f"the month: the index takes {size:.3g} GB of memory, the host has {included:g} GB")
            return 0.0
        return max(0.0, size - (included or 0.0)) * self.prices.memory.price.amount

    def storage(self, scale: float) -> float:
        """Return the money of a month of the storage of indexes, and of vectors that a reranker reads."""
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
        """Return the money of the tokens that services take for a query or a document, those they write too."""
        written = {_key(row): row.value or 0.0 for row in self.rows if row.quantity == "written_tokens"}
        money = 0.0
        for row in self.rows:
            model = self.services.get(row.fingerprint or "")
            if model is None or row.quantity != f"{side}_tokens" or row.value is None:
                continue
            price = self.prices.models.get(model)
            if price is None:
                raise _Unpriced(f"no price of the model {model!r}")
            out = written.get(_key(row), 0.0)
            if out and price.output is None:
                raise _Unpriced(f"no price of what the model {model!r} writes")
            if price.output and not out:
                self.notes[f"what the model {model!r} writes is not counted apart, and priced as what it reads"] = None
            money += (row.value - out) * price.input.amount / 1e6
            money += out * price.output.amount / 1e6 if price.output else 0.0
        return money

    def host(self, machine: str | None) -> Host:
        """Return the price of a machine; a row that names none is of the machine of the run."""
        found = self.prices.host_of(machine, here=machine in (None, self.machine))
        if found is None:
            raise _Unpriced(f"no price of {machine or self.machine or UNNAMED}")
        return found

    def second(self, machine: str | None, *, gpu: bool) -> float:
        """Return the money of a second of a machine, with its GPU where `gpu` says so."""
        host = self.host(machine)
        hour = host.price.amount
        if gpu and not host.with_gpu:
            beside = self.prices.gpu_price()
            if beside is None:
                raise _Unpriced(f"no price of the GPU of {machine or self.machine or UNNAMED}")
            hour += beside.amount
        return hour / 3600


def _key(row: Measurement) -> tuple[str | None, str | None]:
    return row.stage, row.fingerprint


def _seconds(rows: list[Measurement]) -> Iterator[tuple[tuple[str | None, str | None], tuple[float, str | None]]]:
    """Give what took time for the documents: the stage, the seconds, the machine."""
    for row in rows:
        if row.quantity == "encode_rate" and row.value and row.n:
            yield _key(row), (row.n / row.value, row.machine)
        elif row.quantity in MAKING and row.value is not None:
            yield _key(row), (row.value, row.machine)


@dataclass(frozen=True)
class Money:
    """What the systems of one run cost, and by which prices."""

    prices: Prices
    costs: Mapping[tuple[str, str], Costs]

    def on(self, dataset: str) -> dict[str, Costs]:
        """Return what the systems cost on a data set, by system."""
        return {system: one for (where, system), one in self.costs.items() if where == dataset}

    def rows(self) -> Iterator[Measurement]:
        """Give the amounts as rows; `reason` says at which utilisation those of queries hold."""
        for (dataset, system), one in self.costs.items():
            for quantity, value in one.rows():
                basis = one.basis if quantity.endswith("per_1m_queries") else None
                yield Measurement(dataset, system, None, quantity, value, one.currency, reason=basis)


def money_of(results: Results, prices: Prices | None = None) -> Money | None:
    """Derive money from `prices`, else from those that stand in the run; None where there are none.

    Raises UserError where those of the run are damaged.
    """
    if prices is None and (words := results.part("prices")):
        prices = of_words(words, relative(results.folder / RUN))
    return Money(prices, costs(results, prices)) if prices else None
