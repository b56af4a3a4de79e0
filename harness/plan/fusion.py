"""Where several systems become one: runs that are fused, searches whose scores are, parameters that are tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.errors import SuiteError
from harness.plan.placement import ChainBuilder, join, place_search
from harness.plan.plan import Chain
from harness.registry import STAGES
from harness.stage import ExhaustiveSearcher, Node, ScoreFuser, Searcher, walk
from harness.stage.node import unfiltered
from harness.suite import Step
from harness.suite.tuning import Tuning


def fuse(step: Step, line: Chain, lay: ChainBuilder) -> Chain:
    """Go on from the ends of other systems: with one run of theirs, or with the candidates' best where it is tuned."""
    if step.tuning is not None:
        return _tuned(step, step.tuning, line, lay)
    stage, arms = step.stages["fuse"], [lay(name) for name in step.of]
    weights = getattr(stage, "weights", None)
    if weights is not None and len(weights) != len(arms):
        said = f"{len(weights)} weights for {len(arms)} systems: say one a system, in the order of 'of'"
        raise SuiteError(f"'{step.role}: {step.word}' has {said}", step.place)
    line = replace(line, found=_same_texts(step, arms))
    if isinstance(stage, ScoreFuser):
        return _fuse_scores(step, stage, line, arms)
    return replace(line, run=join(stage, tuple(arm.run for arm in arms), (), step))


def _same_texts(step: Step, arms: Sequence[Chain]) -> Node | None:
    """Return the passages that all runs hold, None for documents; SuiteError where they are not of the same texts."""
    first = arms[0]
    for name, arm in zip(step.of, arms, strict=True):
        if arm.held.fingerprint != first.held.fingerprint:
            raise SuiteError(
                f"'{step.role}: {step.word}' joins runs of the same texts, but {step.of[0]!r} finds {first.holds} "
                f"and {name!r} {arm.holds}: end those that chunk with a collapse",
                step.place,
            )
    return first.found


def _tuned(step: Step, tuning: Tuning, line: Chain, lay: ChainBuilder) -> Chain:
    """Fuse by every candidate, here and where it is chosen; the tuner then takes what is best there."""

    def tried(where: ChainBuilder) -> list[Chain]:
        arms = [where(name) for name in step.of]
        for name, arm in zip(step.of, arms, strict=True):
            if arm.run is not None and any(node.stage.role == "tune" for node in walk(arm.run)):
                raise SuiteError(f"tune: {name!r} is tuned itself; judgements would be used twice", step.place)
        steps = [replace(step, stages={"fuse": candidate}, tuning=None) for candidate in tuning.candidates]
        return [fuse(one, arms[0], where) for one in steps]

    where = lay.on(tuning.train, step) if tuning.train else lay
    scores = tuple(where.scores(one, tuning.measure, step.place) for one in tried(where))
    lines = tried(lay)
    runs = tuple(one.run for one in lines)
    run = join(STAGES["tune/best"](folds=tuning.folds, seed=tuning.seed), runs, scores, step)
    return replace(line, run=run, found=lines[0].found)


def _fuse_scores(step: Step, stage: ScoreFuser, line: Chain, arms: list[Chain]) -> Chain:
    searchers = [_searcher(step, name, arm) for name, arm in zip(step.of, arms, strict=True)]
    try:
        stage = stage.over(searchers)
    except ValueError as error:
        raise SuiteError(f"'{step.role}: {step.word}' {error}", step.place) from None
    run = place_search(stage, tuple(arm.asks for arm in arms), tuple(arm.index for arm in arms), step, line)
    return replace(line, run=run)


def _searcher(step: Step, name: str, arm: Chain) -> ExhaustiveSearcher:
    """Return the searcher with which a system ends. SuiteError where it ends otherwise, or cannot score everything."""
    run = unfiltered(arm.run) if arm.run is not None else None
    title = f"'{step.role}: {step.word}' scores all documents, and {name!r}"
    if run is None or not isinstance(run.stage, Searcher):
        end = f"with '{run.stage.word()}'" if run else "without a search"
        raise SuiteError(f"{title} ends {end}: name a system that ends with an index", step.place)
    if not isinstance(run.stage, ExhaustiveSearcher):
        raise SuiteError(f"{title} knows those only that its 'index: {run.stage.name}' finds", step.place)
    return run.stage
