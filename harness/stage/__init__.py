"""The contract for stages: a base class for each role, and the nodes that a plan is made of."""

from harness.stage.base import Runtime, Stage, TwoSided
from harness.stage.leaves import (
    CorpusSource,
    ModelSource,
    QrelsSource,
    QueriesSource,
    ReferencesSource,
    RunfileSource,
    Source,
    SpansSource,
)
from harness.stage.node import Node, answer_nodes, walk
from harness.stage.ranking import Arranger, Collapser, Filter, Fuser, Reranker, Rescorer, ScoreFuser, Tuner
from harness.stage.retrieval import (
    Chunker,
    DraftReader,
    DraftUse,
    Encoder,
    ExhaustiveSearcher,
    Indexer,
    Reducer,
    Rewriter,
    RunReader,
    Searcher,
)
from harness.stage.scoring import Comparison, ContextScorer, Scorer, SpanScorer

__all__ = [
    "Arranger",
    "Chunker",
    "Collapser",
    "Comparison",
    "ContextScorer",
    "CorpusSource",
    "DraftReader",
    "DraftUse",
    "Encoder",
    "ExhaustiveSearcher",
    "Filter",
    "Fuser",
    "Indexer",
    "ModelSource",
    "Node",
    "QrelsSource",
    "QueriesSource",
    "Reducer",
    "ReferencesSource",
    "Reranker",
    "Rescorer",
    "Rewriter",
    "RunReader",
    "RunfileSource",
    "Runtime",
    "ScoreFuser",
    "Scorer",
    "Searcher",
    "Source",
    "SpanScorer",
    "SpansSource",
    "Stage",
    "Tuner",
    "TwoSided",
    "answer_nodes",
    "walk",
]
