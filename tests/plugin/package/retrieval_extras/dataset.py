"""A data set defined in code; others read files, a database or the network."""

from harness.artifacts.judgements import Judgement, Qrels
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import Dataset

CAPITALS = {"France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Kenya": "Nairobi", "Peru": "Lima"}


class Capitals(Dataset):
    """Provides five sentences about capitals, and a question about each."""

    @property
    def revision(self) -> str:
        return "1"

    def corpus(self) -> Corpus:
        return Corpus.of((land, f"{city} is the capital of {land}.") for land, city in CAPITALS.items())

    def queries(self) -> Queries:
        return Queries.of((f"q-{land}", f"What is the capital of {land}?") for land in CAPITALS)

    def qrels(self) -> Qrels:
        return Qrels.of(Judgement(f"q-{land}", land, 1) for land in CAPITALS)
