"""Results in the layout of mteb's results repository: one JSON file per system and task.

results/<suite>__<system>/<run>/<task>.json      a TaskResult of mteb
results/<suite>__<system>/<run>/model_meta.json  the name of the system; the other fields of a model are null
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import UserError
from harness.results import Results
from harness.results.facts import DatasetFacts
from harness.results.file_names import safe_names

NAMES = {"nDCG": "ndcg", "AP": "map", "R": "recall", "P": "precision", "RR": "mrr", "Success": "hit_rate"}
"""The names of mteb for measures, by our names; they have no parameter besides the cut-off."""
UNKNOWN = (
    *("loader", "release_date", "languages", "n_parameters", "memory_usage_mb", "max_tokens", "embed_dim", "license"),
    *("open_weights", "public_training_code", "public_training_data", "similarity_fn_name", "use_instructions"),
    "training_datasets",
)
"""The fields of a model in mteb that a result folder does not know."""


class Task(NamedTuple):
    """A data set as a task of mteb; if `main_score` is None, the headline measure is the main score."""

    name: str
    revision: str
    split: str
    subset: str
    languages: list[str]
    main_score: str | None


def export(results: Results, out: Path) -> list[Path]:
    """Write the files to `out` and return them; a system that failed on a data set has no file for it.

    A data set from mteb has the name of its task if the numbers are those of the task; any other has its name in the
    suite. Raises UserError if the main score of a task was not measured, or if two data sets are the same subset.
    """
    tasks = {dataset: _task(results, dataset) for dataset in results.datasets}
    systems, files = safe_names(results.systems), safe_names(task.name for task in tasks.values())
    (suite,), (run,) = (safe_names([name]).values() for name in (results.suite, results.id))
    written = []
    for system in results.systems:
        folder = out / "results" / f"{suite}__{systems[system]}" / run
        documents = _scores(results, tasks, system)
        for name, document in documents.items():
            written.append(_write(folder / f"{files[name]}.json", document))
        if documents:
            written.append(_write(folder / "model_meta.json", _model(f"{suite}/{systems[system]}", run)))
    return written


def mteb_name(measure: str) -> str:
    """Return the name of a measure in mteb; our own name if mteb has none.

    >>> mteb_name("nDCG@10"), mteb_name("P(rel=2)@5")
    ('ndcg_at_10', 'P(rel=2)@5')
    """
    match = re.fullmatch(r"(\w+)@(\d+)", measure)
    return f"{NAMES[match[1]]}_at_{match[2]}" if match and match[1] in NAMES else measure


def _scores(results: Results, tasks: Mapping[str, Task], system: str) -> dict[str, dict[str, Any]]:
    """Return the document of each task that the system has numbers for; subsets and splits of a task share one."""
    documents: dict[str, dict[str, Any]] = {}
    for dataset, task in tasks.items():
        values = {name: results.value(dataset, system, name) for name in results.measures}
        scores = {mteb_name(name): value for name, value in values.items() if value is not None}
        if not scores:
            continue
        main = task.main_score or mteb_name(results.measures[0])
        if main not in scores:
            raise UserError(f"the main score of {task.name} is {main}, which {system!r} has no number for")
        entry = {**scores, "main_score": scores[main], "hf_subset": task.subset, "languages": task.languages}
        document = documents.setdefault(task.name, _document(results, task))
        subsets = document["scores"].setdefault(task.split, [])
        if any(other["hf_subset"] == task.subset for other in subsets):
            raise UserError(f"two data sets are the task {task.name} ({task.subset}, {task.split}): export one of them")
        subsets.append(entry)
    return documents


def _task(results: Results, dataset: str) -> Task:
    facts = results.facts.datasets.get(dataset, DatasetFacts())
    settings, origin, ignored = facts.settings, facts.origin, facts.ignore_identical_ids
    published = origin.get("ignore_identical_ids", False)
    if ignored is None:
        ignored = settings.get("ignore_identical_ids", published)
    changed = origin.get("candidates") or "grades" in settings or ignored != published
    fields = ("task", "revision", "split", "subset", "languages", "main_score")
    if origin.keys() >= set(fields) and not changed:
        return Task(*(origin[field] for field in fields))
    split = origin.get("split") or settings.get("split")
    revision = facts.corpus or "unknown"  # without a publisher, the checksum of the content names the data set
    return Task(dataset, revision, split if isinstance(split, str) else "test", "default", [], None)


def _document(results: Results, task: Task) -> dict[str, Any]:
    """Return a TaskResult without scores; `mteb_version` is null because mteb computed nothing here."""
    return {
        "dataset_revision": task.revision,
        "task_name": task.name,
        "mteb_version": None,
        "scores": {},
        "evaluation_time": None,
        "kg_co2_emissions": None,
        "date": _seconds(results.facts.ended),
    }


def _seconds(moment: object) -> float | None:
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return None


def _model(name: str, revision: str) -> dict[str, Any]:
    return {"name": name, "revision": revision, **dict.fromkeys(UNKNOWN), "framework": []}


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    return path
