"""Price files: what they say, and one sentence with file, line and the nearest right word for every mistake."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SuiteError, UserError
from harness.prices import Load, Prices, Rate, of_words
from harness.suite import load_suite
from harness.suite.price_file import load_prices
from harness.suite.schema import suite_schema

SHIPPED = Path(__file__).parents[3] / "suites" / "prices.yaml"
GOOD = """
date: 2026-06-17
source: a page
host: small
gpu: 2.88 USD/h
hosts:
  small: {price: 0.36 USD/h, vcpu: 2, memory_gb: 8}
  large: {price: 1.44 USD/h, machines: [abc123], date: 2026-07-01, source: another page}
storage: {price: 0.08 USD/GB-month, example: true}
models:
  embedder: {input: 0.02 USD/1M tokens}
load: {queries_per_month: 2_628_000}
"""


def write(folder: Path, text: str) -> Path:
    (folder / "prices.yaml").write_text(text)
    return folder / "prices.yaml"


def test_a_price_file_says_what_it_means(tmp_path: Path) -> None:
    prices = load_prices(write(tmp_path, GOOD))
    assert prices.currency == "USD"
    assert prices.date == datetime.date(2026, 6, 17)
    assert prices.gpu_price() == Rate(2.88, "USD", "h")
    assert prices.models["embedder"].input.amount == 0.02
    assert prices.load is not None
    assert (prices.load.rate, prices.load.queries) == (1.0, 2_628_000.0)  # 730 h x 3,600 s


def test_a_host_stands_for_the_machine_of_the_run_or_for_those_it_names(tmp_path: Path) -> None:
    prices = load_prices(write(tmp_path, GOOD))
    here, named = prices.host_of("of the run", here=True), prices.host_of("abc123", here=False)
    assert (here and here.price.amount, named and named.price.amount) == (0.36, 1.44)
    assert prices.host_of("a third", here=False) is None


def test_the_words_of_run_json_are_the_same_prices(tmp_path: Path) -> None:
    prices = load_prices(write(tmp_path, GOOD))
    assert of_words(prices.words(), "run.json") == prices
    with pytest.raises(UserError, match=r"run\.json: prices: "):
        of_words({"host": "much"}, "run.json")


WRONG = {
    "misspelt": ("host", "hsot", 4, "unknown key 'hsot'; did you mean 'host'?"),
    "misspelt inside": ("vcpu", "vcpus", 7, "unknown key 'vcpus'; did you mean 'vcpu'?"),
    "misspelt in load": ("queries_per_month", "queries_a_month", 12, "did you mean 'queries_per_month'?"),
    "unit": ("0.36 USD/h", "0.36 USD/month", 7, "written as '0.17 USD/h', found '0.36 USD/month'"),
    "number alone": ("0.36 USD/h", "0.36", 7, "written as '0.17 USD/h', found 0.36"),
    "name of a host": ("host: small", "host: smal", 4, "no price is given for 'smal'; did you mean 'small'?"),
    "two currencies": ("0.36 USD", "0.36 EUR", 2, "one currency, found EUR and USD"),
    "no date": ("date: 2026-06-17\n", "", 4, "the price of gpu has no date"),
    "no source": ("source: a page\n", "", 4, "the price of gpu has no source; add source: URL, or example: true"),
    "no load": ("{queries_per_month: 2_628_000}", "{documents: 5}", 12, "queries_per_month or queries_per_second"),
    "negative": ("vcpu: 2", "vcpu: -2", 7, "vcpu: Input should be greater than 0"),
    "no yaml": ("host: small", "host: [", 6, "invalid YAML"),
}


@pytest.mark.parametrize(("right", "wrong", "line", "message"), WRONG.values(), ids=list(WRONG))
def test_a_mistake_is_named_with_its_line(tmp_path: Path, right: str, wrong: str, line: int, message: str) -> None:
    file = write(tmp_path, GOOD.replace(right, wrong, 1))
    with pytest.raises(SuiteError) as error:
        load_prices(file)
    assert message in str(error.value)
    assert error.value.place is not None
    assert error.value.place.file.endswith("prices.yaml")
    assert error.value.place.line == line, str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    with pytest.raises(SuiteError, match=r"no such price file; did you mean 'prices\.yaml'\?"):
        load_prices(file.with_name("price.yaml"))


def test_a_file_without_a_price_or_without_words(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="no price is given"):
        load_prices(write(tmp_path, "date: 2026-06-17"))
    with pytest.raises(SuiteError, match="a price file is a mapping"):
        load_prices(write(tmp_path, "- 0.17 USD/h"))


def test_queries_a_second() -> None:
    assert Load(queries_per_second=2).queries == 5_256_000  # 2 x 730 x 3,600


def test_a_suite_names_a_file_or_says_the_words(write_suite: Callable[..., Path], tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert load_suite(write_suite(head="prices: prices.yaml")).prices == load_prices(tmp_path / "prices.yaml")
    short = load_suite(write_suite(head="prices: {host: 0.17 USD/h}")).prices
    assert short == Prices(host="0.17 USD/h")
    assert load_suite(write_suite()).prices is None


def test_prices_are_in_no_fingerprint(write_suite: Callable[..., Path]) -> None:
    without = load_suite(write_suite()).fingerprint
    assert load_suite(write_suite(head="prices: {host: 0.17 USD/h}")).fingerprint == without


IN_A_SUITE = {
    "word": ("prices: {storge: 0.17 USD/h}", "unknown key 'storge'; did you mean 'storage'?"),
    "value": ("prices: {host: 0.17 USD/year}", "written as '0.17 USD/h'"),
    "file": ("prices: price.yaml", "no such price file 'price.yaml'; did you mean 'prices.yaml'?"),
    "number": ("prices: {host: 0.17}", "host: a price of this kind is written as '0.17 USD/h', found 0.17"),
    "kind": ("prices: 0.17", "prices must be a file or a mapping such as {host: 0.17 USD/h}"),
}


@pytest.mark.parametrize(("head", "message"), IN_A_SUITE.values(), ids=list(IN_A_SUITE))
def test_a_mistake_in_a_suite(write_suite: Callable[..., Path], tmp_path: Path, head: str, message: str) -> None:
    write(tmp_path, GOOD)
    with pytest.raises(SuiteError) as error:
        load_suite(write_suite(head=head))
    assert message in str(error.value)
    assert "toy.yaml:2" in str(error.value)


def test_the_schema_knows_prices() -> None:
    import jsonschema

    schema: dict[str, Any] = suite_schema()
    words = {**schema["properties"]["prices"], "$defs": schema["$defs"]}
    for good in ("prices.yaml", {"host": "0.17 USD/h"}, load_prices(SHIPPED).words()):
        jsonschema.validate(good, words)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"hots": "0.17 USD/h"}, words)


def test_the_shipped_prices_are_dated_and_say_where_they_stand() -> None:
    prices = load_prices(SHIPPED)
    entries = list(prices.entries())
    assert entries
    for entry in entries:
        assert entry.beside.date or prices.date, entry.title
        assert entry.beside.example or str(entry.beside.source).startswith("https://"), entry.title
