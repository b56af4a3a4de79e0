"""The leaves of every plan: parts of data sets, run files and models, named by their content."""

from __future__ import annotations

from typing import Any, ClassVar

from harness.artifacts.base import Artifact
from harness.artifacts.judgements import Qrels, References, Spans
from harness.artifacts.model import Model
from harness.artifacts.run_lines import RunLines
from harness.artifacts.text import Corpus, Queries
from harness.stage.base import Stage


class Source(Stage):
    """A leaf: one part of a data set, or a model, named by the checksum of its content (or its published revision)."""

    role = "source"
    takes: ClassVar[tuple[type[Artifact], ...]] = ()
    rowwise = False
    content: str

    @property
    def recipe(self) -> dict[str, Any]:
        """A source is its content, and nothing else."""
        return {"stage": f"{self.role}/{self.name}", "content": self.content}


class CorpusSource(Source):
    """The documents of a data set."""

    name = "corpus"
    gives = Corpus


class QueriesSource(Source):
    """The queries of a data set."""

    name = "queries"
    gives = Queries


class QrelsSource(Source):
    """The judgements of a data set."""

    name = "qrels"
    gives = Qrels


class ReferencesSource(Source):
    """Reference answers and tags of a data set."""

    name = "references"
    gives = References


class SpansSource(Source):
    """Gold spans of a data set."""

    name = "spans"
    gives = Spans


class RunfileSource(Source):
    """A run file of a system that is not ours."""

    name = "runfile"
    gives = RunLines


class ModelSource(Source):
    """The weights of a model."""

    name = "model"
    gives = Model
