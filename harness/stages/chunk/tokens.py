"""Splitting into windows of a model's tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.text import Corpus
from harness.errors import UserError
from harness.models.tokenizer import read, tokenizer_file
from harness.stage import Runtime
from harness.stages.chunk.base import SizedChunker, windows


class Tokens(SizedChunker):
    """Splits documents into passages of at most `size` tokens of the model.

    It follows LangChain's TokenTextSplitter, except that a passage is a slice of the text, not decoded from tokens.
    Tokens that an encoder adds ([CLS], [SEP], a prompt) are not counted. A boundary may be inside a word. White space
    between two passages belongs to neither of them.
    """

    uses_model: ClassVar[bool] = True
    size: int = 256
    """The maximum size of a passage, in tokens of `model`."""

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Corpus], Passages]:
        """Load the tokenizer, not the weights; the call splits a Corpus.

        Raises UserError if the model has no fast tokenizer.
        """
        if model is None:
            raise UserError(f"{self.word()} needs a model")
        tokenizer = read(tokenizer_file(model, self.word()), self.word())

        def ranges(text: str) -> Iterator[tuple[int, int]]:
            places = [
                place for place in tokenizer.encode(text, add_special_tokens=False).offsets if place[0] < place[1]
            ]
            for first, end in windows([1] * len(places), self.size, self.overlap):
                yield places[first][0], places[end - 1][1]

        return lambda corpus: Passages.cut(corpus, ranges)
