"""What `harness data` says of a data set: sizes, lengths, judgements, what is odd, and the names of its content."""

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
from harness.plan.leaves import PARTS, DatasetLeaf, find_collection
from harness.registry import DATASETS
from harness.store import Store
from harness.suite import load_suite, make_dataset
from harness.suite.document import Document, read

QUANTILES = {"min": 0.0, "p5": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}
SAID = "SOURCE"


def find_dataset(said: str, name: str | None = None) -> tuple[str, Dataset]:
    """Return the data set that is meant, and its name.

    `said` is a suite file, of which `name` chooses a data set; or `WORD:VALUE…`, as beir:FOLDER:test, where the values
    are those of the source's first settings; or a mapping as a suite writes it. UserError for anything else.
    """
    if said.lower().endswith((".yaml", ".yml")):
        return _of_suite(Path(said), name)
    if name is not None:
        raise UserError(f"--dataset chooses a data set of a suite, and {said!r} is none")
    if said.lstrip().startswith("{"):
        document = read(said, SAID)
    else:
        word, *values = said.split(":", 1)
        if not values and word not in DATASETS and Path(said).exists():
            raise UserError(f"{said!r} is a path: say what lies there, as beir:{said} or csv:{said}", Place(SAID))
        brief = DATASETS[word].brief
        given = values[0].split(":", max(len(brief) - 1, 0)) if values else []
        if len(given) > len(brief):
            raise UserError(f"{word!r} takes nothing behind a colon, found {values[0]!r}", Place(SAID))
        values_ = {"source": word, **dict(zip(brief, given, strict=False))}
        document = Document(SAID, values_, {})
    return "data", make_dataset("data", document.values, Path.cwd(), document)


def _of_suite(path: Path, name: str | None) -> tuple[str, Dataset]:
    suite = load_suite(path)
    if name is None and len(suite.datasets) > 1:
        raise UserError(
            f"the suite has several data sets: --dataset NAME; {nearest('', suite.datasets)}", Place(str(path))
        )
    name = next(iter(suite.datasets)) if name is None else name
    if name not in suite.datasets:
        raise UserError(f"the suite has no data set {name!r}; {nearest(name, suite.datasets)}", Place(str(path)))
    return name, suite.datasets[name]


def describe(name: str, dataset: Dataset, store: Store) -> dict[str, Any]:
    """Read a data set into the store and say what it holds; DataError for damage."""
    found = find_collection(name, dataset, store, fetch=True)
    corpus = store.load(found.corpus.fingerprint, Corpus)
    queries = store.load(found.queries.fingerprint, Queries)
    qrels = store.load(found.qrels.fingerprint, Qrels)
    judged, relevant = _per_query(qrels)
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
        "grades": found.facts["hygiene"]["grades"],
        "fingerprints": {part: found.facts["contents"][part] for part in PARTS if part in found.facts["contents"]},
        **_told(found),
    }


def _told(found: DatasetLeaf) -> dict[str, Any]:
    facts = found.facts
    said = {"notes": facts["notes"], "origin": facts["origin"], "hygiene": facts["hygiene"]}
    return said | {"ignore_identical_ids": found.ignore_identical_ids}


def _lengths(texts: Texts) -> dict[str, dict[str, float]]:
    """Return how words and characters of the texts are spread; words are what white space parts."""
    words, characters = (np.empty(len(texts), np.int64) for _ in range(2))
    for start in range(0, len(texts), BATCH):
        part = slice(start, start + BATCH)
        column = texts.take(part).table["text"].combine_chunks()
        characters[part] = pc.utf8_length(column).to_numpy(zero_copy_only=False)
        pieces = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(column))
        count = pc.list_value_length(pieces).to_numpy(zero_copy_only=False)
        words[part] = np.where(characters[part] == 0, 0, count)
    return {"words": _spread(words), "characters": _spread(characters)}


def _per_query(qrels: Qrels) -> tuple[np.ndarray, np.ndarray]:
    """Return the judgements of each judged query, and those of them above 0."""
    encoded = qrels.table["query_id"].combine_chunks().dictionary_encode()
    rows = encoded.indices.to_numpy()
    return np.bincount(rows), np.bincount(rows, weights=qrels.grades > 0).astype(np.int64)


def _spread(counts: np.ndarray) -> dict[str, float]:
    found = np.quantile(counts, list(QUANTILES.values()), method="inverted_cdf")
    return {"mean": round(float(counts.mean()), 2)} | {
        name: int(value) for name, value in zip(QUANTILES, found, strict=True)
    }


def as_lines(said: dict[str, Any]) -> Iterator[str]:
    """Write a description for people."""
    yield f"{said['name']}: {said['source']}" + (f" ({settings})" if (settings := _settings(said["settings"])) else "")
    yield f"{said['documents']:,} documents, {said['queries']:,} queries, {said['judgements']:,} judgements"
    yield ""
    yield f"{'':<24}" + "".join(f"{word:>10}" for word in ("mean", *QUANTILES))
    for what, lengths in said["lengths"].items():
        for unit, spread in lengths.items():
            yield _row(f"{unit} a {what[:-1] if what != 'queries' else 'query'}", spread)
    yield _row("judgements a query", said["judgements_per_query"])
    yield _row("relevant a query", said["relevant_per_query"])
    yield ""
    yield "grades: " + ", ".join(f"{grade} ({count:,})" for grade, count in said["grades"].items())
    for part, content in said["fingerprints"].items():
        yield f"{part}: {content}"
    for note in said["notes"]:
        yield f"note: {note}"
    for finding in said["hygiene"]["findings"]:
        yield f"look: {finding}"
    if not said["hygiene"]["findings"]:
        yield "nothing odd was found"


def _settings(settings: dict[str, Any]) -> str:
    """Write the settings in one line; what is nested, as the names of columns, is told by the notes."""
    plain = settings | ({"path": relative(Path(settings["path"]))} if settings.get("path") else {})
    return ", ".join(f"{key}: {value}" for key, value in plain.items() if not isinstance(value, dict))


def _row(name: str, spread: dict[str, float]) -> str:
    return f"{name:<24}" + "".join(f"{value:>10,}" for value in spread.values())
