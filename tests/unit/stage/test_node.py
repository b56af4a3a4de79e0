"""Nodes: their names, their side of the search, what their rows are made from, and runs without their filter."""

from __future__ import annotations

import pytest

from harness.registry import STAGES
from harness.stage import CorpusSource, Node, QueriesSource
from harness.stage.node import row_noun, side_of, unfiltered

CORPUS, QUERIES = Node(CorpusSource(content="c")), Node(QueriesSource(content="q"))
PASSAGES = Node(STAGES["chunk/sentences"](size=2), (CORPUS,))
ENCODER, INDEXER = STAGES["encode/hashing"](dim=8), STAGES["index/flat"]()
SEARCH = Node(
    STAGES["search/flat"](depth=3),
    (Node(ENCODER, (QUERIES,)),),
    (Node(INDEXER, (Node(ENCODER, (CORPUS,)),)),),
)


def test_the_name_is_the_role_and_the_word() -> None:
    assert [node.name for node in (CORPUS, PASSAGES, SEARCH)] == ["source/corpus", "chunk/sentences", "search/flat"]


@pytest.mark.parametrize(
    ("node", "side"),
    [
        (QUERIES, "query"),
        (SEARCH, "query"),
        (SEARCH.stream[0], "query"),
        (CORPUS, "document"),
        (PASSAGES, "document"),
        (SEARCH.static[0], "document"),
    ],
    ids=lambda value: value.name if isinstance(value, Node) else value,
)
def test_the_side_is_that_of_the_source_of_the_stream(node: Node, side: str) -> None:
    assert side_of(node) == side


@pytest.mark.parametrize(("texts", "noun"), [(CORPUS, "document"), (PASSAGES, "passage")])
def test_rows_of_texts_vectors_and_indexes_are_made_from_documents_or_passages(texts: Node, noun: str) -> None:
    vectors = Node(ENCODER, (texts,))
    assert [row_noun(node) for node in (texts, vectors, Node(INDEXER, (vectors,)))] == [noun] * 3


def test_a_run_is_taken_from_before_its_filter() -> None:
    filtered = Node(STAGES["filter/identical_ids"](depth=2), (SEARCH,), (CORPUS, QUERIES))
    assert unfiltered(filtered) is SEARCH
    assert unfiltered(SEARCH) is SEARCH
