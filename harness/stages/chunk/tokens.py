"""Windows of so many tokens, counted by the tokenizer of the model that will read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.text import Corpus
from harness.chunking import Sized, windows
from harness.errors import UserError
from harness.stage import Runtime

FILE = "tokenizer.json"


class Tokens(Sized):
    """Passages of `size` tokens of the model, each repeating the last `overlap` tokens of the one before.

    Tokens that an encoder adds ([CLS], [SEP], a prompt) are not counted. A border may lie inside a word. White space
    between two passages belongs to neither.
    """

    uses_model: ClassVar[bool] = True
    size: int = 256

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Corpus], Passages]:
        """Load the tokenizer, not the weights; the call cuts a Corpus. UserError for a model without a fast one."""
        tokenizer = read(model, self.word())

        def ranges(text: str) -> Iterator[tuple[int, int]]:
            places = [
                place for place in tokenizer.encode(text, add_special_tokens=False).offsets if place[0] < place[1]
            ]
            for first, end in windows([1] * len(places), self.size, self.overlap):
                yield places[first][0], places[end - 1][1]

        return lambda corpus: Passages.cut(corpus, ranges)


def read(model: Model | None, word: str) -> Any:
    """Load the fast tokenizer of a model, which knows where each token stands. UserError where it has none."""
    from tokenizers import Tokenizer

    if model is None:
        raise UserError(f"{word} needs a model")
    try:
        folder = Path(model.path) if Path(model.path).is_dir() else fetched(model)
        found = sorted(folder.rglob(FILE), key=lambda path: (len(path.parts), path))
        tokenizer = Tokenizer.from_file(str(found[0])) if found else None
    except Exception as error:  # the hub client and the library raise many kinds
        raise UserError(f"{word}: the tokenizer of {model.path!r} cannot be loaded: {error}") from error
    if tokenizer is None:
        raise UserError(f"{word}: the model {model.path!r} has no {FILE}, whose tokens know their places in a text")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def fetched(model: Model) -> Path:
    """Return the folder of a published model with nothing but its tokenizer fetched."""
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model.path, revision=model.revision, allow_patterns=[f"*{FILE}"]))
