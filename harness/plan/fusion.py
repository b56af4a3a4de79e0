"""Wires a fusion: of the runs of several systems, of the scores of their searches, or with tuned parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.errors import SuiteError
from harness.plan.placement import ChainBuilder, place_search, place_stage
from harness.plan.plan import Chain
from harness.registry import STAGES
from harness.stage import ExhaustiveSearcher, Node, ScoreFuser, Searcher, walk
from harness.stage.node import unfiltered
from harness.stage.settings import HasWeights
from harness.suite import Step
from harness.suite.tuning import Tuning


def fuse(step: Step, chain: Chain, builder: ChainBuilder) -> Chain:
    """Continue a chain by the fusion of other systems; if it is tuned, by the best candidate for each query."""
    if step.tuning is not None:
        return _tuned(step, step.tuning, chain, builder)
    stage, arms = step.stages["fuse"], [builder.chain(name) for name in step.of]
    if isinstance(stage, HasWeights) and stage.weights is not None and len(stage.weights) != len(arms):
        counts = f"{len(stage.weights)} weights for {len(arms)} systems"
        raise SuiteError(f"{step.title} has {counts}: give one per system, in the order of 'of'", step.place)
    chain = replace(chain, run_passages=_same_texts(step, arms))
    if isinstance(stage, ScoreFuser):
        return _fuse_scores(step, stage, chain, arms)
    return replace(chain, run=place_stage(stage, tuple(arm.run for arm in arms), (), step))


def _same_texts(step: Step, arms: Sequence[Chain]) -> Node | None:
    """Return the passages that all runs rank, None for documents. Raises SuiteError unless they rank the same texts."""
    first = arms[0]
    for name, arm in zip(step.of, arms, strict=True):
        if arm.ranked.fingerprint != first.ranked.fingerprint:
            raise SuiteError(
                f"{step.title} can only fuse runs of the same texts, but {step.of[0]!r} ranks {first.ranked_texts} "
                f"and {name!r} ranks {arm.ranked_texts}: end the systems that chunk with a collapse",
                step.place,
            )
    return first.run_passages


def _tuned(step: Step, tuning: Tuning, chain: Chain, builder: ChainBuilder) -> Chain:
    """Fuse by every candidate, on this data set and on the one for tuning; the tuner takes the best one there."""

    def fuse_by_each(builder: ChainBuilder) -> list[Chain]:
        arms = [builder.chain(name) for name in step.of]
        for name, arm in zip(step.of, arms, strict=True):
            if arm.run is not None and any(node.stage.role == "tune" for node in walk(arm.run)):
                raise SuiteError(f"tune: {name!r} is tuned itself, so judgements would be used twice", step.place)
        candidates = [replace(step, stages={"fuse": candidate}, tuning=None) for candidate in tuning.candidates]
        return [fuse(candidate, arms[0], builder) for candidate in candidates]

    training = builder.on(tuning.train, step) if tuning.train else builder
    scores = tuple(training.scores(fused, tuning.measure, step.place) for fused in fuse_by_each(training))
    chains = fuse_by_each(builder)
    tuner = STAGES["tune/best"](folds=tuning.folds, seed=tuning.seed)
    run = place_stage(tuner, tuple(fused.run for fused in chains), scores, step)
    return replace(chain, run=run, run_passages=chains[0].run_passages)


def _fuse_scores(step: Step, stage: ScoreFuser, chain: Chain, arms: Sequence[Chain]) -> Chain:
    searchers = [_searcher(step, name, arm) for name, arm in zip(step.of, arms, strict=True)]
    try:
        stage = stage.over(searchers)
    except ValueError as error:
        raise SuiteError(f"{step.title} {error}", step.place) from None
    stream, static = tuple(arm.search_queries[0] for arm in arms), tuple(arm.index for arm in arms)
    return replace(chain, run=place_search(stage, stream, static, step, chain))


def _searcher(step: Step, name: str, arm: Chain) -> ExhaustiveSearcher:
    """Return the searcher that ends a system. Raises SuiteError if none does, or if it cannot score every document."""
    run = unfiltered(arm.run) if arm.run is not None else None
    title = f"{step.title} scores all documents, but {name!r}"
    if run is None or not isinstance(run.stage, Searcher):
        end = f"with '{run.stage.word()}'" if run else "without a search"
        raise SuiteError(f"{title} ends {end}: name a system that ends with an index", step.place)
    if not isinstance(run.stage, ExhaustiveSearcher):
        raise SuiteError(f"{title} only scores those that its 'index: {run.stage.name}' finds", step.place)
    return run.stage
