"""The chat of an endpoint against a real server on loopback: what is sent and read, threads, the bill, the budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from harness.errors import UserError
from harness.meter import Bill
from harness.models import endpoint
from harness.models.chat import Answer, Chat, ChatSettings, each, written
from harness.models.endpoint import BadAnswer
from tests.makers.served import KEY, Served, serve

pytest.importorskip("openai")
HELLO = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "say three words"}]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.001)
    with serve() as server:
        yield server


def chat(served: Served, bill: Bill | None = None, **settings: Any) -> Chat:
    said = {"base_url": served.url, "model": "echo", "key": "LOOPBACK_KEY", **settings}
    return Chat(ChatSettings(**said), bill or Bill())


def ask(asked: Chat, text: str = "say three words") -> Answer:
    return asked.ask([*HELLO[:1], {"role": "user", "content": text}], max_tokens=20, temperature=0.0, seed=7)


def test_what_is_sent_and_what_comes_back(served: Served) -> None:
    assert ask(chat(served)) == Answer("say three words", 5, 3)
    settings = {"model": "echo", "messages": HELLO, "temperature": 0.0, "seed": 7}
    assert served.requests[0] == {**settings, "max_tokens": 20}
    assert served.keys == [f"Bearer {KEY}"]
    other = chat(served, limit_word="max_completion_tokens", extra_body={"reasoning_effort": "low"})
    other.ask(HELLO, max_tokens=9, temperature=None, seed=None)
    plain = {"model": "echo", "messages": HELLO, "max_completion_tokens": 9, "reasoning_effort": "low"}
    assert served.requests[1] == plain
    served.usage = False
    assert ask(chat(served)) == Answer("say three words", None, None)


@pytest.mark.parametrize("fault", ["429", "500", "half", "half, closed", "few"])
def test_a_fault_that_passes_leaves_no_trace(served: Served, fault: str) -> None:
    served.faults = [fault, fault]
    assert ask(chat(served)).text == "say three words"


@pytest.mark.parametrize(
    ("fault", "message"), [("503", "answered 503"), ("few", "no message"), ("half", "no complete answer")]
)
def test_a_fault_that_stays_is_one_clear_message(served: Served, fault: str, message: str) -> None:
    served.faults = [fault] * 3
    with pytest.raises(UserError, match=f"gave no answer in 3 attempt.*{message}") as caught:
        ask(chat(served, retries=2))
    assert "\n" not in str(caught.value) and KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (" yes\n", "yes"),
        (None, ""),
        ("<think>perhaps [2]?</think>\n[1]", "[1]"),
        ("perhaps?</think>[1]", "[1]"),
        ("<think>it goes on and on", ""),
    ],
)
def test_thoughts_are_no_part_of_the_answer(content: str | None, text: str) -> None:
    assert written({"choices": [{"message": {"content": content}}]}) == text


def test_no_message_is_no_answer() -> None:
    for said in ({}, {"choices": []}, {"choices": None}, {"choices": [{"message": {"content": ["a"]}}]}):
        with pytest.raises(BadAnswer):
            written(said)


def test_what_it_reads_and_writes_has_a_price_each(served: Served) -> None:
    bill = Bill()
    served.faults = ["few"]
    ask(chat(served, bill, usd_per_1m_input_tokens=10.0, usd_per_1m_output_tokens=100.0))
    assert bill.total.tokens == 16, "an answer that was of no use is paid for too"
    assert bill.total.usd == pytest.approx(2 * (5 * 10e-6 + 3 * 100e-6))


def test_a_budget_is_held_by_the_most_that_an_answer_may_take(served: Served) -> None:
    most = endpoint.bound(["be brief", "say three words"]) + 3 * 16 + 20
    ask(chat(served, budget={"tokens": most}))
    with pytest.raises(UserError, match=rf"budget of .* is {most - 1} tokens: 0 are spent.*may take {most}"):
        ask(chat(served, budget={"tokens": most - 1}))
    prices = {"usd_per_1m_input_tokens": 0.0, "usd_per_1m_output_tokens": 1000.0}
    ask(chat(served, budget={"usd": 0.02}, **prices))
    with pytest.raises(UserError, match=r"is 0\.019 USD: 0 are spent, and the next texts may take 0\.02"):
        ask(chat(served, budget={"usd": 0.019}, **prices))
    with pytest.raises(ValueError, match="needs a price: set usd_per_1m_output_tokens"):
        chat(served, budget={"usd": 1.0}, usd_per_1m_input_tokens=1.0)
    assert len(served.requests) == 2


def test_threads_wait_for_room_and_keep_to_the_budget(served: Served) -> None:
    most = endpoint.bound(["be brief", "say three words"]) + 3 * 16 + 20
    bill = Bill()
    asked = chat(served, bill, budget={"tokens": most + 19 * 8})
    answers = each(lambda _: ask(asked), range(20), parallel=8)
    assert [answer.text for answer in answers] == ["say three words"] * 20
    assert bill.total.tokens == 20 * 8
    with pytest.raises(UserError, match="budget"):
        each(lambda _: ask(asked), range(20), parallel=8)
    assert bill.total.tokens <= most + 19 * 8


def test_answers_come_in_order_and_several_at_once() -> None:
    together = threading.Barrier(4, timeout=10)

    def work(item: int) -> int:
        together.wait()
        time.sleep(0.001 * (8 - item))
        return item * item

    assert each(work, range(8), parallel=4) == [item * item for item in range(8)]
    assert each(work, [], parallel=4) == []


def test_a_failure_leaves_what_was_not_begun() -> None:
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 2:
            raise UserError("two")
        time.sleep(0.01)
        return item

    with pytest.raises(UserError, match="two"):
        each(work, range(1000), parallel=1)
    assert len(begun) < 1000


def test_a_failure_stops_what_is_under_way(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 60.0)
    asked, failed = chat(served), threading.Event()

    def work(item: int) -> Answer:
        if item:
            served.faults = ["500"]
            failed.set()
            return ask(asked)
        failed.wait(10)
        while served.faults:
            time.sleep(0.01)
        raise UserError("the first")

    start = time.monotonic()
    with pytest.raises(UserError, match="the first"):
        each(work, [0, 1], 2, asked.stop)
    assert time.monotonic() - start < 30, "nobody waits for an attempt that will not be made"
    with pytest.raises(UserError, match="no more requests go to the endpoint"):
        ask(asked)
