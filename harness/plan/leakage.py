"""Refuses to choose parameters on queries that are also reported."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.text import Queries
from harness.errors import SuiteError
from harness.plan.leaves import DatasetLeaf, Leaves
from harness.store import Store
from harness.suite import Step
from harness.suite.selection import Selection


def refuse_leakage(selection: Selection, leaves: Leaves, store: Store) -> None:
    """Raise SuiteError if parameters would be chosen on queries that are reported.

    Queries are the same if their texts are, or if they have the same id and search the same documents. Data sets that
    were not read yet are skipped; they are checked before anything runs.
    """
    steps = {step.tuning.train: step for step in reversed(selection.tuning_steps) if step.tuning}
    for name, step in steps.items():
        training = leaves.collections[str(name)]
        for reported in (leaves.collections[dataset] for dataset in selection.datasets):
            if training.known and reported.known:
                _refuse(step, training, reported, store)


def _refuse(step: Step, training: DatasetLeaf, reported: DatasetLeaf, store: Store) -> None:
    ours, theirs = (store.load(leaf.queries.fingerprint, Queries).table for leaf in (reported, training))
    shared = pc.is_in(_normalized(ours["text"]), value_set=_normalized(theirs["text"]))
    if training.corpus == reported.corpus:
        shared = pc.or_(shared, pc.is_in(ours["id"], value_set=theirs["id"].combine_chunks()))
    count = pc.sum(shared).as_py()
    if count:
        first = ours["id"].filter(shared)[0].as_py()
        raise SuiteError(
            f"tune: {count} of the {ours.num_rows} queries of {reported.name!r}, such as {first!r}, are also in "
            f"{training.name!r}; parameters must not be chosen on reported queries: use another split, or folds",
            step.place,
        )


def _normalized(texts: pa.ChunkedArray) -> pa.Array:
    return pc.utf8_lower(pc.utf8_trim_whitespace(texts)).combine_chunks()
