"""Nodes: their names, their side of the search, what their rows are made from, and runs without their filter."""

from __future__ import annotations

import pytest

from harness.registry import STAGES
from harness.stage import CorpusSource, Node, QueriesSource, answer_nodes
from harness.stage.node import query_side_name, row_noun, side_of, stage_names, unfiltered

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


def test_the_second_stage_of_a_name_is_numbered_on_each_side() -> None:
    other = Node(STAGES["encode/hashing"](dim=16), (CORPUS,))
    second = Node(STAGES["search/flat"](depth=3), SEARCH.stream, (Node(INDEXER, (other,)),))
    fused = Node(STAGES["fuse/rrf"](depth=3), (SEARCH, second))
    names = stage_names(node for node in answer_nodes(fused) if node.stream)
    assert names[SEARCH.stream[0].fingerprint] == "encode/hashing", "its documents do not count"
    documents = ["encode/hashing", "encode/hashing#2", "index/flat", "index/flat#2"]
    queries = ["encode/hashing", "fuse/rrf", "search/flat", "search/flat#2"]
    assert sorted(names.values()) == sorted([*documents, *queries])


def test_a_stage_of_both_sides_says_when_it_worked_on_queries() -> None:
    documents = ["encode/hashing", "encode/hashing#2", "index/flat"]
    assert query_side_name("encode/hashing", documents) == "encode/hashing of queries"
    assert query_side_name("search/flat", documents) == "search/flat"
