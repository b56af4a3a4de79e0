"""BM25 on Cranfield by other people's code alone: ir_datasets reads, bm25s ranks, pytrec_eval scores.

    python benchmarks/cranfield_by_others.py        prints nDCG@10 of the mapped grades (4 best … 1, -1 as 0)

`suites/cranfield.yaml` expects this number. Nothing of the harness is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bm25s
import ir_datasets
import pytrec_eval
import Stemmer

GRADES = {1: 4, 2: 3, 3: 2, 4: 1, -1: 0}


def tokens(texts: list[str]) -> Any:
    """Cut texts as the suite does: lower case, English stop words, the English Snowball stemmer."""
    return bm25s.tokenize(texts, stopwords="en", stemmer=Stemmer.Stemmer("english"), show_progress=False)


def ranked(engine: Any, text: str, ids: list[str]) -> Iterator[tuple[str, float]]:
    """Give the hundred best documents of a query; one without a word of it is not found."""
    places, scores = engine.retrieve(tokens([text]), k=100, show_progress=False)
    return ((ids[place], float(score)) for place, score in zip(places[0], scores[0], strict=True) if score > 0)


def main() -> None:
    """Rank, score, and print."""
    data = ir_datasets.load("cranfield")
    documents = list(data.docs_iter())
    qrels: dict[str, dict[str, int]] = {}
    for judgement in data.qrels_iter():
        qrels.setdefault(judgement.query_id, {})[judgement.doc_id] = GRADES[judgement.relevance]
    engine = bm25s.BM25(k1=0.9, b=0.4)
    engine.index(tokens([document.text for document in documents]), show_progress=False)
    ids = [document.doc_id for document in documents]
    run = {query.query_id: dict(ranked(engine, query.text, ids)) for query in data.queries_iter()}
    scored = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut_10"}).evaluate(run)
    mean = sum(scored[query]["ndcg_cut_10"] if query in scored else 0.0 for query in qrels) / len(qrels)
    print(f"nDCG@10 {mean:.4f}")


if __name__ == "__main__":
    main()
