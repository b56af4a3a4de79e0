from __future__ import annotations

import json
import re
import sys
from collections import Counter
from itertools import combinations

import pytest

from harness.datasets import python_docs
from harness.datasets.python_docs import ALIKE, QUESTIONS, PythonDocs, passages, read_questions
from harness.errors import UserError

TAGS = {"identifier", "paraphrase", "procedural", "descriptive", "multi"}
CHECKED = {(3, 11, 2), (3, 11, 7), (3, 12, 1), (3, 13, 0)}
"""Where every quote was seen to resolve; a later patch of the reference may reword a sentence."""


@pytest.fixture(scope="module")
def data():
    return PythonDocs()


@pytest.fixture
def questions(tmp_path, monkeypatch):
    """Put doctored questions in the place of ours: the first one, with other quotes, and others as they are."""

    def doctor(*quotes, others=1):
        first, *rest = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
        rows = [first | {"quotes": list(quotes)}, *rest[:others]]
        path = tmp_path / "questions.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        monkeypatch.setattr(python_docs, "QUESTIONS", path)
        return [row["id"] for row in rows]

    return doctor


def test_the_corpus_is_made_of_short_passages_in_order(data):
    corpus = data.corpus()
    assert 500 <= len(corpus) <= 900
    assert corpus.ids == sorted(set(corpus.ids))
    sizes = sorted(len(text.split()) for text in corpus.texts)
    assert 60 <= sizes[len(sizes) // 4] <= sizes[len(sizes) * 3 // 4] <= 180
    assert not any(text != text.strip() or re.search(r"\n\n|[^\S\n]{3}", text) for text in corpus.texts)


def test_no_near_identical_passages_are_left():
    shingles, where = [], {}
    for row, passage in enumerate(passages()):
        words = passage.body.split()
        shingles.append({tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3))})
        for shingle in shingles[-1]:
            where.setdefault(shingle, []).append(row)
    common = Counter(pair for rows in where.values() for pair in combinations(rows, 2))
    alike = [pair for pair, n in common.items() if n >= ALIKE * (len(shingles[pair[0]] | shingles[pair[1]]))]
    assert alike == []


def test_a_passage_stands_under_its_headings():
    found = {passage.id: passage for passage in passages()}
    assert found["while/000"].title == 'The "while" statement'
    assert {title for _, title, _ in passages() if "__slots__" in title} == {"Customizing attribute access: __slots__"}
    assert not any(re.search(r"(\w)[ \n]([*=~-])\2{5,}(\n|$)", passage.body) for passage in passages())


def test_a_table_is_read_by_rows_and_not_by_lines():
    row = "Forces the field to be centered within the available space."
    assert sum(row in passage.body for passage in passages()) == 1
    assert sum('"|": Bitwise OR' in passage.body for passage in passages()) == 1
    assert sum("using lower-case letters for the digits above 9" in passage.body for passage in passages()) == 1


def test_the_questions_are_well_formed():
    asked = read_questions(QUESTIONS)
    assert len(asked) >= 150
    assert [question.id for question in asked] == sorted({question.id for question in asked})
    assert len({question.question for question in asked}) == len(asked)
    for question in asked:
        assert question.question.strip()
        assert question.answer.strip()
        assert set(question.tags) <= TAGS
        assert question.tags
        assert max(quote.grade for quote in question.quotes) == 2
        assert min(quote.grade for quote in question.quotes) >= 1
        assert all(len(quote.text.split()) <= 25 for quote in question.quotes)
    tagged = Counter(tag for question in asked for tag in question.tags)
    assert set(tagged) == TAGS
    assert min(tagged.values()) >= 20


def test_every_quote_stands_in_the_reference(data):
    if sys.version_info[:3] not in CHECKED:
        pytest.skip("this patch of the reference may word a sentence otherwise; docs/python-docs.md")
    assert data.unresolved == []
    assert len(data.queries()) == len(read_questions(QUESTIONS))


@pytest.mark.filterwarnings("ignore:python-docs")
def test_most_quotes_stand_in_the_reference_of_any_patch(data):
    quotes = sum(len(question.quotes) for question in read_questions(QUESTIONS))
    assert len(data.unresolved) <= 0.05 * quotes


@pytest.mark.filterwarnings("ignore:python-docs")
def test_every_question_is_answered_and_multi_twice(data):
    answers = Counter(judgement.query_id for judgement in data.qrels() if judgement.grade == 2)
    multi = set(data.references().tags()["multi"])
    weak = [query for query in data.queries().ids if answers[query] < (2 if query in multi else 1)]
    assert len(weak) <= len(data.unresolved)
    assert set(data.qrels().query_ids) == set(data.queries().ids)
    assert all(judgement.doc_id in set(data.corpus().ids) for judgement in list(data.qrels())[:20])


@pytest.mark.filterwarnings("ignore:python-docs")
def test_no_quote_is_everywhere(data):
    bodies = [" ".join(passage.body.split()) for passage in passages()]
    often = [
        quote.text
        for question in read_questions(QUESTIONS)
        for quote in question.quotes
        if sum(quote.text in body for body in bodies) > 3
    ]
    assert often == []


def test_a_lost_quote_is_warned_about_and_counted(questions):
    lost = {"text": "these words stand nowhere in it", "grade": 2}
    first, second = questions({"text": "Automatically called at the time the owning class", "grade": 1}, lost)
    data = PythonDocs()
    with pytest.warns(UserWarning, match="quotes that are not in this version of the reference: 1$"):
        qrels = data.qrels()
    assert next((j.query_id, j.grade) for j in qrels) == (first, 1)
    assert data.queries().ids == [first, second]
    assert data.unresolved == [(first, lost["text"])]
    assert any(note.endswith("judgements are missing: 1") for note in data.notes())


def test_a_question_without_a_quote_left_is_not_asked(questions):
    _, second = questions({"text": "these words stand nowhere in it", "grade": 2})
    with pytest.warns(UserWarning, match="reference: 1$"):
        assert PythonDocs().queries().ids == [second]
    assert PythonDocs().qrels().query_ids == [second]
    assert [row["query_id"] for row in PythonDocs().references().table.to_pylist()] == [second]


def test_a_passage_has_the_best_grade_of_its_quotes(questions):
    text = "Automatically called at the time the owning class *owner* is created"
    first, _ = questions({"text": text, "grade": 2}, {"text": "Automatically  called\nat the time", "grade": 1})
    assert [j.grade for j in PythonDocs().qrels() if j.query_id == first] == [2]


def test_the_revision_moves_with_the_questions(questions):
    before = PythonDocs().revision
    assert PythonDocs().revision == before
    questions({"text": "the", "grade": 1})
    assert PythonDocs().revision != before


def test_a_python_without_its_reference(monkeypatch):
    monkeypatch.setattr(python_docs, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="packaged without its language reference"):
        _ = PythonDocs().revision
