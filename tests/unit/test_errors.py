"""Errors name the place, and the right word."""

import re
from pathlib import Path

import pytest

from harness import errors
from harness.errors import (
    LISTED,
    DataError,
    HarnessError,
    MissingLibrary,
    Place,
    RepeatedId,
    StoreError,
    SuiteError,
    UnknownName,
    UserError,
    nearest,
    relative,
)


@pytest.mark.parametrize(
    ("place", "text"),
    [(Place("a.yaml"), "a.yaml"), (Place("a.yaml", 3), "a.yaml:3"), (Place("a.yaml", 3, 7), "a.yaml:3:7")],
)
def test_a_place_reads_as_compilers_write_it(place, text):
    assert str(place) == text
    error = SuiteError("what is this?", place)
    assert str(error) == f"{text}: what is this?"
    assert (error.message, error.place) == ("what is this?", place)


def test_without_a_place_the_message_stands_alone():
    assert str(UserError("no")) == "no"


def test_the_tree():
    for kind in (SuiteError, DataError, UnknownName, MissingLibrary):
        assert issubclass(kind, UserError)
    assert issubclass(RepeatedId, DataError)
    assert issubclass(UserError, HarnessError)
    assert issubclass(StoreError, HarnessError)
    assert not issubclass(StoreError, UserError)


def test_the_tree_in_the_docstring_is_the_tree_of_classes():
    def drawn(kind, depth=0):
        yield depth, kind.__name__
        for child in kind.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from drawn(child, depth + 1)

    lines = re.findall(r"^    ([ │├└─]*)(\w+)", errors.__doc__, re.MULTILINE)
    assert [(len(line) // 4, name) for line, name in lines] == list(drawn(HarnessError))


def test_missing_library_says_how_to_install_it():
    assert str(MissingLibrary("ranx", "ranx", "the stage 'fuse: ranx/x'")) == (
        "the stage 'fuse: ranx/x' needs the library 'ranx', which is not installed: "
        "pip install 'retrieval-harness[ranx]'"
    )


@pytest.mark.parametrize(
    ("word", "words", "answer"),
    [
        ("BM25", ["bm25", "flat"], "did you mean 'bm25'?"),
        ("ndcg@10", ["nDCG@10", "RR@10"], "did you mean 'nDCG@10'?"),
        ("denes", iter(["dense", "sparse"]), "did you mean 'dense'?"),
        ("q", [], "none is known"),
        ("qqqq", [7, "a"], "known: '7', 'a'"),
    ],
)
def test_nearest(word, words, answer):
    assert nearest(word, words) == answer


def test_nearest_lists_no_more_than_can_be_read():
    answer = nearest("?", (f"name{number:03}" for number in range(LISTED + 30)))
    assert answer.endswith(f"'name{LISTED - 1:03}' and 30 more")


def test_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert relative(tmp_path / "a/b") == str(Path("a/b"))
    assert relative(tmp_path.parent) == str(tmp_path.parent)
