"""The inputs of a plan: parts of data sets, run files and models, identified by their content."""

from __future__ import annotations

from typing import Any, ClassVar

from harness.artifacts.base import Artifact
from harness.artifacts.judgements import Qrels, References, Spans
from harness.artifacts.model import Model
from harness.artifacts.run_lines import RunLines
from harness.artifacts.text import Corpus, Queries
from harness.stage.base import Stage


class Source(Stage):
    """A part of a data set, a run file or a model, identified by the checksum of its content or its revision."""

    role = "source"
    takes: ClassVar[tuple[type[Artifact], ...]] = ()
    rowwise = False
    content: str
    """The checksum of the content, or the published id and revision of a model."""

    @property
    def recipe(self) -> dict[str, Any]:
        """The fingerprint of a source covers its content alone."""
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
    """The reference answers and tags of a data set."""

    name = "references"
    gives = References


class SpansSource(Source):
    """The gold spans of a data set."""

    name = "spans"
    gives = Spans


class RunfileSource(Source):
    """The run file of another system."""

    name = "runfile"
    gives = RunLines


class ModelSource(Source):
    """The weights of a model."""

    name = "model"
    gives = Model
