"""Describes a data set as `harness data` does: sizes, lengths, judgements, anomalies and checksums."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from harness.artifacts.judgements import Qrels
from harness.artifacts.text import BATCH, Corpus, Queries, Texts
from harness.datasets.base import Dataset
from harness.errors import Place, UserError, nearest, relative
from harness.plan.leaves import PARTS, find_collection
from harness.registry import DATASETS
from harness.store import Store
from harness.suite import load_suite, make_dataset
from harness.suite.document import Document, read

QUANTILES = {"min": 0.0, "p5": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}
ARGUMENT = "SOURCE"
"""The name of the argument, as the place of mistakes in it."""


def find_dataset(source: str, name: str | None = None) -> tuple[str, Dataset]:
    """Return the data set that an argument of the command refers to, and its name.

    `source` is a suite file, of which `name` chooses a data set; or `SOURCE:VALUE…`, such as beir:FOLDER:test, with
    values for the first settings of the source; or a mapping as in a suite. Raises UserError for anything else.
    """
    if source.lower().endswith((".yaml", ".yml")):
        return _of_suite(Path(source), name)
    if name is not None:
        raise UserError(f"--dataset chooses a data set of a suite, but {source!r} is not a suite file")
    document = read(source, ARGUMENT) if source.lstrip().startswith("{") else _short_form(source)
    return "data", make_dataset("data", document.values, Path.cwd(), document)


def _short_form(source: str) -> Document:
    """Read `SOURCE:VALUE…`; the last setting takes the rest, colons included."""
    word, *values = source.split(":", 1)
    if not values and word not in DATASETS and Path(source).exists():
        raise UserError(
            f"{source!r} is a path; say how to read it, as in beir:{source} or csv:{source}", Place(ARGUMENT)
        )
    settings = DATASETS[word].brief
    given = values[0].split(":", max(len(settings) - 1, 0)) if values else []
    if len(given) > len(settings):
        raise UserError(f"{word!r} takes no value after the colon, found {values[0]!r}", Place(ARGUMENT))
    return Document(ARGUMENT, {"source": word, **dict(zip(settings, given, strict=False))}, {})


def _of_suite(path: Path, name: str | None) -> tuple[str, Dataset]:
    suite = load_suite(path)
    if name is None and len(suite.datasets) > 1:
        known = nearest("", suite.datasets)
        raise UserError(f"the suite has several data sets, choose one with --dataset NAME; {known}", Place(str(path)))
    name = next(iter(suite.datasets)) if name is None else name
    if name not in suite.datasets:
        raise UserError(f"the suite has no data set {name!r}; {nearest(name, suite.datasets)}", Place(str(path)))
    return name, suite.datasets[name]


def describe(name: str, dataset: Dataset, store: Store) -> dict[str, Any]:
    """Read a data set into the store and describe it. Raises DataError for damaged data."""
    leaf = find_collection(name, dataset, store, fetch=True)
    corpus = store.load(leaf.corpus.fingerprint, Corpus)
    queries = store.load(leaf.queries.fingerprint, Queries)
    qrels = store.load(leaf.qrels.fingerprint, Qrels)
    judged, relevant = _per_query(qrels)
    contents = leaf.facts["contents"]
    return {
        "name": name,
        "source": dataset.source,
        "settings": dataset.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "documents": len(corpus),
        "queries": len(queries),
        "judgements": len(qrels),
        "lengths": {"documents": _lengths(corpus), "queries": _lengths(queries)},
        "judgements_per_query": _spread(judged),
        "relevant_per_query": _spread(relevant),
        "grades": leaf.facts["hygiene"]["grades"],
        "fingerprints": {part: contents[part] for part in PARTS if part in contents},
        "notes": leaf.facts["notes"],
        "origin": leaf.facts["origin"],
        "hygiene": leaf.facts["hygiene"],
        "ignore_identical_ids": leaf.ignore_identical_ids,
    }


def _lengths(texts: Texts) -> dict[str, dict[str, float]]:
    """Return the distribution of the texts' lengths, in words (separated by white space) and in characters."""
    words, characters = (np.empty(len(texts), np.int64) for _ in range(2))
    for start in range(0, len(texts), BATCH):
        part = slice(start, start + BATCH)
        column = texts.take(part).table["text"].combine_chunks()
        characters[part] = pc.utf8_length(column).to_numpy(zero_copy_only=False)
        split = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(column))
        count = pc.list_value_length(split).to_numpy(zero_copy_only=False)
        words[part] = np.where(characters[part] == 0, 0, count)
    return {"words": _spread(words), "characters": _spread(characters)}


def _per_query(qrels: Qrels) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of judgements of each judged query, and the number of those with a grade above 0."""
    encoded = qrels.table["query_id"].combine_chunks().dictionary_encode()
    rows = encoded.indices.to_numpy()
    return np.bincount(rows), np.bincount(rows, weights=qrels.grades > 0).astype(np.int64)


def _spread(counts: np.ndarray) -> dict[str, float]:
    quantiles = np.quantile(counts, list(QUANTILES.values()), method="inverted_cdf")
    return {"mean": round(float(counts.mean()), 2)} | {
        name: int(value) for name, value in zip(QUANTILES, quantiles, strict=True)
    }


def as_lines(description: dict[str, Any]) -> Iterator[str]:
    """Yield a description, as `describe` returns it, as lines for people."""
    settings = _settings(description["settings"])
    yield f"{description['name']}: {description['source']}" + (f" ({settings})" if settings else "")
    yield "{documents:,} documents, {queries:,} queries, {judgements:,} judgements".format(**description)
    yield ""
    yield f"{'':<24}" + "".join(f"{name:>10}" for name in ("mean", *QUANTILES))
    for kind, one in (("documents", "document"), ("queries", "query")):
        for unit, spread in description["lengths"][kind].items():
            yield _row(f"{unit} per {one}", spread)
    yield _row("judgements per query", description["judgements_per_query"])
    yield _row("relevant per query", description["relevant_per_query"])
    yield ""
    yield "grades: " + ", ".join(f"{grade} ({count:,})" for grade, count in description["grades"].items())
    for part, content in description["fingerprints"].items():
        yield f"{part}: {content}"
    for note in description["notes"]:
        yield f"note: {note}"
    for finding in description["hygiene"]["findings"]:
        yield f"look: {finding}"
    if not description["hygiene"]["findings"]:
        yield "no anomalies found"


def _settings(settings: dict[str, Any]) -> str:
    """Write the settings in one line, without mappings (such as names of columns), which the notes report."""
    plain = settings | ({"path": relative(Path(settings["path"]))} if settings.get("path") else {})
    return ", ".join(f"{key}: {value}" for key, value in plain.items() if not isinstance(value, dict))


def _row(name: str, spread: dict[str, float]) -> str:
    return f"{name:<24}" + "".join(f"{value:>10,}" for value in spread.values())
