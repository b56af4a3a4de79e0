"""The files with which measures of passages can be checked: runs of passages, their places, and gold spans."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.judgements import Spans
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE
from harness.artifacts.text import Corpus, Queries
from harness.measures.scoring.gold_spans import Gold, Places
from harness.plan import Target
from harness.record.made import Made
from harness.results import PASSAGES_SCHEMA, SPANS_SCHEMA
from harness.results.write import PassageFiles, RunFile
from harness.stage import SpanScorer


def passage_files(made: Made) -> PassageFiles | None:
    """Return what the measures of passages were calculated from; None if the plan has no such measure."""
    runs, passages, spans = [], [], {}
    for target in made.plan.targets:
        measured = [node for node in target.scores.values() if isinstance(node.stage, SpanScorer)]
        if not measured or measured[0].fingerprint in made.failed:
            continue
        run, (texts, corpus, queries, gold) = made.load(measured[0].stream[0]), map(made.load, measured[0].inputs[1:])
        if isinstance(texts, Passages):
            runs.append(RunFile(target.dataset, target.system, queries.table["id"], texts.table["id"], run))
        touched = Gold.of(texts, corpus, queries, gold).judgements.documents
        rows = np.union1d(run.documents[run.documents != NONE], touched)
        passages.append(_passages(target, rows, texts, corpus))
        spans[target.dataset] = _spans(target.dataset, gold, queries)
    return PassageFiles(runs, pa.concat_tables(passages), pa.concat_tables(spans.values())) if passages else None


def _passages(target: Target, rows: np.ndarray, texts: Corpus, corpus: Corpus) -> pa.Table:
    """Return the places of some passages (PASSAGES_SCHEMA), whose rows in `texts` are `rows`, int64[passages]."""
    places = Places.of(texts)
    columns = {
        "dataset": pa.repeat(pa.scalar(target.dataset), len(rows)),
        "system": pa.repeat(pa.scalar(target.system), len(rows)),
        "passage_id": texts.table["id"].take(pa.array(rows)),
        "doc_id": corpus.table["id"].take(pa.array(places.document[rows])),
        "start": places.start[rows],
        "end": places.end[rows],
    }
    return pa.table(columns).cast(PASSAGES_SCHEMA)


def _spans(dataset: str, gold: Spans, queries: Queries) -> pa.Table:
    """Return the gold spans of the queries in use (SPANS_SCHEMA)."""
    kept = gold.table.filter(pc.is_in(gold.table["query_id"], value_set=queries.table["id"].combine_chunks()))
    return kept.add_column(0, "dataset", pa.repeat(pa.scalar(dataset), len(kept))).cast(SPANS_SCHEMA)
