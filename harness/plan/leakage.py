"""Data sets that parameters are chosen on: which a run needs, and that their queries are not those it reports."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.text import Queries
from harness.errors import SuiteError
from harness.plan.leaves import DatasetLeaf, Leaves
from harness.store import Store
from harness.suite import Step, Suite, System


def training_steps(suite: Suite, systems: Mapping[str, System]) -> list[Step]:
    """Return the steps of these systems, and of those they are built from, that choose on a data set of their own."""
    found: list[Step] = []

    def collect(system: System) -> None:
        for step in system.steps:
            found.extend([step] if step.tuning and step.tuning.train else [])
            for name in (step.word,) if step.role == "from" else step.of:
                collect(suite.systems[name])

    for system in systems.values():
        collect(system)
    return found


def refuse_shared(suite: Suite, systems: Mapping[str, System], leaves: Leaves, store: Store) -> None:
    """Raise SuiteError where parameters would be chosen on queries that are reported.

    The same text is the same query, and on the same documents so is the same id. What was not read yet cannot be
    looked at; it is, before anything runs.
    """
    for step in training_steps(suite, systems):
        assert step.tuning is not None  # noqa: S101  what `training_steps` looks for
        train = leaves.collections[str(step.tuning.train)]
        for test in leaves.collections.values():
            if test.name not in suite.trained and train.known and test.known:
                _refuse(step, train, test, store)


def _refuse(step: Step, train: DatasetLeaf, test: DatasetLeaf, store: Store) -> None:
    mine, theirs = (store.load(one.queries.fingerprint, Queries).table for one in (test, train))
    shared = pc.is_in(_plain(mine["text"]), value_set=_plain(theirs["text"]))
    if train.corpus == test.corpus:
        shared = pc.or_(shared, pc.is_in(mine["id"], value_set=theirs["id"].combine_chunks()))
    count = pc.sum(shared).as_py()
    if count:
        first = mine["id"].filter(shared)[0].as_py()
        raise SuiteError(
            f"tune: {count} of the {mine.num_rows} queries of {test.name!r} are also in {train.name!r}, as {first!r}; "
            "parameters are chosen on other queries than those reported: take another split, or folds",
            step.place,
        )


def _plain(texts: pa.ChunkedArray) -> pa.Array:
    return pc.utf8_lower(pc.utf8_trim_whitespace(texts)).combine_chunks()
