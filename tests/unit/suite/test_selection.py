"""The systems that others are built from, and the part of a suite that a command selects."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import Place, SuiteError, UserError
from harness.suite import Step, System, load_suite
from harness.suite.selection import models_of, select
from harness.suite.systems import closure

Write = Callable[..., Path]
PLACE = Place("suite.yaml", 1)


def system(name: str, *sources: str) -> System:
    steps = (Step("fuse", "rrf", PLACE, of=sources),) if sources else (Step("index", "bm25", PLACE),)
    return System(name, steps, (), PLACE)


def named(*systems: System) -> dict[str, System]:
    return {one.name: one for one in systems}


def test_each_system_follows_those_it_is_built_from() -> None:
    systems = named(system("c", "b", "a"), system("b", "a"), system("a"), system("d", "a", "c"), system("alone"))
    assert list(closure(["c"], systems)) == ["a", "b", "c"]
    assert list(closure(["d", "c", "alone"], systems)) == ["a", "b", "c", "d", "alone"]
    assert list(closure(systems, systems)) == ["a", "b", "c", "d", "alone"]
    assert closure([], systems) == {}


def test_a_long_chain_of_two_way_fusions_takes_no_time() -> None:
    """Both inputs of every fusion lead to all systems before it: a walk that forgets would need 2^2000 visits."""
    chain = [system("s0"), *(system(f"s{i}", f"s{i - 1}", f"s{max(i - 2, 0)}") for i in range(1, 2001))]
    start = time.perf_counter()
    assert list(closure(["s2000"], named(*chain))) == [one.name for one in chain]
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("systems", "message"),
    [
        (named(system("a", "a")), "the system 'a' is built from itself: a → a"),
        (named(system("a", "b"), system("b", "c"), system("c", "b")), "the system 'b' is built from itself: b → c → b"),
        (named(system("dense"), system("a", "dens")), "the suite has no system 'dens'; did you mean 'dense'?"),
    ],
)
def test_cycles_and_unknown_systems_are_refused(systems: dict[str, System], message: str) -> None:
    with pytest.raises(SuiteError) as error:
        closure(systems, systems)
    assert str(error.value) == f"suite.yaml:1: {message}"


def test_a_selection_has_all_that_its_systems_need(write_suite: Write) -> None:
    models = "models: {one: {path: a}, two: {path: b}}"
    systems = (
        "  dense: [{encode: dense, model: one}, {index: flat}]\n  other: [{encode: dense, model: two}, {index: flat}]\n"
        "  theirs: [{runfile: 'theirs-{dataset}.trec'}]\n  both: [{fuse: rrf, of: [dense, theirs]}]\n"
        "  more: [{from: both}]"
    )
    suite = load_suite(write_suite(systems, head=models))
    selection = select(suite, ["more"])
    assert (list(selection.systems), list(selection.datasets), list(selection.models)) == (["more"], ["toy"], ["one"])
    assert list(selection.run_files) == [("toy", "theirs-{dataset}.trec")]
    assert list(select(suite, ["other"]).models) == ["two"] and not select(suite, ["other"]).run_files
    assert list(select(suite).systems) == list(suite.systems)
    assert list(models_of(suite, ["both", "other"])) == ["one", "two"]


def test_a_data_set_for_tuning_is_selected_with_the_step_that_needs_it(write_suite: Write, tmp_path: Path) -> None:
    path = write_suite(
        "  bm25: [{index: bm25}]\n  theirs: [{runfile: 'r-{dataset}'}]\n"
        "  tuned: [{fuse: rrf, of: [bm25, theirs], tune: {k: [1, 60], train: train, measure: nDCG@10}}]"
    )
    text = path.read_text()
    path.write_text(text.replace("datasets:", "datasets:\n  train: {source: beir, path: toy}", 1))
    suite = load_suite(path)
    assert suite.tuning_datasets == {"train"}
    tuned = select(suite, ["tuned"])
    assert (list(tuned.datasets), list(tuned.tuning_datasets)) == (["toy"], ["train"])
    assert set(tuned.run_files) == {("toy", "r-{dataset}"), ("train", "r-{dataset}")}
    alone = select(suite, ["theirs"])
    assert (alone.tuning_steps, alone.tuning_datasets) == ((), {})
    assert set(alone.run_files) == {("toy", "r-{dataset}")}
    with pytest.raises(UserError, match="the data set 'train' is for tuning only"):
        select(suite, datasets=["train"])
