"""The queries that rewriters wrote: their entry in run.json, and the files of drafts in the result folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from harness.artifacts.drafts import Drafts
from harness.fingerprint import Fingerprint
from harness.plan import answer_nodes
from harness.plan.prompts import model_name
from harness.record.made import Made
from harness.results.facts import RewrittenFacts
from harness.results.file_names import safe_names
from harness.stage import Node, Rewriter


class RewrittenQueries(NamedTuple):
    """The drafts of one rewriter on one data set, and their file in the result folder."""

    file: str
    facts: RewrittenFacts
    """The entry in run.json."""
    drafts: Drafts


def rewritten_queries(made: Made) -> Iterator[RewrittenQueries]:
    """Yield the drafts of every rewriter once, with the systems that search with them."""
    users: dict[tuple[str, Fingerprint], tuple[Node, list[str]]] = {}
    for target in made.finished:
        for node in answer_nodes(target.run):
            if isinstance(node.stage, Rewriter):
                _, systems = users.setdefault((target.dataset, node.fingerprint), (node, []))
                systems.append(target.system)
    folders = safe_names([dataset for dataset, _ in users])
    for (dataset, fingerprint), (node, systems) in users.items():
        drafts: Drafts = made.load(node)
        stage = node.stage
        assert isinstance(stage, Rewriter)  # noqa: S101  only rewriters were collected above
        file = f"drafts/{folders[dataset]}/{stage.name}-{fingerprint[:12]}.jsonl"
        facts = RewrittenFacts(
            dataset=dataset,
            systems=systems,
            stage=stage.word(),
            model=model_name(node, made.plan.leaves),
            instruction=stage.instruction,
            queries=len(drafts),
            short=sum(len(draft.texts) < stage.use.n for draft in drafts.entries),
            file=file,
        )
        yield RewrittenQueries(file, facts, drafts)
