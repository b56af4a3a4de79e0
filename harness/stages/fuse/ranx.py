"""The methods of fusion of ranx that need no training, under the words that `ranx.fuse` has for them.

Left out, because they learn from judgements: bayesfuse, mapfuse, posfuse, probfuse, segfuse, slidefuse. Bassani and
Romelli 2022, doi 10.1145/3511808.3557207; the formulas are in ranx's documentation.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.artifacts.ranx import from_ranx, library, row_names, to_ranx
from harness.artifacts.run import NONE, Run
from harness.stage import Fuser, Runtime
from harness.stages.fuse.base import weights_of

Norm = Literal["min-max", "min-max-inverted", "max", "sum", "zmuv", "rank", "borda"]


class RanxFuser(Fuser):
    """A method of ranx. It sees documents in canonical order, so that a tie is broken as everywhere else."""

    method: ClassVar[str]

    @property
    def recipe(self) -> dict[str, Any]:
        """Name the library as well: another version of it never meets an old run."""
        try:
            return super().recipe | {"provider": f"ranx/{version('ranx')}"}
        except PackageNotFoundError:
            return super().recipe | {"provider": "ranx"}

    def open(self, runtime: Runtime) -> Callable[..., Run]:
        """Import ranx and have it compile what is needed; the call takes one Run a chain. MissingLibrary without it."""
        del runtime  # ranx uses the threads of numba
        library()

        def call(*runs: Run) -> Run:
            weights = weights_of(getattr(self, "weights", None), runs, self.word())
            documents = np.unique(np.concatenate([run.documents.ravel() for run in runs]))
            documents = documents[documents != NONE]
            if not len(documents):
                return Run.top(np.empty((len(runs[0]), 0)), self.depth, rows=runs[0].rows)
            names, queries = row_names(len(documents)), row_names(len(runs[0]))
            found = self._fuse([to_ranx(_renumbered(run, documents), queries, names) for run in runs], weights)
            fused = from_ranx(found, queries, names, self.depth)
            there = fused.documents != NONE
            return Run(np.where(there, documents[fused.documents], NONE).astype(np.int32), fused.scores, runs[0].rows)

        tiny = Run.top(np.array([[1.0, 0.5]]), 2)
        weights = getattr(self, "weights", None) or (1.0,)
        call(*[tiny] * len(weights))  # compiles, which is set-up
        return call

    def _fuse(self, runs: list[Any], weights: Sequence[float]) -> Any:
        said = self.model_dump(exclude={"depth", "norm", "weights"})
        if hasattr(self, "weights"):
            said["weights"] = [float(weight) for weight in weights]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module("ranx.fusion").fusion_switch(self.method)(runs, **said)


class ScoreFuser(RanxFuser):
    """A method that looks at scores."""

    norm: Norm | None = "min-max"
    """How the scores of each run are brought to a common scale first; `null`: not at all."""

    def _fuse(self, runs: list[Any], weights: Sequence[float]) -> Any:
        if self.norm is not None:
            normalize = import_module("ranx.normalization").norm_switch(self.norm)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                runs = normalize(runs) if self.norm == "borda" else [normalize(run) for run in runs]
        return super()._fuse(runs, weights)


class WeightedRanxFuser(RanxFuser):
    """A method that weighs the runs."""

    weights: tuple[float, ...] | None = None
    """One a run, in the order of `of`; 1 each by default."""


def _renumbered(run: Run, documents: np.ndarray) -> Run:
    """Number documents by their place among those found: ranx is given few names, and all of one length."""
    places = np.searchsorted(documents, run.documents).astype(np.int32)
    return Run(np.where(run.documents == NONE, np.int32(NONE), places), run.scores, range(len(run)))


class Sum(ScoreFuser):
    """CombSUM: the sum of the scores; Fox and Shaw 1994."""

    method = "sum"


class Min(ScoreFuser):
    """CombMIN: the smallest score among the runs that hold the document; Fox and Shaw 1994."""

    method = "min"


class Max(ScoreFuser):
    """CombMAX: the largest score; Fox and Shaw 1994."""

    method = "max"


class Med(ScoreFuser):
    """CombMED: the median score; Fox and Shaw 1994."""

    method = "med"


class Anz(ScoreFuser):
    """CombANZ: the mean score over the runs that hold the document; Fox and Shaw 1994."""

    method = "anz"


class Mnz(ScoreFuser):
    """CombMNZ: the sum of the scores times the number of runs that hold the document; Fox and Shaw 1994."""

    method = "mnz"


class Gmnz(ScoreFuser):
    """CombGMNZ: CombMNZ with that number to the power of gamma; Lee 1997."""

    method = "gmnz"
    gamma: float


class Isr(RanxFuser):
    """ISR: the number of runs that hold the document times the sum of 1 / rank squared; Mourão et al. 2015."""

    method = "isr"


class LogIsr(RanxFuser):
    """Log_ISR: ISR with the logarithm of that number, so that what one run alone holds gets 0; Mourão et al. 2015."""

    method = "log_isr"


class LognIsr(RanxFuser):
    """LogN_ISR: Log_ISR with sigma added to the number; Mourão et al. 2015."""

    method = "logn_isr"
    sigma: float = Field(default=0.01, ge=0, le=1)


class Rbc(RanxFuser):
    """Rank-biased centroid: the sum of (1 - phi) phi^(rank - 1); Bailey et al. 2017."""

    method = "rbc"
    phi: float = Field(ge=0, lt=1)


class Rrf(RanxFuser):
    """Reciprocal rank fusion as ranx calculates it; `fuse: rrf` gives the same and needs no compiling."""

    method = "rrf"
    k: int = Field(default=60, ge=0)


class Bordafuse(RanxFuser):
    """BordaFuse: a point for every document below; what a run lacks shares the points left; Aslam and Montague 2001."""

    method = "bordafuse"


class WeightedBordafuse(WeightedRanxFuser):
    """BordaFuse with a weight a run; Aslam and Montague 2001."""

    method = "w_bordafuse"


class Mixed(WeightedRanxFuser, ScoreFuser):
    """The sum of weight times score, times the root of how many runs hold the document; Wu and Crestani 2002."""

    method = "mixed"


class Wmnz(WeightedRanxFuser, ScoreFuser):
    """WMNZ: the sum of scores times the sum of the weights of the runs that hold it; Wu and Crestani 2002."""

    method = "wmnz"


class Wsum(WeightedRanxFuser, ScoreFuser):
    """The sum of weight times score; with `norm: min-max` the same as `fuse: weighted`, which needs no compiling."""

    method = "wsum"


class Condorcet(RanxFuser):
    """CondorcetFuse: documents sorted by majority between two of them; Montague and Aslam 2002.

    Majorities may lead round in a circle; then the answer depends on the order in which documents are compared. ranx
    takes that of a Python set, which is another in every process; here it is the canonical one.
    """

    method = "condorcet"

    def _fuse(self, runs: list[Any], weights: Sequence[float]) -> Any:
        from numba.typed import List

        name = "weighted_condorcet" if hasattr(self, "weights") else "condorcet"
        module, held = import_module(f"ranx.fusion.{name}"), [run.run for run in runs]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            queries, results = List(held[0].keys()), module.get_results(List(held))
            sets = ({key for run in held for key in run[query]} for query in held[0])
            candidates = [List(sorted(found, reverse=True)) if found else _no_names() for found in sets]
            more = [list(weights)] if hasattr(self, "weights") else []
            found = library().Run()
            found.run = module._condorcet_parallel(queries, results, candidates, *more)
            return found


class WeightedCondorcet(WeightedRanxFuser, Condorcet):
    """CondorcetFuse with a weight a run; Montague and Aslam 2002."""

    method = "w_condorcet"


def _no_names() -> Any:
    from numba import types
    from numba.typed import List

    return List.empty_list(types.unicode_type)
