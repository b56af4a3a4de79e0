"""The source `python-docs`, built in: the language reference of CPython split into passages, and our own questions."""

from __future__ import annotations

import json
import platform
import re
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import accumulate, pairwise
from pathlib import Path
from typing import ClassVar, NamedTuple

from harness.artifacts.judgements import Judgement, Qrels, QueryReference, References
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import Dataset, document_text
from harness.errors import UserError
from harness.fingerprint import file_checksum, fingerprint

SPLITTER = 1
"""The version of the splitter; increase it when the same topics are split differently."""
FEWEST, MOST = 60, 120
"""A passage ends once it has FEWEST words and the next piece would bring it over MOST."""
SHINGLE, ALIKE = 4, 0.8
"""Passages are near-identical if the Jaccard similarity of their runs of SHINGLE words is at least ALIKE."""
UNDERLINES = "*=-~^"
"""The characters that underline a heading, by level, the highest first."""
FOOTNOTES = "-[ Footnotes ]-"
BROKEN = re.compile(r"(?<=\w)-\s*\n\s*(?=\w)")
"""A hyphenated compound that is broken across two lines."""
QUESTIONS = Path(__file__).with_name("python_docs.jsonl")


class Passage(NamedTuple):
    """A few paragraphs under one heading; `title` is the path of headings above them."""

    id: str
    title: str
    body: str


class Quote(NamedTuple):
    """A text that identifies a passage, and the grade of that passage: 2 answers the question, 1 helps."""

    text: str
    grade: int


class Question(NamedTuple):
    """One line of the file of questions."""

    id: str
    question: str
    answer: str
    quotes: list[Quote]
    tags: list[str]


class Judged(NamedTuple):
    """The questions that have a judgement, their judgements, and the quotes that are in no passage."""

    questions: list[Question]
    judgements: list[Judgement]
    unresolved: list[tuple[str, str]]


class PythonDocs(Dataset):
    """Reads the language reference of the running Python, with questions and judgements of our own.

    The text differs slightly between versions of Python, so compare numbers of one version only.
    """

    brief: ClassVar[tuple[str, ...]] = ()

    @property
    def revision(self) -> str:
        """A fingerprint of the topics, the questions and the version of the splitter."""
        return fingerprint(["python-docs", SPLITTER, *map(file_checksum, (_topics_file(), QUESTIONS))])

    @property
    def unresolved(self) -> list[tuple[str, str]]:
        """The quotes that are not in this version of the reference, as pairs of question id and quote."""
        return _judged(QUESTIONS).unresolved

    def corpus(self) -> Corpus:
        """Load the passages; UserError if this Python was packaged without its reference."""
        return Corpus.of((passage.id, document_text(passage.title, passage.body)) for passage in passages())

    def queries(self) -> Queries:
        """Load the questions, without those of which no quote was found."""
        return Queries.of((question.id, question.question) for question in _judged(QUESTIONS).questions)

    def qrels(self) -> Qrels:
        """Load the judgements, the highest grade of a quote for each passage; warn once about quotes not found."""
        return Qrels.of(_judged(QUESTIONS).judgements)

    def references(self) -> References:
        """Load the reference answer and the tags of each question."""
        return References.of(
            QueryReference(question.id, [question.answer], question.tags) for question in _judged(QUESTIONS).questions
        )

    def notes(self) -> list[str]:
        """Return which version was read, and how many quotes it lacks."""
        notes = [f"python-docs is the language reference of CPython {platform.python_version()}"]
        if self.unresolved:
            missing = len(self.unresolved)
            notes.append(f"quotes missing from this version of python-docs, so that judgements are missing: {missing}")
        return notes


