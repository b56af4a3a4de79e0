"""From the store to a result folder: the numbers of every system, and all that is needed to trust and repeat them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from harness.execute.outcome import Outcome
from harness.plan import Plan
from harness.record.contexts import context_rows, context_table
from harness.record.coverage import Coverage, fit_run_files, run_file_facts
from harness.record.drafts import rewritten_queries
from harness.record.made import Made
from harness.record.making import making
from harness.record.measures import QueryValues, ceilings
from harness.record.passages import passage_files
from harness.record.provenance import Invocation, provenance
from harness.record.runs import judgements, runs, tags
from harness.record.sizes import artifact_sizes, index_sizes
from harness.record.tokens import TokenCounts
from harness.record.tuned import tuned_parameters
from harness.record.warnings import warnings
from harness.results import Measurement
from harness.results.facts import RunFacts
from harness.results.measured import Measured
from harness.results.write import Contents, write_results
from harness.store import Store


def record(
    plan: Plan, outcome: Outcome, store: Store, invocation: Invocation, root: Path, measured: Measured | None = None
) -> Path:
    """Write `root/<suite>/<run>/` and return it.

    A system that failed has rows with the status "failed" and the reason instead of numbers.
    """
    made = Made(plan, outcome.failed, store)
    values = QueryValues(made)
    rows = [*_rows(made, values), *(measured.rows if measured else [])]
    run_files, rewritten = fit_run_files(made), list(rewritten_queries(made))
    cautions = warnings(made, rows, run_files, measured.facts if measured else {})
    run_id, folder, ended = _free_folder(root / plan.suite.name, plan)
    facts = {
        "run": run_id,
        **provenance(made, invocation, ended, rows, cautions).document(),
        "runfiles": [run_file_facts(made, run_file) for run_file in run_files],
        "tuned": tuned_parameters(made),
        "rewritten": [queries.facts for queries in rewritten],
        **({"latency": dict(measured.facts)} if measured else {}),
    }
    contents = Contents(
        facts=RunFacts.model_validate(facts).document(),
        measurements=rows,
        per_query=values.per_query(),
        tags=tags(made),
        runs=runs(made),
        qrels=judgements(made),
        passages=passage_files(made),
        contexts=context_table(made),
        drafts={queries.file: queries.drafts for queries in rewritten},
        latency=measured.laps if measured else None,
    )
    return write_results(folder, contents)


def _rows(made: Made, values: QueryValues) -> Iterator[Measurement]:
    """Yield the rows of measurements.jsonl that are not timed, system by system."""
    coverage, tokens = Coverage(made), TokenCounts(made)
    for target in made.plan.targets:
        yield from values.rows(target)
        yield from context_rows(made, target)
        if target.run.fingerprint not in made.failed:
            yield from coverage.rows(target)
            yield from ceilings(made, target)
            yield from index_sizes(made, target)
            yield from making(made, target)
            yield from artifact_sizes(made, target)
            yield from tokens.rows(target)


def _free_folder(parent: Path, plan: Plan) -> tuple[str, Path, datetime]:
    """Return the name of the run, its folder, and the present time.

    Two runs in one second do not share a folder: the later one waits for the next second.
    """
    while True:
        ended = datetime.now(UTC)
        run_id = f"{ended:%Y%m%dT%H%M%SZ}-{plan.fingerprint[:6]}"
        if not (parent / run_id).exists():
            return run_id, parent / run_id, ended
        time.sleep(0.2)
