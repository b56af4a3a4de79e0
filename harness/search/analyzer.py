"""How a text is cut into terms: the settings that the lexical indexes share, and the cutting itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, PositiveInt, field_validator, model_validator

from harness.errors import nearest

Language = Literal[
    "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french", "german", "greek",
    "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali", "norwegian", "porter", "portuguese",
    "romanian", "russian", "serbian", "spanish", "swedish", "tamil", "turkish", "yiddish",
]  # fmt: skip
"""The Snowball stemmers, by the names of PyStemmer."""

Words = Annotated[tuple[str, ...], AfterValidator(lambda words: tuple(sorted({word.lower() for word in words})))]
Stopwords = Literal["en"] | Words | None
"""Words left out: the English list of Lucene ("en"), a list of one's own, or none."""

ENGLISH = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not", "of"}
    | {"on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "will"}
    | {"with"}
)
PATTERNS = {"word": r"\w\w+", "whitespace": r"\S+"}
"""Tokenizers by name; "word" is two or more letters, digits or underscores, as bm25s and scikit-learn cut words."""
CHARACTERS = ("char", "char_wb")
"""The analyzers of scikit-learn that cut n-grams of characters: of the whole text, or of each word and its borders."""
Cut = Callable[[str], Iterable[str]]


class Analyzer(BaseModel):
    """Text to terms. Documents and queries are cut by the same settings, which an index therefore holds as facts.

    A text is lower-cased and cut into words; stop words go, the rest is stemmed, and n neighbours of what is left are
    joined by a space. The order of these steps, and the n-grams, are those of scikit-learn's CountVectorizer.
    """

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    tokenizer: str = "word"
    """`word` (two or more letters, digits or underscores), `whitespace`, `char` or `char_wb` (n-grams of characters, of
    the text or within its words), or a regular expression that finds the words."""
    ngram_range: tuple[PositiveInt, PositiveInt] = (1, 1)
    """The shortest and the longest n-gram, of words or of characters."""
    lowercase: bool = True
    """Whether a text is lower-cased before it is tokenised."""
    stemmer: Language | None = "english"
    """A Snowball stemmer by name; None for no stemming, the default for `char` and `char_wb`."""
    stopwords: Stopwords = "en"
    """The words that are removed, whatever their case: "en" for Lucene's 33 English stop words, or a list of words.
    None removes none, and is the default for `char` and `char_wb`."""

    @model_validator(mode="before")
    @classmethod
    def _characters(cls, said: Any) -> Any:
        """Leave out, for n-grams of characters, the defaults that are meant for words."""
        if isinstance(said, Mapping) and said.get("tokenizer") in CHARACTERS:
            return {"stemmer": None, "stopwords": None, **said}
        return said

    @field_validator("tokenizer")
    @classmethod
    def _known(cls, tokenizer: str) -> str:
        if tokenizer in PATTERNS or tokenizer in CHARACTERS:
            return tokenizer
        if re.fullmatch(r"\w*", tokenizer):
            known = nearest(tokenizer, (*PATTERNS, *CHARACTERS))
            raise ValueError(f"there is no tokenizer {tokenizer!r}; {known} A regular expression may stand here, too")
        try:
            pattern = re.compile(tokenizer)
        except re.error as error:
            raise ValueError(f"{tokenizer!r} is no regular expression: {error}") from None
        if pattern.groups > 1:
            raise ValueError(f"{tokenizer!r} has {pattern.groups} groups; one at most says what of a match is the word")
        return tokenizer

    @field_validator("ngram_range")
    @classmethod
    def _ascends(cls, lengths: tuple[int, int]) -> tuple[int, int]:
        if lengths[0] > lengths[1]:
            raise ValueError(f"ngram_range is the shortest and the longest: [{lengths[1]}, {lengths[0]}]")
        return lengths

    @model_validator(mode="after")
    def _words_only(self) -> Self:
        if self.tokenizer in CHARACTERS and (self.stemmer or self.stopwords):
            raise ValueError(f"tokenizer: {self.tokenizer} cuts characters: leave out stemmer and stopwords")
        return self

    @property
    def facts(self) -> dict[str, Any]:
        """The settings that a searcher must know."""
        return {name: getattr(self, name) for name in Analyzer.model_fields}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Analyzer:
        """Read the settings from the facts of an index."""
        return Analyzer.model_validate({name: facts[name] for name in Analyzer.model_fields})

    def analyzer(self) -> tuple[Cut, Callable[[str], str]]:
        """Return how to cut a text into pieces, and what term a piece is, "" if none.

        A piece is cut down to its term apart from the cutting so that this may be done once for each distinct piece.
        """
        lower = str.lower if self.lowercase else str
        if self.tokenizer in CHARACTERS:
            cut = whole if self.tokenizer == "char" else within
            return (lambda text: cut(lower(text), *self.ngram_range)), str
        find = re.compile(PATTERNS.get(self.tokenizer, self.tokenizer)).findall
        if self.ngram_range == (1, 1):
            return (lambda text: find(lower(text))), self._term()
        terms = _Known(self._term())
        known = terms.__getitem__
        return (lambda text: joined(list(filter(None, map(known, find(lower(text))))), *self.ngram_range)), str

    def _term(self) -> Callable[[str], str]:
        import Stemmer

        stem: Callable[[str], str] = Stemmer.Stemmer(self.stemmer).stemWord if self.stemmer else str
        left_out = ENGLISH if self.stopwords == "en" else frozenset(self.stopwords or ())

        def term(word: str) -> str:
            """A term holds no line break, whatever a regular expression finds."""
            return "" if word.lower() in left_out else " ".join(stem(word).split())

        return term


class _Known(dict[str, str]):
    """Words to their terms; each word is cut down once, when it is first met."""

    def __init__(self, term: Callable[[str], str]) -> None:
        self.term = term

    def __missing__(self, word: str) -> str:
        found = self[word] = self.term(word)
        return found


def joined(words: list[str], shortest: int, longest: int) -> list[str]:
    """Return n-grams of words.

    >>> joined(["new", "york", "city"], 1, 2)
    ['new', 'york', 'city', 'new york', 'york city']
    """
    return [
        " ".join(words[start : start + length])
        for length in range(shortest, longest + 1)
        for start in range(len(words) - length + 1)
    ]


def whole(text: str, shortest: int, longest: int) -> list[str]:
    """Return n-grams of the characters of a text, in which white space counts as one space.

    >>> whole("to be", 3, 3)
    ['to ', 'o b', ' be']
    """
    return _slices(re.sub(r"\s+", " ", text), shortest, longest)


def within(text: str, shortest: int, longest: int) -> list[str]:
    """Return n-grams of the characters of each word with a space before and after it; a shorter word counts once.

    >>> within("to be", 3, 4)
    [' to', 'to ', ' to ', ' be', 'be ', ' be ']
    >>> within("to be", 5, 6)
    [' to ', ' be ']
    """
    padded = [f" {word} " for word in text.split()]
    return [gram for word in padded for gram in _slices(word, shortest, longest) or [word]]


def _slices(text: str, shortest: int, longest: int) -> list[str]:
    return [
        text[start : start + length]
        for length in range(shortest, min(longest, len(text)) + 1)
        for start in range(len(text) - length + 1)
    ]