def read_questions(path: Path) -> list[Question]:
    """Read the questions, one JSON object per line."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [Question(**row | {"quotes": [Quote(**quote) for quote in row["quotes"]]}) for row in rows]


@cache
def _judged(path: Path) -> Judged:
    """Find each quote in the passages; a quote that is in several judges all of them."""
    bodies = [" ".join(passage.body.split()) for passage in passages()]
    whole, ends = "\n".join(bodies), list(accumulate(len(body) + 1 for body in bodies))
    judged = Judged([], [], [])
    for question in read_questions(path):
        grades: dict[int, int] = {}
        for quote in question.quotes:
            words = " ".join(quote.text.split())
            rows = {bisect_right(ends, match.start()) for match in re.finditer(re.escape(words), whole)}
            if not rows:
                judged.unresolved.append((question.id, quote.text))
            grades |= {row: max(quote.grade, grades.get(row, 0)) for row in rows}
        if grades:
            judged.questions.append(question)
            judged.judgements.extend(Judgement(question.id, passages()[row].id, grades[row]) for row in grades)
    if count := len(judged.unresolved):
        warnings.warn(f"python-docs: quotes that are not in this version of the reference: {count}", stacklevel=2)
    return judged


@cache
def passages() -> list[Passage]:
    """Split all topics into passages; of near-identical ones, only that of the shortest topic is kept."""
    _topics_file()
    from pydoc_data.topics import topics

    kept: list[Passage] = []
    rows_with: dict[tuple[str, ...], list[int]] = {}
    sizes: list[int] = []
    for topic in sorted(topics, key=lambda name: (len(topics[name]), name)):
        for number, (title, body) in enumerate(_split(topics[topic])):
            words = body.split()
            shingles = set(zip(*(words[start:] for start in range(SHINGLE)), strict=False)) or {tuple(words)}
            common = Counter(row for shingle in shingles for row in rows_with.get(shingle, ()))
            if any(n >= ALIKE * (len(shingles) + sizes[row] - n) for row, n in common.items()):
                continue
            for shingle in shingles:
                rows_with.setdefault(shingle, []).append(len(kept))
            kept.append(Passage(f"{topic}/{number:03}", title, body))
            sizes.append(len(shingles))
    return sorted(kept)


def _topics_file() -> Path:
    spec = find_spec("pydoc_data") and find_spec("pydoc_data.topics")
    if spec is None or spec.origin is None:
        raise UserError("this Python was packaged without its language reference (the module pydoc_data.topics)")
    return Path(spec.origin)


def _split(text: str) -> Iterator[tuple[str, str]]:
    """Yield the title and the body of each passage of a topic, in order."""
    path: dict[int, str] = {}
    section: list[str] = []
    for block in filter(re.compile(r"\w").search, re.split(r"\n(?: *\n)+", text)):
        heading = _heading(block)
        if heading is None:
            section.extend(_rows(block) if block.lstrip().startswith("+-") else [block])
            continue
        yield from _pack(": ".join(path.values()), section)
        section = []
        level, name = heading
        path = {above: path[above] for above in path if above < level} | {level: name}
    yield from _pack(": ".join(path.values()), section)


def _heading(block: str) -> tuple[int, str] | None:
    """Return the level and the text of a heading; None for any other block."""
    if block == FOOTNOTES:
        return 1, "Footnotes"
    name, _, line = block.partition("\n")
    return (UNDERLINES.index(line[0]), name) if re.fullmatch(rf"([{re.escape(UNDERLINES)}])\1+", line) else None


def _rows(table: str) -> list[str]:
    """Return each row of a table drawn in characters as a paragraph, so that the words of a cell stay together."""
    border, *lines = table.splitlines()
    edges = [place for place, character in enumerate(border) if character == "+"]
    rows: list[list[str]] = []
    cells = [""] * (len(edges) - 1)
    for line in lines:
        if re.fullmatch(r" *[+|][-=+|]+", line):
            rows.append(cells)
            cells = [""] * (len(edges) - 1)
        else:
            parts = [line[left + 1 : right] for left, right in pairwise(edges)]
            cells = [f"{cell}\n{part}" for cell, part in zip(cells, parts, strict=True)]
    return [" " * _indent(table) + ": ".join(filter(None, map(_flat, row))) for row in rows]


def _pack(title: str, blocks: list[str]) -> Iterator[tuple[str, str]]:
    """Join the pieces of a section, or of a long definition, whose name is then appended to the title."""
    packed: list[list[str]] = []
    for head, *rest in _pieces(blocks):
        piece = [head, *rest]
        if rest and _words(piece) > MOST and not head.endswith((".", ":")):
            yield from _close(title, packed)
            yield from _pack(f"{title}: {head.splitlines()[0].strip()}", rest)
            packed = []
            continue
        for part in [piece] if _words(piece) <= MOST else [[block] for block in piece]:
            if packed and (_words(packed[-1]) < FEWEST or _words(packed[-1] + part) <= MOST):
                packed[-1] = packed[-1] + part
            else:
                packed.append(part)
    yield from _close(title, packed)


def _close(title: str, packed: list[list[str]]) -> Iterator[tuple[str, str]]:
    """Yield the passages of a section; a short last one is joined to the one before."""
    if len(packed) > 1 and _words(packed[-1]) < FEWEST // 2:
        packed = [*packed[:-2], packed[-2] + packed[-1]]
    for blocks in packed:
        yield title, "\n".join(map(_flat, blocks))


def _pieces(blocks: list[str]) -> Iterator[list[str]]:
    """Group each block with the deeper indented blocks after it: its definition, or the example it introduces."""
    piece: list[str] = []
    for block in blocks:
        if piece and _indent(block) <= _indent(piece[0]):
            yield piece
            piece = []
        piece.append(block)
    if piece:
        yield piece


def _flat(block: str) -> str:
    """Return a paragraph as one line."""
    return " ".join(BROKEN.sub("-", block).split())


def _indent(block: str) -> int:
    return len(block) - len(block.lstrip(" "))


def _words(blocks: list[str]) -> int:
    return sum(len(block.split()) for block in blocks)
