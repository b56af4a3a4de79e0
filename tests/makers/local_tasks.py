"""Tasks of mteb over local files: real subclasses of its own class, loaded by its own loader from a folder.

A folder is what a repository on the hub is: files, and a README.md whose head says which of them make a configuration.
"""

from __future__ import annotations

import json
from pathlib import Path

HEAD = """---
configs:
{configs}---
"""
CONFIG = """- config_name: {name}
  data_files:
{files}"""


def write_repository(folder: Path, files: dict[str, dict[str, list[dict]]]) -> Path:
    """Write `{configuration: {split: rows}}` as JSON lines with a README.md that names them."""
    configs = ""
    for name, splits in files.items():
        listed = ""
        for split, rows in splits.items():
            path = folder / name / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            listed += f"  - split: {split}\n    path: {name}/{split}.jsonl\n"
        configs += CONFIG.format(name=name, files=listed)
    (folder / "README.md").write_text(HEAD.format(configs=configs))
    return folder


def from_beir(beir: Path, folder: Path, split: str = "test", **more: dict[str, list[dict]]) -> Path:
    """Write a BEIR folder as such a repository, the queries of all splits together as in the original."""
    lines = {name: (beir / f"{name}.jsonl").read_text().splitlines() for name in ("corpus", "queries")}
    texts = {name: [json.loads(line) for line in found] for name, found in lines.items()}
    judged = [line.split("\t") for line in (beir / "qrels" / f"{split}.tsv").read_text().splitlines()[1:]]
    files = {
        name: {name: [{key: row[key] for key in ("_id", "title", "text") if key in row} for row in rows]}
        for name, rows in texts.items()
    }
    qrels = [{"query-id": query, "corpus-id": document, "score": int(grade)} for query, document, grade in judged]
    return write_repository(folder, {**files, "default": {split: qrels}, **more})


PLUGIN = """
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata


class {name}(AbsTaskRetrieval):
    ignore_identical_ids = {ignore}
    metadata = TaskMetadata(
        name="{name}",
        description="A test.",
        type="{kind}",
        category="t2t",
        eval_splits={splits!r},
        eval_langs={languages!r},
        main_score="ndcg_at_10",
        prompt={prompt!r},
        dataset={{"path": {path!r}, "revision": "{revision}"}},
    )
"""


def write_task(
    file: Path,
    name: str,
    folder: Path,
    *,
    ignore: bool = False,
    splits: tuple[str, ...] = ("test",),
    languages: dict[str, list[str]] | None = None,
    prompt: str | dict[str, str] | None = None,
    kind: str = "Retrieval",
) -> Path:
    """Write the Python file that defines a task over a folder, as a user's plug-in would."""
    text = PLUGIN.format(
        name=name,
        ignore=ignore,
        kind=kind,
        splits=list(splits),
        languages=languages or ["eng-Latn"],
        prompt=prompt,
        path=str(folder),
        revision="a" * 40,
    )
    file.write_text(text)
    return file
