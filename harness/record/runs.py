"""The runs of all systems, and the judgements and tags of the queries, as a result folder keeps them."""

from __future__ import annotations

import pyarrow as pa

from harness.artifacts.judgements import Qrels, References
from harness.artifacts.text import Corpus, Queries
from harness.plan.leaves import DatasetLeaf
from harness.record.made import Made
from harness.results import TAGS_SCHEMA
from harness.results.write import RunFile


def runs(made: Made) -> list[RunFile]:
    """Return the run of every system that has one."""
    files = []
    for target in made.finished:
        corpus: Corpus = made.load(target.chain.corpus)
        queries: Queries = made.load(target.chain.queries)
        run = made.load(target.run)
        files.append(RunFile(target.dataset, target.system, queries.table["id"], corpus.table["id"], run))
    return files


def judgements(made: Made) -> dict[str, Qrels]:
    """Return the judgements by data set."""
    return {dataset.name: made.load(dataset.qrels) for dataset in made.datasets}


def tags(made: Made) -> pa.Table | None:
    """Return the tags of the queries (TAGS_SCHEMA); None if no data set has any."""
    rows = [
        (dataset.name, query_id, tag)
        for dataset in made.datasets
        for tag, ids in _tags(made, dataset).items()
        for query_id in ids
    ]
    return pa.table(list(map(list, zip(*rows, strict=True))), schema=TAGS_SCHEMA) if rows else None


def _tags(made: Made, dataset: DatasetLeaf) -> dict[str, list[str]]:
    node = dataset.references
    if node is None:
        return {}
    references = made.load(node) if made.store.usable(node.fingerprint) else made.plan.leaves.loader(node.fingerprint)()
    assert isinstance(references, References)  # noqa: S101  this leaf holds nothing else
    return references.tags()
