"""Write the questions and texts of chunking_evaluation (Smith and Troynikov 2024) in the files that `jsonl` reads.

    python benchmarks/chunking_data.py FOLDER [OUT]

FOLDER holds `corpora/*.md` and `questions.jsonl`: a question, the name of its text, and references with `start_index`
and `end_index`. OUT, by default .harness/chunking_eval, gets corpus.jsonl, queries.jsonl and spans.jsonl.
suites/chunking.yaml reads it there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

OUT = Path(".harness/chunking_eval")


def main() -> None:
    """Write the three files and say what they hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=OUT)
    given = parser.parse_args()
    counts = convert(given.folder, given.out)
    print(f"{given.out}: {counts['corpus']} documents, {counts['queries']} queries, {counts['spans']} spans")


def convert(folder: Path, out: Path) -> dict[str, int]:
    """Write the files and count their lines. ValueError where a reference does not say what stands at its place."""
    texts = {path.stem: read(path) for path in sorted((folder / "corpora").glob("*.md"))}
    questions = [json.loads(line) for line in read(folder / "questions.jsonl").splitlines()]
    spans = [span(question, reference, texts) for question in questions for reference in question["references"]]
    parts: dict[str, Iterable[dict[str, Any]]] = {
        "corpus": [{"id": name, "text": text} for name, text in texts.items()],
        "queries": [{"id": question["_id"], "text": question["text"]} for question in questions],
        "spans": spans,
    }
    out.mkdir(parents=True, exist_ok=True)
    return {part: write(out / f"{part}.jsonl", rows) for part, rows in parts.items()}


def span(question: dict[str, Any], reference: dict[str, Any], texts: dict[str, str]) -> dict[str, Any]:
    """Return one line of spans.jsonl. The harness strips a text, so places move by the white space at its beginning."""
    text, start, end = texts[question["corpus_id"]], reference["start_index"], reference["end_index"]
    if text[start:end] != reference["content"]:
        raise ValueError(f"{reference['content']!r} does not stand at {start} in {question['corpus_id']!r}")
    moved = len(text) - len(text.lstrip())
    return {"query": question["_id"], "document": question["corpus_id"], "start": start - moved, "end": end - moved}


def read(path: Path) -> str:
    """Read a text with its line ends as they are, since places count them."""
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def write(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write one object a line and return how many."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return len(lines)


if __name__ == "__main__":
    main()
