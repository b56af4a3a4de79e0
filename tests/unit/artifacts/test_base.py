"""What flows between stages keeps its contract: order, identity, slices, and what is written is read back."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.artifacts.index import Index
from harness.artifacts.judgements import Judgement, Qrels, QueryReference, References
from harness.artifacts.model import Model
from harness.artifacts.run import NONE, Run, sort_keys, split_keys
from harness.artifacts.scores import Scores
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.errors import DataError, RepeatedId

PAIRS = [("b", "two"), ("a", ""), ("\U00010000", "beyond"), ("\uffff", "last of the plane"), ("é", "ß"), ("Z", "x y")]


def test_corpus_stands_in_the_order_of_its_bytes():
    ids = Corpus.of(PAIRS).ids
    assert ids == sorted(key for key, _ in PAIRS)
    assert ids == [key.decode() for key in sorted(key.encode() for key, _ in PAIRS)]  # as strcmp compares
    assert ids.index("\uffff") < ids.index("\U00010000")  # UTF-16 would say otherwise


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, max_size=20))
def test_any_ids_stand_in_the_order_of_their_bytes(ids):
    assert Corpus.of((key, "") for key in ids).ids == sorted(ids, key=str.encode)


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_checksum_knows_neither_order_nor_chunks(monkeypatch, batch):
    whole = Corpus.of(PAIRS).checksum()
    monkeypatch.setattr("harness.artifacts.text.BATCH", batch)
    shuffled = PAIRS[:]
    random.Random(batch).shuffle(shuffled)
    corpus = Corpus.of(shuffled)
    assert corpus.checksum() == whole
    assert corpus.texts[corpus.ids.index("b")] == "two"


def test_checksum_of_a_slice_is_that_of_a_fresh_corpus():
    corpus = Corpus.of(PAIRS)
    rows = sorted(PAIRS)
    for start in range(len(PAIRS)):
        for stop in range(start, len(PAIRS) + 1):
            assert corpus.take(slice(start, stop)).checksum() == Corpus.of(rows[start:stop]).checksum()


def test_rows_of_a_whole_are_given_to_a_new_object():
    part = Vectors(np.zeros((2, 3), np.float32))
    moved = part.at_rows(range(5, 7))
    assert (moved.rows, part.rows) == (range(5, 7), range(2))
    assert moved.array is part.array
    with pytest.raises(ValueError, match=r"2 rows cannot be the rows range\(0, 3\)"):
        part.at_rows(range(3))


def test_checksum_is_pinned():
    assert Corpus.of(PAIRS).checksum() == "00e9fc5068faf56eb29f04392cf663dee3d8fd906eb3dd7091127844b90bcc3f"
    assert Corpus.of([]).checksum() == "9fb03d22515ca48e57b578de80bbc1e75d5126dbb2de6db177947c3da3b2276f"
    assert (
        Qrels.of([("q", "d", 1), ("q", "c", -1)]).checksum()
        == "d5e7cabf63e95f0535afd89fb0d63840301d218982ab71231c53e5dba4a861f4"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([("a", "bc")], [("ab", "c")]),
        ([("a", "b"), ("c", "d")], [("a", "bd"), ("c", "")]),
        ([("a", "b")], [("a", "b "), ("b", "")]),
        ([], [("a", "")]),
    ],
)
def test_checksum_tells_contents_apart(one, other):
    assert Corpus.of(one).checksum() != Corpus.of(other).checksum()


@pytest.mark.parametrize("pairs", [PAIRS, [], [("a", "")], [("a", ""), ("b", "")]])
def test_texts_read_back(tmp_path, pairs):
    corpus = Corpus.of(pairs)
    corpus.save(tmp_path)
    again = Corpus.load(tmp_path)
    assert (again.ids, again.texts, again.rows) == (corpus.ids, corpus.texts, corpus.rows)
    assert again.checksum() == corpus.checksum()


def test_slices_know_their_rows_and_join():
    queries = Queries.of(PAIRS)
    parts = [queries.take(slice(0, 2)), queries.take(slice(2, 5)), queries.take(slice(5, None))]
    assert [part.rows for part in parts] == [range(2), range(2, 5), range(5, 6)]
    assert parts[1].take(slice(1, 3)).rows == range(3, 5)
    assert parts[1].take(slice(1, 3)).ids == queries.ids[3:5]
    joined = Queries.join(parts)
    assert (joined.ids, joined.rows, joined.checksum()) == (queries.ids, queries.rows, queries.checksum())
    with pytest.raises(ValueError, match="do not follow"):
        Queries.join([parts[0], parts[2]])


def test_find_gives_rows_and_nulls():
    corpus = Corpus.of(PAIRS)
    assert corpus.find(["b", "none", "Z"]).to_pylist() == [corpus.ids.index("b"), None, corpus.ids.index("Z")]
    assert corpus.find(pa.chunked_array([["Z"], ["b"]], pa.large_string())).to_pylist() == [0, 2]


def test_a_repeated_id_is_refused():
    with pytest.raises(RepeatedId, match="corpus: the id 'b' appears more than once") as caught:
        Corpus.of([*PAIRS, ("b", "again")])
    assert caught.value.id == "b"


@pytest.mark.parametrize(
    ("pair", "message"),
    [(("", "x"), "an id is empty"), (("x", None), "a text is missing"), (("x", "\ud800"), "Unicode")],
)
def test_a_damaged_text_is_refused(pair, message):
    with pytest.raises(DataError, match=message):
        Queries.of([*PAIRS, pair])


def test_qrels_are_ordered_and_equal_repeats_are_one(tmp_path):
    rows = [("q2", "a", 1), ("q1", "b", 0), ("q1", "a", 2), ("q2", "a", 1)]
    qrels = Qrels.of(rows)
    assert list(qrels) == [Judgement("q1", "a", 2), Judgement("q1", "b", 0), Judgement("q2", "a", 1)]
    assert (len(qrels), qrels.query_ids, qrels.grades.tolist()) == (3, ["q1", "q2"], [2, 0, 1])
    assert qrels.checksum() == Qrels.of(rows[::-1]).checksum()
    assert qrels.checksum() != Qrels.of(rows[1:3]).checksum()
    qrels.save(tmp_path)
    assert list(Qrels.load(tmp_path)) == list(qrels)
    assert len(Qrels.of([])) == 0


def test_qrels_refuse_a_contradiction():
    with pytest.raises(DataError, match="query 'q' and document 'd' are judged twice, as 0 and as 1"):
        Qrels.of([("q", "d", 1), ("q", "d", 0)])


def test_references_read_back(tmp_path):
    references = References.of([QueryReference("q2", ["yes"], ["easy"]), QueryReference("q1", [], ["easy", "long"])])
    references.save(tmp_path)
    again = References.load(tmp_path)
    assert again.tags() == {"easy": ["q1", "q2"], "long": ["q1"]}
    assert again.checksum() == references.checksum()
    with pytest.raises(DataError, match="'q' appears more than once"):
        References.of([QueryReference("q", [], []), QueryReference("q", ["x"], [])])


def test_arrays_read_back(tmp_path):
    rng = np.random.default_rng(1)
    vectors = Vectors(rng.normal(size=(5, 3)).astype(np.float32))
    scores = Scores(np.array([0.5, np.nan, 1.0]))
    index = Index({"postings": np.arange(4), "weights": np.ones(2, np.float32)}, {"k1": 0.9, "name": "é"})
    run = Run(np.array([[1, 0], [2, NONE]], np.int32), np.array([[2, 1], [3, -np.inf]], np.float32))
    for name, artifact in {"vectors": vectors, "scores": scores, "index": index, "run": run}.items():
        (tmp_path / name).mkdir()
        artifact.save(tmp_path / name)
    assert np.array_equal(Vectors.load(tmp_path / "vectors").array, vectors.array)
    assert np.array_equal(Scores.load(tmp_path / "scores").values, scores.values, equal_nan=True)
    again = Index.load(tmp_path / "index")
    assert again.facts == index.facts
    assert {name: array.tolist() for name, array in again.arrays.items()} == {
        "postings": [0, 1, 2, 3],
        "weights": [1, 1],
    }
    assert np.array_equal(Run.load(tmp_path / "run").documents, run.documents)
    assert np.array_equal(Run.load(tmp_path / "run").scores, run.scores)


def test_model_is_copied(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/config.json").write_text("{}")
    (tmp_path / "kept").mkdir()
    Model(str(tmp_path / "weights")).save(tmp_path / "kept")
    assert (tmp_path / "kept/model/config.json").read_text() == "{}"
    assert Model.load(tmp_path / "kept").path == str(tmp_path / "kept" / "model")


def test_arrays_are_cut_and_joined():
    vectors, scores = Vectors(np.arange(12.0).reshape(6, 2)), Scores(np.arange(6.0))
    for whole, field in ((vectors, "array"), (scores, "values")):
        parts = [whole.take(slice(0, 4)), whole.take(slice(4, 6))]
        assert [part.rows for part in parts] == [range(4), range(4, 6)]
        assert np.array_equal(getattr(type(whole).join(parts), field), getattr(whole, field))
        with pytest.raises(ValueError, match="do not follow"):
            type(whole).join(parts[::-1])


def test_runs_of_other_depths_join():
    runs = [Run.top(np.array([[1.0, 2.0, 3.0]]), 3), Run.top(np.array([[1.0]]), 3, rows=range(1, 2))]
    joined = Run.join(runs)
    assert joined.documents.tolist() == [[2, 1, 0], [0, NONE, NONE]]
    assert joined.scores.tolist() == [[3, 2, 1], [1, -np.inf, -np.inf]]
    assert joined.cut(1).documents.tolist() == [[2], [0]]
    assert joined.take(slice(1, 2)).rows == range(1, 2)


EDGES = [0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, -3.4028235e38, -np.inf]


def ranked(scores, documents, depth):
    """Rank one query without any art: by score, then by document, both falling."""
    found = [
        (float(np.float32(s)) + 0.0, d) for s, d in zip(scores, documents, strict=True) if d != NONE and s != -np.inf
    ]
    found = sorted(found, reverse=True)[:depth]
    found += [(-np.inf, NONE)] * (min(depth, len(scores)) - len(found))
    return [d for _, d in found], [s for s, _ in found]


@st.composite
def candidates(draw):
    width, rows = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    score = st.one_of(st.sampled_from(EDGES), st.floats(allow_nan=False, allow_infinity=False, width=32))
    scores = [draw(st.lists(score, min_size=width, max_size=width)) for _ in range(rows)]
    documents = [draw(st.permutations(range(20)))[:width] for _ in range(rows)]
    holes = draw(st.sets(st.integers(0, width - 1)))
    documents = [[NONE if place in holes else d for place, d in enumerate(row)] for row in documents]
    return scores, documents, draw(st.integers(1, 15))


@settings(max_examples=300, deadline=None)
@given(candidates())
def test_top_is_the_naive_ranking(case):
    scores, documents, depth = case
    run = Run.top(np.array(scores, np.float32), depth, documents=np.array(documents, np.int32))
    for row, (score, document) in enumerate(zip(scores, documents, strict=True)):
        assert (run.documents[row].tolist(), run.scores[row].tolist()) == ranked(score, document, depth)


@settings(max_examples=100, deadline=None)
@given(candidates())
def test_top_of_a_slice_is_the_slice_of_top(case):
    scores, documents, depth = np.array(case[0], np.float32), np.array(case[1], np.int32), case[2]
    whole = Run.top(scores, depth, documents=documents)
    part = Run.top(scores[1:], depth, documents=documents[1:])
    assert np.array_equal(whole.documents[1:], part.documents)
    assert np.array_equal(whole.scores[1:], part.scores)


def test_top_breaks_ties_by_the_later_document():
    run = Run.top(np.zeros((1, 5)), 3)
    assert run.documents.tolist() == [[4, 3, 2]]
    assert np.array_equal(np.signbit(Run.top(np.array([[-0.0, 0.0]]), 2).scores), [[False, False]])
    assert Run.top(np.array([[0.0, -0.0]]), 2).documents.tolist() == [[1, 0]]
    assert Run.top(np.array([[1, 3, 2]]), 2).documents.tolist() == [[1, 2]]  # whole numbers
    assert Run.top(np.zeros((2, 0)), 3).documents.shape == (2, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300, -1e300])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_top_refuses_what_is_no_score(bad, kind):
    with np.errstate(over="ignore"):
        scores = np.array([[1.0, bad]]).astype(kind)
    if scores[0, 1] == -np.inf:  # a float32 that says "not found"
        assert Run.top(scores, 2).documents.tolist() == [[0, NONE]]
        return
    with pytest.raises(ValueError, match="score"):
        Run.top(scores, 2)


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(0, 2**31 - 1)), min_size=1
    )
)
def test_keys_sort_as_pairs_and_come_apart(pairs):
    scores, documents = np.array([s for s, _ in pairs], np.float32), np.array([d for _, d in pairs], np.int32)
    keys = sort_keys(scores, documents)
    assert [pairs[i] for i in np.argsort(keys, kind="stable")] == sorted(
        pairs, key=lambda pair: (pair[0] + 0.0, pair[1])
    )
    found_documents, found_scores = split_keys(keys)
    assert np.array_equal(found_documents, documents)
    assert np.array_equal(found_scores, scores)
