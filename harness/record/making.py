"""What making the artifacts of a system took, from their cost records: time, throughput, and paid services.

The records are those of the machine and the time at which each artifact was made, perhaps for an earlier run.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.artifacts.drafts import Drafts
from harness.artifacts.passages import Passages
from harness.artifacts.text import Corpus
from harness.meter import Cost, Paid
from harness.plan import Target, answer_nodes, walk
from harness.record.made import Made
from harness.results import Measurement
from harness.stage import ModelSource, Node
from harness.stage.node import query_side_name, side_of


def making(made: Made, target: Target) -> Iterator[Measurement]:
    """Yield the throughput of a system's stages, the seconds they took, and what services were paid for."""
    yield from _throughput(made, target)
    yield from _seconds(made, target)
    yield from _services(made, target)
    yield from _written(made, target)


def _costs(made: Made, target: Target) -> Iterator[tuple[Node, Cost]]:
    """Yield each node behind a system's run that has a cost record, with the latest record."""
    for node in answer_nodes(target.run):
        for cost in made.store.costs(node.fingerprint)[-1:]:
            yield node, cost


def _throughput(made: Made, target: Target) -> Iterator[Measurement]:
    for node, cost in _costs(made, target):
        if not cost.call_seconds:
            continue
        name, stage, machine = node.fingerprint, target.stage_names[node.fingerprint], cost.machine
        if cost.halved:
            unique = _name_on_both_sides(target, node)
            yield Measurement.of(
                target, "halved_batches", cost.halved, "times", stage=unique, fingerprint=name, machine=machine
            )
        quantity, value, unit = "", 0.0, ""
        if node.stage.role == "encode" and node.stream[0].gives in (Corpus, Passages):
            noun = "documents" if node.stream[0].gives is Corpus else "passages"
            quantity, value, unit = "encode_rate", cost.items / cost.call_seconds, f"{noun}/s"
        elif node.stage.role == "index":
            quantity, value, unit = "build_seconds", cost.call_seconds, "s"
        if quantity:
            yield Measurement.of(
                target, quantity, value, unit, stage=stage, fingerprint=name, machine=machine, n=cost.items
            )


def _name_on_both_sides(target: Target, node: Node) -> str:
    """Return the name of a stage for a quantity that an encoder has for documents and for queries."""
    name = target.stage_names[node.fingerprint]
    if side_of(node) == "document":
        return name
    documents = (other for other in answer_nodes(target.run) if side_of(other) == "document")
    return query_side_name(name, [target.stage_names[other.fingerprint] for other in documents])


def _seconds(made: Made, target: Target) -> Iterator[Measurement]:
    """Yield the seconds that artifacts of documents took, other than those of encoding and building.

    `reindex_seconds` counts everything that has to be made again when the models change, `gpu_seconds` what was made
    on a GPU.
    """
    for node, cost in _costs(made, target):
        role = node.stage.role
        if role not in ("chunk", "encode", "reduce", "index") or side_of(node) == "query":
            continue
        quantities = [f"{role}_seconds"] if role in ("chunk", "reduce") else []
        if any(above.stage.role == "encode" or isinstance(above.stage, ModelSource) for above in walk(node)):
            quantities.append("reindex_seconds")
        if cost.device.startswith("cuda"):
            quantities.append("gpu_seconds")
        for quantity in quantities:
            yield Measurement.of(
                target,
                quantity,
                cost.call_seconds,
                "s",
                stage=target.stage_names[node.fingerprint],
                fingerprint=node.fingerprint,
                machine=cost.machine,
                n=cost.items,
            )


def _services(made: Made, target: Target) -> Iterator[Measurement]:
    """Yield what services were paid for the artifacts of a system; the two sides of a stage are added up."""
    totals: dict[str, tuple[Node, Paid, int]] = {}
    for node, cost in _costs(made, target):
        paid = Paid(cost.api_tokens, cost.api_usd, cost.api_answers, cost.api_malformed)
        if any(paid):
            _, before, items = totals.get(node.name, (node, Paid(), 0))
            totals[node.name] = (node, before.plus(paid), items + cost.items)
    for stage, (node, paid, items) in totals.items():
        name = node.fingerprint
        if paid.tokens:  # an endpoint may not report tokens
            yield Measurement.of(target, "api_tokens", paid.tokens, "tokens", stage=stage, fingerprint=name, n=items)
        if paid.usd:  # without a price the amount is unknown
            yield Measurement.of(target, "api_usd", paid.usd, "USD", stage=stage, fingerprint=name, n=items)
        if paid.answers:
            yield Measurement.of(
                target,
                "malformed_answers",
                paid.malformed,
                "answers",
                stage=stage,
                fingerprint=name,
                n=paid.answers,
            )


def _written(made: Made, target: Target) -> Iterator[Measurement]:
    """Yield the mean number of tokens that a language model wrote per query; an endpoint bills them as well."""
    for node in answer_nodes(target.run):
        if node.gives is not Drafts or node not in made:
            continue
        counts = [draft.tokens for draft in made.load(node).entries if draft.tokens is not None]
        if counts:
            yield Measurement.of(
                target,
                "written_tokens",
                sum(counts) / len(counts),
                "tokens/query",
                stage=target.stage_names[node.fingerprint],
                fingerprint=node.fingerprint,
                n=len(counts),
            )
