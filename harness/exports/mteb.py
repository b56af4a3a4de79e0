"""Results as mteb keeps its own: one JSON file a system and task, in the folders of a repository of its results.

results/<suite>__<system>/<run>/<task>.json      what mteb calls a TaskResult
results/<suite>__<system>/<run>/model_meta.json  the name of the system, nothing else being known to mteb
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
from harness.results.file_names import safe_names

NAMES = {"nDCG": "ndcg", "AP": "map", "R": "recall", "P": "precision", "RR": "mrr", "Success": "hit_rate"}
"""Measures that mteb has, by our names; one with another parameter than its cut-off is not mteb's."""
UNKNOWN = (
    *("loader", "release_date", "languages", "n_parameters", "memory_usage_mb", "max_tokens", "embed_dim", "license"),
    *("open_weights", "public_training_code", "public_training_data", "similarity_fn_name", "use_instructions"),
    "training_datasets",
)
"""What mteb wants to be told of a model and a result folder does not say."""


class Task(NamedTuple):
    """A data set as mteb would call it; `main_score` is None where the headline measure is the one."""

    name: str
    revision: str
    split: str
    subset: str
    languages: list[str]
    main_score: str | None


def export(results: Results, out: Path) -> list[Path]:
    """Write the files and return them; a system that failed on a data set has none for it, as it has no number.

    A data set of the source mteb bears its task's name where the numbers are the task's, any other its name in the
    suite. Raises UserError where a task's main score was not measured, and where two data sets are one task's subset.
    """
    tasks = {dataset: _task(results, dataset) for dataset in results.datasets}
    systems, files = safe_names(results.systems), safe_names(task.name for task in tasks.values())
    (suite,), (run,) = (safe_names([name]).values() for name in (results.suite, results.id))
    written = []
    for system in results.systems:
        folder = out / "results" / f"{suite}__{systems[system]}" / run
        found = _scores(results, tasks, system)
        for name, document in found.items():
            written.append(_write(folder / f"{files[name]}.json", document))
        if found:
            written.append(_write(folder / "model_meta.json", _model(f"{suite}/{systems[system]}", run)))
    return written


def mteb_name(measure: str) -> str:
    """Return what mteb calls a measure; our own name where it has none.

    >>> mteb_name("nDCG@10"), mteb_name("P(rel=2)@5")
    ('ndcg_at_10', 'P(rel=2)@5')
    """
    match = re.fullmatch(r"(\w+)@(\d+)", measure)
    return f"{NAMES[match[1]]}_at_{match[2]}" if match and match[1] in NAMES else measure


def _scores(results: Results, tasks: Mapping[str, Task], system: str) -> dict[str, dict[str, Any]]:
    """Give the document of each task that the system has numbers for; subsets and splits of a task share one."""
    documents: dict[str, dict[str, Any]] = {}
    for dataset, task in tasks.items():
        values = {name: results.value(dataset, system, name) for name in results.measures}
        found = {mteb_name(name): value for name, value in values.items() if value is not None}
        if not found:
            continue
        main = task.main_score or mteb_name(results.measures[0])
        if main not in found:
            raise UserError(f"the main score of {task.name} is {main}, which {system!r} has no number for")
        entry = {**found, "main_score": found[main], "hf_subset": task.subset, "languages": task.languages}
        document = documents.setdefault(task.name, _document(results, task))
        beside = document["scores"].setdefault(task.split, [])
        if any(other["hf_subset"] == task.subset for other in beside):
            raise UserError(f"two data sets are the task {task.name} ({task.subset}, {task.split}): export one of them")
        beside.append(entry)
    return documents


def _task(results: Results, dataset: str) -> Task:
    about = results.part("datasets").get(dataset, {})
    settings, origin = about.get("settings") or {}, about.get("origin") or {}
    theirs = origin.get("ignore_identical_ids", False)
    ignored = about.get("ignore_identical_ids", settings.get("ignore_identical_ids", theirs))
    changed = origin.get("candidates") or "grades" in settings or ignored != theirs
    fields = ("task", "revision", "split", "subset", "languages", "main_score")
    if origin.keys() >= set(fields) and not changed:
        return Task(*(origin[field] for field in fields))
    split = origin.get("split") or settings.get("split")
    revision = str(about.get("corpus", "unknown"))  # what a data set without a publisher is named by: its content
    return Task(dataset, revision, split if isinstance(split, str) else "test", "default", [], None)


def _document(results: Results, task: Task) -> dict[str, Any]:
    """Begin a TaskResult. `mteb_version` is null: its code calculated nothing here."""
    return {
        "dataset_revision": task.revision,
        "task_name": task.name,
        "mteb_version": None,
        "scores": {},
        "evaluation_time": None,
        "kg_co2_emissions": None,
        "date": _seconds(results.run.get("ended")),
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
