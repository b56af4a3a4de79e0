"""Pairs of TREC files that try to make a scorer stumble: ties, float32, gaps, odd ids, odd lines; all of them valid.

    python -m tests.makers.adversarial [PAIRS]

scores 200 pairs here and by pytrec_eval and prints the largest difference over all queries and measures.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.measures.scoring.score_run import score_files
from tests.oracle.test_measures import TREC, survivable

SPACES = [" ", "\t", "  ", " \t ", "\v"]
IDS = ["d{}", "doc-{:08}", "ü{}", "日本{}", "{}", "D{}#", "x" * 300 + "{}", "a b{}".replace(" ", "\u00a0")]
SCORES = [
    lambda rng: str(int(rng.integers(-3, 4))),
    lambda rng: f"{rng.normal():.6f}",
    lambda rng: f"{0.7 + rng.integers(0, 3) * 1e-10:.12f}",
    lambda rng: f"{100000 + rng.integers(0, 5) / 1000:.3f}",
    lambda rng: f"{rng.normal():+.2e}",
    lambda rng: ["1e-46", "-0.0", "0", "3.4e38", "-3.4e38", "1e-300"][rng.integers(6)],
]


class Pair(NamedTuple):
    """Two files, and what they say."""

    qrels: Path
    run: Path
    judged: dict[str, dict[str, int]]
    found: dict[str, dict[str, float]]


def write_pair(folder: Path, seed: int) -> Pair:
    rng = np.random.default_rng(seed)
    form = IDS[seed % len(IDS)]
    deep = seed % 10 == 9
    ids = [form.format(i) for i in rng.permutation(int(rng.integers(1100, 2500) if deep else rng.integers(2, 120)))]
    asked = IDS[seed // len(IDS) % len(IDS)]
    queries = [asked.format(i) for i in range(int(rng.integers(1, 6 if deep else 25)))]
    low, high = int(rng.integers(-2, 1)), int(rng.integers(1, 5))
    judged: dict[str, dict[str, int]] = {}
    found: dict[str, dict[str, float]] = {}
    qrels_lines, run_lines = [], []
    pick = SCORES[seed % len(SCORES)]
    for query in queries:
        if rng.random() < 0.85:
            top = 0 if rng.random() < 0.15 else high
            some = rng.choice(len(ids), rng.integers(1, len(ids)), replace=False)
            judged[query] = {ids[i]: int(rng.integers(low, top + 1)) for i in some}
            judged[query] |= {f"outside{i}": int(rng.integers(low, top + 1)) for i in range(rng.integers(0, 3))}
            lines = [(query, "0", document, str(grade)) for document, grade in judged[query].items()]
            qrels_lines += lines + lines[: rng.integers(3)]
        if rng.random() < 0.85:
            some = rng.choice(len(ids), rng.integers(1, len(ids) + 1), replace=False)
            words = {ids[i]: pick(rng) for i in some}
            found[query] = {document: float(score) for document, score in words.items()}
            run_lines += [(query, "Q0", document, "7", score, "tag") for document, score in words.items()]
    if not qrels_lines:
        judged, qrels_lines = {"0": {"z": 1}}, [("0", "0", "z", "1")]
    if not run_lines:
        found, run_lines = {"nobody": {"z": 1.0}}, [("nobody", "Q0", "z", "1", "1", "tag")]
    paths = folder / f"{seed}.qrels", folder / f"{seed}.run"
    for path, lines in zip(paths, (qrels_lines, run_lines), strict=True):
        path.write_bytes(_text(rng, lines))
    return Pair(*paths, judged, found)


def largest_difference(pair: Pair) -> float:
    """Score a pair here and by pytrec_eval; a query that the run lacks counts 0."""
    import pytrec_eval

    ours = score_files(pair.qrels, pair.run, TREC)
    theirs = pytrec_eval.RelevanceEvaluator(survivable(pair.judged), set(TREC.values())).evaluate(pair.found)
    assert list(ours.query_ids) == sorted(pair.judged, key=str.encode)
    assert ours.counts.n_missing == len(set(pair.judged) - set(pair.found))
    assert ours.counts.n_extra == len(set(pair.found) - set(pair.judged))
    return max(
        abs(value - theirs.get(query, {}).get(other, 0.0))
        for name, other in TREC.items()
        for query, value in zip(ours.query_ids, ours.values[name], strict=True)
    )


def _text(rng: np.random.Generator, lines: list[tuple[str, ...]]) -> bytes:
    """Shuffle and write; sometimes with a mark, other ends of lines, blank lines, no last end, and gzipped."""
    end = ["\n", "\r\n"][rng.integers(2)]
    order = rng.permutation(len(lines))
    said = end.join(SPACES[rng.integers(len(SPACES))].join(lines[i]) + " " * int(rng.integers(2)) for i in order)
    said = ("\ufeff" if rng.random() < 0.2 else "") + (end + said if rng.random() < 0.2 else said)
    data = (said + (end * int(rng.integers(0, 3)))).encode()
    return gzip.compress(data) if rng.random() < 0.3 else data


def main() -> None:
    pairs, worst, scored, lines = int(sys.argv[1]) if len(sys.argv) > 1 else 200, 0.0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(pairs):
            pair = write_pair(Path(folder), seed)
            worst = max(worst, largest_difference(pair))
            scored, lines = scored + len(pair.judged), lines + sum(map(len, pair.found.values()))
    size = f"{pairs} pairs, {scored:,} judged queries, {lines:,} lines of runs, {len(TREC)} measures"
    sys.stdout.write(f"{size}: largest difference to pytrec_eval {worst:.1e}\n")


if __name__ == "__main__":
    main()
