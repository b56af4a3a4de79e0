"""Which queries were rewritten by what: what run.json says of it, and the drafts that lie beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from harness.artifacts.drafts import Drafts
from harness.fingerprint import Fingerprint
from harness.plan import Plan, answer_nodes
from harness.plan.prompts import model_name
from harness.results.file_names import safe_names
from harness.stage import Node, Rewriter


class Rewritten(NamedTuple):
    """The drafts of a data set that systems share, and where they lie in the result folder."""

    file: str
    said: dict[str, Any]
    drafts: Drafts


def rewritten(plan: Plan, failed: Collection[Fingerprint], load: Callable[[Node], Any]) -> Iterator[Rewritten]:
    """Give the drafts of every rewriter once, with the systems that search with them."""
    found: dict[tuple[str, Fingerprint], tuple[Node, list[str]]] = {}
    for target in plan.targets:
        for node in answer_nodes(target.run):
            if isinstance(node.stage, Rewriter) and target.run.fingerprint not in failed:
                _, systems = found.setdefault((target.dataset, node.fingerprint), (node, []))
                systems.append(target.system)
    folders = safe_names(dataset for dataset, _ in found)
    for (dataset, name), (node, systems) in found.items():
        drafts: Drafts = load(node)
        stage = node.stage
        assert isinstance(stage, Rewriter)  # noqa: S101  what was looked at above
        file = f"drafts/{folders[dataset]}/{stage.name}-{name[:12]}.jsonl"
        said = {
            "dataset": dataset,
            "systems": systems,
            "stage": stage.word(),
            "model": model_name(node, plan.leaves),
            "instruction": stage.instruction,
            "queries": len(drafts),
            "short": sum(len(draft.texts) < stage.use.n for draft in drafts.entries),
            "file": file,
        }
        yield Rewritten(file, said, drafts)
