"""Turns text into terms: the analyzer settings that all lexical indexes share, and the analysis itself."""

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
"""The Snowball stemmers, under their names in PyStemmer."""

Words = Annotated[tuple[str, ...], AfterValidator(lambda words: tuple(sorted({word.lower() for word in words})))]
Stopwords = Literal["en"] | Words | None
"""The words to leave out: Lucene's English list ("en"), a custom list, or none."""

ENGLISH = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not", "of"}
    | {"on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "will"}
    | {"with"}
)
"""The English stop words of Lucene."""
PATTERNS = {"word": r"\w\w+", "whitespace": r"\S+"}
"""The regular expression of each named word tokenizer; `word` is the default of bm25s and scikit-learn."""
CHARACTERS = ("char", "char_wb")
"""The tokenizers that produce character n-grams: of the whole text, or within each padded word (as in scikit-learn)."""
Split = Callable[[str], Iterable[str]]
"""Splits a text into pieces, each of which becomes at most one term."""


class Analyzer(BaseModel):
    """The settings that turn text into terms.

    An index stores them among its facts, because queries must be analysed exactly as the documents were. A text is
    lower-cased and tokenised, stop words are removed, the remaining words are stemmed, and n consecutive terms are
    joined by spaces. The order of these steps and the n-grams are those of scikit-learn's CountVectorizer.
    """

    model_config = ConfigDict(frozen=True)

    tokenizer: str = "word"
    """The tokenizer: `word` (two or more letters, digits or underscores), `whitespace`, `char` or `char_wb` (character
    n-grams of the text or within its words), or a regular expression that matches words."""
    ngram_range: tuple[PositiveInt, PositiveInt] = (1, 1)
    """The lengths of the shortest and the longest n-gram, in words or characters."""
    lowercase: bool = True
    """Whether a text is lower-cased before it is tokenised."""
    stemmer: Language | None = "english"
    """A Snowball stemmer by name; None for no stemming, the default for `char` and `char_wb`."""
    stopwords: Stopwords = "en"
    """The words that are removed, whatever their case: "en" for Lucene's 33 English stop words, or a list of words.
    None removes none, and is the default for `char` and `char_wb`."""

    @model_validator(mode="before")
    @classmethod
    def _character_defaults(cls, settings: Any) -> Any:
        """Turn off the word defaults for character n-grams."""
        if isinstance(settings, Mapping) and settings.get("tokenizer") in CHARACTERS:
            return {"stemmer": None, "stopwords": None, **settings}
        return settings

    @field_validator("tokenizer")
    @classmethod
    def _known(cls, tokenizer: str) -> str:
        if tokenizer in PATTERNS or tokenizer in CHARACTERS:
            return tokenizer
        if re.fullmatch(r"\w*", tokenizer):
            known = nearest(tokenizer, (*PATTERNS, *CHARACTERS))
            raise ValueError(f"unknown tokenizer {tokenizer!r} (a regular expression is allowed, too); {known}")
        try:
            pattern = re.compile(tokenizer)
        except re.error as error:
            raise ValueError(f"{tokenizer!r} is not a valid regular expression: {error}") from None
        if pattern.groups > 1:
            raise ValueError(
                f"{tokenizer!r} has {pattern.groups} groups; at most one is allowed, for the part that is the word"
            )
        return tokenizer

    @field_validator("ngram_range")
    @classmethod
    def _ascending(cls, lengths: tuple[int, int]) -> tuple[int, int]:
        if lengths[0] > lengths[1]:
            raise ValueError(f"ngram_range is [shortest, longest]: write [{lengths[1]}, {lengths[0]}]")
        return lengths

    @model_validator(mode="after")
    def _words_only(self) -> Self:
        if self.tokenizer in CHARACTERS and (self.stemmer or self.stopwords):
            raise ValueError(
                f"tokenizer: {self.tokenizer} yields character n-grams, so leave out stemmer and stopwords"
            )
        return self

    @property
    def facts(self) -> dict[str, Any]:
        """The settings as an index stores them for its searcher."""
        return {name: getattr(self, name) for name in Analyzer.model_fields}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Analyzer:
        """Read the settings back from the facts of an index."""
        return Analyzer.model_validate({name: facts[name] for name in Analyzer.model_fields})

    def analyzer(self) -> tuple[Split, Callable[[str], str]]:
        """Return two functions: one splits a text into pieces, the other turns a piece into its term ("" for none).

        They are separate so that a caller can compute the term of each distinct piece only once.
        """
        lower = str.lower if self.lowercase else str
        if self.tokenizer in CHARACTERS:
            split = character_ngrams if self.tokenizer == "char" else word_character_ngrams
            return (lambda text: split(lower(text), *self.ngram_range)), str
        find = re.compile(PATTERNS.get(self.tokenizer, self.tokenizer)).findall
        if self.ngram_range == (1, 1):
            return (lambda text: find(lower(text))), self._term()
        term = _TermCache(self._term()).__getitem__
        return (lambda text: word_ngrams(list(filter(None, map(term, find(lower(text))))), *self.ngram_range)), str

    def _term(self) -> Callable[[str], str]:
        import Stemmer

        stem: Callable[[str], str] = Stemmer.Stemmer(self.stemmer).stemWord if self.stemmer else str
        stopwords = ENGLISH if self.stopwords == "en" else frozenset(self.stopwords or ())

        def term(word: str) -> str:
            """Return the term of a word without line breaks, whatever the regular expression matched."""
            return "" if word.lower() in stopwords else " ".join(stem(word).split())

        return term


class _TermCache(dict[str, str]):
    """Maps words to terms, and computes each term once."""

    def __init__(self, term: Callable[[str], str]) -> None:
        self.term = term

    def __missing__(self, word: str) -> str:
        term = self[word] = self.term(word)
        return term


def word_ngrams(words: list[str], shortest: int, longest: int) -> list[str]:
    """Return the n-grams of words.

    >>> word_ngrams(["new", "york", "city"], 1, 2)
    ['new', 'york', 'city', 'new york', 'york city']
    """
    return [
        " ".join(words[start : start + length])
        for length in range(shortest, longest + 1)
        for start in range(len(words) - length + 1)
    ]


def character_ngrams(text: str, shortest: int, longest: int) -> list[str]:
    """Return the character n-grams of a text, in which each run of white space counts as one space.

    >>> character_ngrams("to be", 3, 3)
    ['to ', 'o b', ' be']
    """
    return _substrings(re.sub(r"\s+", " ", text), shortest, longest)


def word_character_ngrams(text: str, shortest: int, longest: int) -> list[str]:
    """Return the character n-grams of each word, padded with a space on either side; a shorter word is kept whole.

    >>> word_character_ngrams("to be", 3, 4)
    [' to', 'to ', ' to ', ' be', 'be ', ' be ']
    >>> word_character_ngrams("to be", 5, 6)
    [' to ', ' be ']
    """
    padded = [f" {word} " for word in text.split()]
    return [ngram for word in padded for ngram in _substrings(word, shortest, longest) or [word]]


def _substrings(text: str, shortest: int, longest: int) -> list[str]:
    return [
        text[start : start + length]
        for length in range(shortest, min(longest, len(text)) + 1)
        for start in range(len(text) - length + 1)
    ]
