"""What `rerank: llm` asks and what its threads gain, behind BM25 on a BEIR folder: no language model is needed.

    python benchmarks/listwise.py --data /path/to/beir/scifact

A server on loopback answers each question after a pause, as a model would, with its passages in reverse. Tokens are
those of the bundled all-MiniLM-L6-v2's tokenizer; other tokenizers count some tenths more or fewer.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import document_text
from harness.models.weights import bundled_folder
from harness.registry import STAGES
from harness.stage import Runtime


@contextmanager
def served(tokenizer: Tokenizer, pause: float) -> Iterator[str]:
    """Serve chats; give the base URL."""

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            question = asked["messages"][-1]["content"]
            text = " > ".join(reversed(re.findall(r"^\[\d+\]", question, re.MULTILINE)))
            usage = {"prompt_tokens": count(question), "completion_tokens": count(text)}
            body = json.dumps({"choices": [{"message": {"content": text}}], "usage": usage}).encode()
            time.sleep(pause)
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()


def read(folder: Path, count: int) -> tuple[Corpus, Queries]:
    """Read the documents and the first judged queries of a BEIR folder."""
    rows = map(json.loads, (folder / "corpus.jsonl").read_text("utf-8").splitlines())
    corpus = Corpus.of((row["_id"], document_text(row.get("title"), row["text"])) for row in rows)
    judged = {line.split("\t")[0] for line in (folder / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]}
    asked = map(json.loads, (folder / "queries.jsonl").read_text("utf-8").splitlines())
    return corpus, Queries.of([(row["_id"], row["text"]) for row in asked if row["_id"] in judged][:count])


def open_stage(name: str, runtime: Runtime, *held: Any, **settings: Any) -> Any:
    """Open a stage by its name."""
    return STAGES[name].model_validate(settings).open(runtime, *held)


def main() -> None:
    """Print questions and tokens a query, and seconds for each number of threads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = os.environ.get("HARNESS_TEST_DATA", "")
    parser.add_argument("--data", type=Path, default=Path(home, "beir", "scifact"), help="a BEIR folder")
    parser.add_argument("--queries", type=int, default=16)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds before an answer")
    parser.add_argument("--parallel", type=int, nargs="+", default=[1, 4, 16])
    options = parser.parse_args()
    corpus, queries = read(options.data, options.queries)
    index = open_stage("index/bm25", Runtime())(corpus)
    found: Run = open_stage("search/bm25", Runtime(), index, depth=options.depth)(queries)
    tokenizer = Tokenizer.from_file(str(bundled_folder("all-MiniLM-L6-v2") / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    with served(tokenizer, options.pause) as url:
        for parallel in options.parallel:
            runtime = Runtime()
            prices = {"usd_per_1m_input_tokens": 1.0, "usd_per_1m_output_tokens": 0.0}
            said = {"base_url": url, "model": "reverse", "depth": options.depth, "parallel": parallel, **prices}
            call = open_stage("rerank/llm", runtime, corpus, queries, None, **said)
            start = time.perf_counter()
            call(found)
            seconds = time.perf_counter() - start
            paid, asked = runtime.bill.total, len(queries)
            taken = round(paid.usd * 1_000_000)
            print(
                f"parallel {parallel}: {seconds:.1f} s for {asked} queries; a query: "
                f"{paid.answers / asked:.1f} questions, {taken / asked:,.0f} tokens read, "
                f"{(paid.tokens - taken) / asked:,.0f} written; {paid.malformed} malformed",
                flush=True,
            )


if __name__ == "__main__":
    main()
